use super::filter::{Rule, rules};
use super::syntax::Statement;
use crate::ParseError;
use serde::Serialize;
use std::collections::HashMap;

/// A protocol, or a template for some. What a template sets is in force where the protocol does not say otherwise.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Protocol {
    /// `bgp`, `kernel`, `device`, `direct`, `static`.
    pub kind: String,
    /// `null` where BIRD makes a name of its own, such as `kernel1`.
    pub name: Option<String>,
    pub template: Option<String>,
    pub description: Option<String>,
    /// `all`, `none`, the name of a filter, or `filter` for one written in place.
    pub import: Option<String>,
    pub import_rules: Vec<Rule>,
    pub export: Option<String>,
    pub export_rules: Vec<Rule>,
    pub scan_time_s: Option<u32>,
    /// BGP and kernel: routes are kept while the other side restarts.
    pub graceful_restart: bool,
    pub disabled: bool,
    /// Static only.
    pub routes: Vec<StaticRoute>,
    /// BGP only.
    pub bgp: Option<Bgp>,
    /// All its own statements, as written, without those of its template.
    pub settings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Bgp {
    pub neighbor_address: Option<String>,
    pub neighbor_as: Option<u32>,
    /// `null` means 179.
    pub neighbor_port: Option<u16>,
    pub local_address: Option<String>,
    pub local_as: Option<u32>,
    pub local_port: Option<u16>,
    pub source_address: Option<String>,
    /// It waits for the neighbour to connect.
    pub passive: bool,
    /// Whether a password is set. The password itself is dropped here.
    pub password: bool,
    /// The neighbour need not be on a network of this node.
    pub multihop: bool,
    pub ttl_security: bool,
    /// The neighbour is a client of this route reflector.
    pub route_reflector_client: bool,
    pub cluster_id: Option<String>,
    /// `self` or `keep`.
    pub next_hop: Option<String>,
    /// How often the own AS may be in a path.
    pub allow_local_as: Option<u32>,
    pub hold_time_s: Option<u32>,
    pub connect_retry_s: Option<u32>,
    pub graceful_restart_s: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StaticRoute {
    pub network: String,
    /// `blackhole`, `reject`, `via 192.0.2.1`, ...
    pub target: String,
}

/// The templates of a file by name.
pub(super) struct Templates<'a> {
    by_name: HashMap<&'a str, &'a Statement>,
    /// How many statements protocols have taken over so far.
    taken: usize,
}

/// A mesh of 5,000 nodes takes over 60,000. The limit is for files that were made to hurt.
const MAX_TAKEN: usize = 1_000_000;
/// Templates use templates, in a ring if someone writes it so.
const MAX_CHAIN: usize = 10;

impl<'a> Templates<'a> {
    pub(super) fn new(statements: &'a [Statement]) -> Self {
        let templates = statements.iter().filter(|s| s.text.starts_with("template "));
        let by_name = templates.filter_map(|s| Some((header(&s.text)?.1?, s))).collect();
        Templates { by_name, taken: 0 }
    }

    /// The template of that name and those that it uses, the nearest first.
    fn chain(&mut self, name: Option<&str>, user: &Statement) -> Result<Vec<&'a Statement>, ParseError> {
        let mut chain = Vec::new();
        let mut next = name.and_then(|n| self.by_name.get(n));
        while let Some(template) = next.filter(|_| chain.len() < MAX_CHAIN) {
            self.taken += template.block.as_ref().map_or(0, Vec::len);
            chain.push(*template);
            next = header(&template.text).and_then(|h| self.by_name.get(h.2?));
        }
        if self.taken > MAX_TAKEN {
            return Err(ParseError::new(
                user.line,
                &user.text,
                "templates that are not this large in all",
            ));
        }
        Ok(chain)
    }
}

impl Protocol {
    /// `protocol bgp Mesh_198_18_0_2 from bgp_template { ... }`
    pub(super) fn new(statement: &Statement, templates: &mut Templates<'_>) -> Result<Self, ParseError> {
        let expected = || {
            ParseError::new(
                statement.line,
                &statement.text,
                "`protocol KIND [NAME] [from TEMPLATE]`",
            )
        };
        let (kind, name, template) = header(&statement.text).ok_or_else(expected)?;
        let mut protocol = Protocol {
            kind: kind.to_owned(),
            ..Protocol::default()
        };
        protocol.bgp = (kind == "bgp").then(Bgp::default);
        for template in templates.chain(template, statement)?.into_iter().rev() {
            protocol.statements(template.block.as_deref().unwrap_or_default())?;
        }
        protocol.statements(statement.block.as_deref().unwrap_or_default())?;
        protocol.name = name.map(str::to_owned);
        protocol.template = template.map(str::to_owned);
        let own = statement.block.iter().flatten().map(Statement::flat);
        protocol.settings = own
            .map(|s| {
                if s.starts_with("password ") {
                    "password ****".to_owned()
                } else {
                    s
                }
            })
            .collect();
        Ok(protocol)
    }

