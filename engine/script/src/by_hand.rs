//! What each step asks and can find, read from the script: so that a person can follow it by hand.

use crate::{
    Host, Runbook,
    docs::{self, FunctionDoc},
    facts,
    modules::{calico, kube},
};
use rhai::{AST, ASTNode, Expr, Stmt};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A step as a person would take it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ByHand {
    pub id: String,
    /// Commands that ask the API.
    pub api: Vec<String>,
    #[serde(skip)]
    lists: Vec<String>,
    /// Commands on the nodes that the step looks at.
    pub node: Vec<String>,
    /// Commands in the pods that the step looks at.
    pub pod: Vec<String>,
    /// What is sent or read otherwise, in words.
    pub other: Vec<String>,
    /// Codes of the catalogue that the step can name.
    pub codes: Vec<String>,
}

impl Host {
    /// What each step of a runbook asks and can find. What an earlier step asked is known and not told again.
    pub fn by_hand(&self, runbook: &Runbook) -> Vec<ByHand> {
        let scripts = Scripts::of(self, runbook);
        let documented: Vec<FunctionDoc> = docs::module_docs(self.engine())
            .into_iter()
            .flat_map(|m| m.functions)
            .collect();
        let mut told = BTreeSet::new();
        let ends = runbook
            .plan
            .iter()
            .skip(1)
            .map(|s| s.line)
            .chain([scripts.end_of_main()]);
        let steps = runbook.plan.iter().zip(ends);
        steps
            .map(|(step, end)| {
                let mut found = ByHand {
                    id: step.id.clone(),
                    ..ByHand::default()
                };
                let seen = scripts.reach(step.line, end);
                found.codes = seen.codes.into_iter().collect();
                for call in seen.calls {
                    found.add(&call, &documented, &mut told);
                }
                for fact in seen.facts {
                    found.add(&Call::plain("node", &fact), &documented, &mut told);
                }
                found.put_lists_together();
                found
            })
            .collect()
    }
}

impl ByHand {
    fn add(&mut self, call: &Call, documented: &[FunctionDoc], told: &mut BTreeSet<String>) {
        let name = format!("{}::{}", call.module, call.function);
        let fact = facts::by_name(&call.function).map(|f| f.forms[0].join(" "));
        let mut say = |list: &mut Vec<String>, text: String| {
            if told.insert(format!("{}{text}", call.module)) {
                list.push(text);
            }
        };
        match (call.module.as_str(), call.function.as_str(), fact) {
            ("node", _, Some(command)) => say(&mut self.node, command),
            ("pod", _, Some(command)) => say(&mut self.pod, command),
            ("kube", "get", _) if call.words.len() > 1 => {
                let kind = kube::kubectl_name(&call.words[0]);
                say(
                    &mut self.api,
                    format!("kubectl get {kind} {}", call.words[1..].join(" ")),
                );
            }
            ("kube", ..) => call
                .words
                .iter()
                .for_each(|kind| say(&mut self.lists, kube::kubectl_name(kind))),
            ("calico", function, _) if !calico::kinds(function).is_empty() => calico::kinds(function)
                .iter()
                .for_each(|kind| say(&mut self.lists, kube::kubectl_name(kind))),
            _ => {
                if let Some(text) = documented.iter().find(|f| f.name == name).and_then(source) {
                    say(&mut self.other, text);
                }
            }
        }
    }

    /// One command for all complete lists.
    fn put_lists_together(&mut self) {
        if !self.lists.is_empty() {
            let command = format!("kubectl get {} -A -o yaml", self.lists.join(","));
            self.api.insert(0, command);
            self.lists.clear();
        }
    }
}

/// What the documentation of a function says that it asks; nothing where it only computes.
fn source(function: &FunctionDoc) -> Option<String> {
    let doc = function.doc.replace('\n', " ");
    let said = doc.split("Source: ").nth(1)?.split(". Effect:").next()?;
    Some(said.trim().trim_end_matches('.').to_string())
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    module: String,
    function: String,
    /// The literal text among its arguments.
    words: Vec<String>,
}

impl Call {
    fn plain(module: &str, function: &str) -> Call {
        Call {
            module: module.into(),
            function: function.into(),
            words: vec![],
        }
    }
}

/// Everything that can be reached from some lines.
#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    facts: BTreeSet<String>,
    codes: BTreeSet<String>,
    functions: BTreeSet<(String, String)>,
}

/// The runbook, and the modules that it imports, by name; the runbook's own is empty.
struct Scripts(BTreeMap<String, Script>);

struct Script {
    /// The lines of each function.
    functions: BTreeMap<String, (usize, usize)>,
    imports: BTreeMap<String, String>,
    calls: Vec<(usize, Call)>,
    /// Literal texts, for names of facts and codes.
    words: Vec<(usize, String)>,
    codes: Vec<(usize, String)>,
}

