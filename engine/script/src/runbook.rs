//! A loaded runbook: its header, parameters and plan, read without running it.

use crate::{ScriptError, Source, data::from_dynamic};
use rhai::{AST, ASTNode, Dynamic, Expr, Position, Stmt};
use serde::Serialize;
use serde_json::Value;

/// What kind of value a parameter takes; flags, completion and checks follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamKind {
    /// `namespace/name`.
    Pod,
    /// `namespace/name`, or an IP address.
    PodOrAddress,
    Node,
    Address,
    Cidr,
    /// `5432/tcp`.
    Port,
    /// `namespace/name[:port]`.
    Service,
    Namespace,
    String,
    Int,
    Float,
    Bool,
}

impl ParamKind {
    const ALL: [(&'static str, ParamKind); 12] = [
        ("pod", ParamKind::Pod),
        ("pod-or-address", ParamKind::PodOrAddress),
        ("node", ParamKind::Node),
        ("address", ParamKind::Address),
        ("cidr", ParamKind::Cidr),
        ("port", ParamKind::Port),
        ("service", ParamKind::Service),
        ("namespace", ParamKind::Namespace),
        ("string", ParamKind::String),
        ("int", ParamKind::Int),
        ("float", ParamKind::Float),
        ("bool", ParamKind::Bool),
    ];

    /// Reads what a person typed. The error says what would have been right.
    pub fn read(self, text: &str) -> Result<Value, String> {
        let name = |t: &str| {
            !t.is_empty() && t.len() <= 253 && t.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
        };
        let namespaced = |t: &str| matches!(t.split_once('/'), Some((ns, n)) if name(ns) && name(n));
        let address = |t: &str| t.parse::<std::net::IpAddr>().is_ok();
        let keep = |ok: bool, what: &str| {
            if ok {
                Ok(text.into())
            } else {
                Err(format!("`{text}` is not {what}"))
            }
        };
        match self {
            ParamKind::Pod => keep(namespaced(text), "a pod: say namespace/name"),
            ParamKind::PodOrAddress => keep(
                namespaced(text) || address(text),
                "a pod or an address: say namespace/name or 10.1.2.3",
            ),
            ParamKind::Node | ParamKind::Namespace => keep(name(text), "a name"),
            ParamKind::Address => keep(address(text), "an IP address"),
            ParamKind::Cidr => {
                let parts = text
                    .split_once('/')
                    .map(|(a, l)| (a.parse::<std::net::IpAddr>(), l.parse::<u8>()));
                let fits = |a: &std::net::IpAddr, l: u8| l <= if a.is_ipv4() { 32 } else { 128 };
                keep(
                    matches!(parts, Some((Ok(a), Ok(l))) if fits(&a, l)),
                    "a prefix: say 10.1.0.0/16",
                )
            }
            ParamKind::Port => {
                let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
                let ok = port.parse::<u16>().is_ok_and(|p| p > 0) && ["tcp", "udp", "sctp"].contains(&protocol);
                keep(ok, "a port: say 5432/tcp")
            }
            ParamKind::Service => {
                let plain = text.rsplit_once(':').map_or(text, |(s, _)| s);
                keep(
                    namespaced(plain),
                    "a Service: say namespace/name or namespace/name:port",
                )
            }
            ParamKind::String => Ok(text.into()),
            ParamKind::Int => text
                .parse::<i64>()
                .map(Value::from)
                .map_err(|_| format!("`{text}` is not a whole number")),
            ParamKind::Float => text
                .parse::<f64>()
                .map(Value::from)
                .map_err(|_| format!("`{text}` is not a number")),
            ParamKind::Bool => text
                .parse::<bool>()
                .map(Value::from)
                .map_err(|_| format!("`{text}` is not true or false")),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Param {
    pub name: String,
    pub kind: ParamKind,
    pub help: String,
    pub required: bool,
    pub default: Value,
}

/// A step as the syntax tree shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedStep {
    pub id: String,
    pub title: String,
    pub line: usize,
}

#[derive(Debug, Clone)]
pub struct Runbook {
    pub source: Source,
    pub ast: AST,
    /// The header, Markdown.
    pub doc: String,
    pub params: Vec<Param>,
    pub plan: Vec<PlannedStep>,
}

impl Runbook {
    /// The first line of the header.
    pub fn summary(&self) -> &str {
        self.doc.lines().find(|l| !l.trim().is_empty()).unwrap_or_default()
    }
}

pub(crate) fn read_params(listed: &Dynamic) -> Result<Vec<Param>, String> {
    let listed = from_dynamic(listed)?;
    let items = listed.as_array().ok_or("returns no list")?;
    items.iter().map(read_param).collect()
}

fn read_param(item: &Value) -> Result<Param, String> {
    let map = item.as_object().ok_or("an entry is no map")?;
    let name = map
        .get("name")
        .and_then(Value::as_str)
        .ok_or("an entry has no `name`")?
        .to_string();
    let known = ["name", "kind", "help", "required", "default"];
    if let Some(key) = map.keys().find(|k| !known.contains(&k.as_str())) {
        return Err(format!("`{name}` has `{key}`; keys: {}", known.join(", ")));
    }
    let text = |key: &str, otherwise: &str| map.get(key).and_then(Value::as_str).unwrap_or(otherwise).to_string();
    let kind = text("kind", "string");
    let found = ParamKind::ALL.iter().find(|(word, _)| *word == kind);
    let (_, kind) = found.ok_or_else(|| {
        let all = ParamKind::ALL.map(|(word, _)| word).join(", ");
        format!("`{name}` has kind `{kind}`; kinds: {all}")
    })?;
    Ok(Param {
        kind: *kind,
        help: text("help", ""),
        required: map.get("required").and_then(Value::as_bool).unwrap_or(false),
        default: map.get("default").cloned().unwrap_or(Value::Null),
        name,
    })
}

pub(crate) fn describe(source: &Source, ast: AST, params: Vec<Param>) -> Result<Runbook, Box<ScriptError>> {
    let wrong = |message: String, at: Position| Box::new(ScriptError::at(message, &source.path, at, &source.text));
    if !ast.iter_functions().any(|f| f.name == "main" && f.params.len() == 1) {
        return Err(wrong(
            "no function `main(p)`: a runbook begins there".into(),
            Position::new(1, 1),
        ));
    }
    let mut plan: Vec<PlannedStep> = vec![];
    let mut error = None;
    ast.walk(&mut |path| {
        let call = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at))) => Some((call, *at)),
            Some(ASTNode::Stmt(Stmt::FnCall(call, at))) => Some((call, *at)),
            _ => None,
        };
        if let Some((call, at)) = call.filter(|(c, _)| c.name == "step" && c.args.len() == 3 && !c.is_qualified()) {
            match (literal(&call.args[0]), literal(&call.args[1])) {
                (Some(id), Some(title)) => {
                    if plan.iter().any(|s| s.id == id) {
                        error = Some((format!("two steps are called `{id}`"), at));
                    }
                    plan.push(PlannedStep {
                        id,
                        title,
                        line: at.line().unwrap_or(0),
                    });
                }
                _ => {
                    error = Some((
                        "id and title of a step are literals, so that the plan can be read".into(),
                        at,
                    ))
                }
            }
        }
        error.is_none()
    });
    if let Some((message, at)) = error {
        return Err(wrong(message, at));
    }
    plan.sort_by_key(|s| s.line);
    let doc = header(&source.text);
    Ok(Runbook {
        source: source.clone(),
        ast,
        doc,
        params,
        plan,
    })
}

fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        _ => None,
    }
}

/// The `//!` lines at the top.
fn header(text: &str) -> String {
    let lines = text.lines().take_while(|l| l.starts_with("//!"));
    lines
        .map(|l| {
            l.trim_start_matches("//!")
                .strip_prefix(' ')
                .unwrap_or(l.trim_start_matches("//!"))
        })
        .collect::<Vec<_>>()
        .join("\n")
}