    fn statements(&mut self, block: &[Statement]) -> Result<(), ParseError> {
        for statement in block {
            let text = statement.text.as_str();
            let words: Vec<&str> = text.split(' ').collect();
            match words[..] {
                // Channels of BIRD 2: `ipv4 { import all; }`.
                ["ipv4" | "ipv6"] => self.statements(statement.block.as_deref().unwrap_or_default())?,
                ["import", ..] => (self.import, self.import_rules) = filter(statement)?,
                ["export", ..] => (self.export, self.export_rules) = filter(statement)?,
                ["scan", "time", time] => self.scan_time_s = time.parse().ok(),
                ["graceful", "restart", ..] if words.get(2) != Some(&"time") => {
                    self.graceful_restart = is_on(&words[2..])
                }
                ["disabled", ..] => self.disabled = is_on(&words[1..]),
                ["description", ..] => {
                    self.description = Some(text["description".len()..].trim().trim_matches('"').to_owned())
                }
                ["route", network, ..] => {
                    let target = words[2..].join(" ");
                    self.routes.push(StaticRoute {
                        network: network.to_owned(),
                        target,
                    });
                }
                _ => {
                    if let Some(bgp) = &mut self.bgp {
                        bgp.statement(&words);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Bgp {
    fn statement(&mut self, words: &[&str]) {
        match words {
            ["neighbor", rest @ ..] => {
                let (address, port, number) = endpoint(rest);
                (self.neighbor_address, self.neighbor_port, self.neighbor_as) = (address, port, number);
            }
            ["local", rest @ ..] => {
                let (address, port, number) = endpoint(rest);
                self.local_address = address.or(self.local_address.take());
                self.local_port = port.or(self.local_port);
                self.local_as = number.or(self.local_as);
            }
            ["source", "address", address] => self.source_address = Some((*address).to_owned()),
            ["passive", rest @ ..] => self.passive = is_on(rest),
            ["password", ..] => self.password = true,
            ["multihop", ..] => self.multihop = true,
            ["direct"] => self.multihop = false,
            ["ttl", "security", rest @ ..] => self.ttl_security = is_on(rest),
            ["rr", "client"] => self.route_reflector_client = true,
            ["rr", "cluster", "id", id] => self.cluster_id = Some((*id).to_owned()),
            ["next", "hop", how, ..] => self.next_hop = Some((*how).to_owned()),
            ["allow", "local", "as", rest @ ..] => {
                self.allow_local_as = rest.first().map_or(Some(1), |n| n.parse().ok())
            }
            ["hold", "time", time] => self.hold_time_s = time.parse().ok(),
            ["connect", "retry", "time", time] => self.connect_retry_s = time.parse().ok(),
            ["graceful", "restart", "time", time] => self.graceful_restart_s = time.parse().ok(),
            _ => {}
        }
    }
}

/// Kind, name and template of `protocol KIND [NAME] [from TEMPLATE]`.
fn header(text: &str) -> Option<(&str, Option<&str>, Option<&str>)> {
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        [_, kind] => Some((kind, None, None)),
        [_, kind, "from", template] => Some((kind, None, Some(template))),
        [_, kind, name] => Some((kind, Some(name), None)),
        [_, kind, name, "from", template] => Some((kind, Some(name), Some(template))),
        _ => None,
    }
}

/// Address, port and AS of `198.18.0.2 port 1790 as 64512`, in any order.
fn endpoint(words: &[&str]) -> (Option<String>, Option<u16>, Option<u32>) {
    let after = |name: &str| words.iter().position(|w| *w == name).and_then(|i| words.get(i + 1));
    let address = words
        .first()
        .filter(|w| !matches!(**w, "as" | "port"))
        .map(|w| (*w).to_owned());
    (
        address,
        after("port").and_then(|p| p.parse().ok()),
        after("as").and_then(|a| a.parse().ok()),
    )
}

/// `import all`, `export filter NAME`, `import filter { ... }`, `export where ...`
fn filter(statement: &Statement) -> Result<(Option<String>, Vec<Rule>), ParseError> {
    let what = statement.text.split_once(' ').map_or("", |(_, what)| what);
    let name = what.strip_prefix("filter ").unwrap_or(what).trim_matches('\'');
    let found = rules(statement.block.as_deref().unwrap_or_default())?;
    Ok((Some(name.to_owned()).filter(|n| !n.is_empty()), found))
}

/// A switch is on unless it says otherwise.
fn is_on(words: &[&str]) -> bool {
    !matches!(words.first(), Some(&"off" | &"no"))
}