impl Scripts {
    fn of(host: &Host, runbook: &Runbook) -> Scripts {
        let mut all = BTreeMap::new();
        let own = Script::read(&runbook.ast, &runbook.source.text);
        let mut wanted: Vec<String> = own.imports.values().cloned().collect();
        all.insert(String::new(), own);
        while let Some(name) = wanted.pop() {
            if all.contains_key(&name) {
                continue;
            }
            let source = host.library().module(&name);
            // A module that does not compile is told when the runbook is checked or run.
            let Some((source, ast)) =
                source.and_then(|s| Some((s.clone(), host.engine().compile(s.text.as_ref()).ok()?)))
            else {
                continue;
            };
            let script = Script::read(&ast, &source.text);
            wanted.extend(script.imports.values().cloned());
            all.insert(name, script);
        }
        Scripts(all)
    }

    fn end_of_main(&self) -> usize {
        let main = self.0.get("").and_then(|s| s.functions.get("main"));
        main.map_or(usize::MAX, |(_, end)| *end)
    }

    /// What the runbook's lines from `first` to before `end` call, themselves and through functions.
    fn reach(&self, first: usize, end: usize) -> Seen {
        let mut seen = Seen::default();
        self.visit("", first, end, &mut seen);
        // Facts that are asked in bulk are named as text.
        if !seen.calls.iter().any(|c| c.function == "observe") {
            seen.facts.clear();
        }
        seen
    }

    fn visit(&self, module: &str, first: usize, end: usize, seen: &mut Seen) {
        let Some(script) = self.0.get(module) else { return };
        let inside = |line: &usize| (first..end).contains(line);
        let codes = script.codes.iter().filter(|(line, _)| inside(line));
        seen.codes.extend(codes.map(|(_, code)| code.clone()));
        let named = script
            .words
            .iter()
            .filter(|(line, word)| inside(line) && facts::by_name(word).is_some());
        seen.facts.extend(named.map(|(_, word)| word.clone()));
        for (_, call) in script.calls.iter().filter(|(line, _)| inside(line)) {
            let target = match script.imports.get(&call.module) {
                Some(imported) => imported.as_str(),
                None if call.module.is_empty() => module,
                None => {
                    if !seen.calls.contains(call) {
                        seen.calls.push(call.clone());
                    }
                    continue;
                }
            };
            let lines = self.0.get(target).and_then(|s| s.functions.get(&call.function));
            if let Some((first, end)) = lines.copied()
                && seen.functions.insert((target.into(), call.function.clone()))
            {
                self.visit(target, first, end, seen);
            }
        }
    }
}

impl Script {
    fn read(ast: &AST, text: &str) -> Script {
        let mut script = Script {
            functions: functions(text),
            imports: BTreeMap::new(),
            calls: vec![],
            words: vec![],
            codes: vec![],
        };
        ast.walk(&mut |path| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Import(import, _))) => {
                    if let Expr::StringConstant(module, _) = &import.0 {
                        script.imports.insert(import.1.name.to_string(), module.to_string());
                    }
                }
                Some(
                    ASTNode::Expr(Expr::FnCall(call, at) | Expr::MethodCall(call, at))
                    | ASTNode::Stmt(Stmt::FnCall(call, at)),
                ) => {
                    let words = call.args.iter().flat_map(texts).collect();
                    let module = call.namespace.to_string().trim_end_matches(':').to_string();
                    let function = call.name.to_string();
                    script.calls.push((
                        at.line().unwrap_or(0),
                        Call {
                            module,
                            function,
                            words,
                        },
                    ));
                }
                Some(ASTNode::Expr(Expr::StringConstant(word, at))) => {
                    let line = at.line().unwrap_or(0);
                    script.words.push((line, word.to_string()));
                    if is_code(word) {
                        script.codes.push((line, word.to_string()));
                    }
                }
                Some(ASTNode::Expr(Expr::DynamicConstant(value, at))) => {
                    for word in value.clone().into_typed_array::<String>().unwrap_or_default() {
                        script.words.push((at.line().unwrap_or(0), word));
                    }
                }
                _ => {}
            }
            true
        });
        script
    }
}

/// Literal texts of an argument, those in a list too.
fn texts(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::StringConstant(text, _) => vec![text.to_string()],
        Expr::Array(items, _) => items.iter().flat_map(texts).collect(),
        Expr::DynamicConstant(value, _) => value.clone().into_typed_array::<String>().unwrap_or_default(),
        _ => vec![],
    }
}

/// `VETH-MISSING`: words of the catalogue look like nothing else.
fn is_code(word: &str) -> bool {
    word.contains('-')
        && word.len() > 4
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-')
}

/// The lines of each function: from its `fn` at the start of a line to the next one.
fn functions(text: &str) -> BTreeMap<String, (usize, usize)> {
    let starts: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .filter_map(|(at, line)| {
            let rest = line.strip_prefix("private ").unwrap_or(line).strip_prefix("fn ")?;
            Some((at + 1, rest.split('(').next()?.trim()))
        })
        .collect();
    let ends = starts.iter().skip(1).map(|(line, _)| *line).chain([usize::MAX]);
    let named = starts.iter().zip(ends);
    named
        .map(|((line, name), end)| ((*name).into(), (*line, end)))
        .collect()
}
