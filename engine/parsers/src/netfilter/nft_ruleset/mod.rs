//! `nft list ruleset`, as text and as JSON (`nft -j`).

mod elements;
mod json;
mod rule;
mod text;

use crate::{ParseError, Unparsed};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct NftRuleset {
    pub tables: Vec<Table>,
    /// Comments between tables: newer versions say there which tables belong to `iptables-nft`.
    pub warnings: Vec<String>,
    pub unparsed: Vec<Unparsed>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Table {
    /// `ip`, `ip6`, `inet`, `arp`, `bridge`, `netdev`.
    pub family: String,
    pub name: String,
    pub handle: Option<u64>,
    pub comment: Option<String>,
    /// `dormant`: its chains are not in force.
    pub flags: Vec<String>,
    pub chains: Vec<Chain>,
    pub sets: Vec<Set>,
    pub maps: Vec<Map>,
    pub flowtables: Vec<Flowtable>,
    /// Stateful objects: counters, quotas, limits, conntrack helpers.
    pub objects: Vec<Object>,
    /// Whether its closing brace was there: without it the output was cut off.
    pub complete: bool,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Chain {
    pub name: String,
    pub handle: Option<u64>,
    pub comment: Option<String>,
    /// `filter`, `nat`, `route` for base chains; a chain without a type and hook is only jumped to.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `prerouting`, `input`, `forward`, `output`, `postrouting`, `ingress`, `egress`.
    pub hook: Option<String>,
    pub devices: Vec<String>,
    /// As a number: at one hook, chains with lower numbers come first.
    pub priority: Option<i64>,
    /// As printed: `srcnat + 10`; `null` in the JSON form, which has numbers only.
    pub priority_text: Option<String>,
    /// `accept` or `drop`.
    pub policy: Option<String>,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Rule {
    /// As printed; `null` in the JSON form. The text form leaves out what only `iptables-nft` can print: `xt match set`
    /// without the name of the set, and some targets altogether.
    pub text: Option<String>,
    /// The statements of the JSON form; `null` in the text form.
    pub expr: Option<serde_json::Value>,
    pub handle: Option<u64>,
    pub counter: Option<Counter>,
    /// `null` for a rule that only counts, marks or logs.
    pub verdict: Option<Verdict>,
    pub comment: Option<String>,
}

/// Since the rule was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counter {
    pub packets: u64,
    pub bytes: u64,
}

/// What happens to a packet that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// `accept`, `drop`, `return`, `continue`, `jump`, `goto`, `vmap`, `reject`, `queue`, `masquerade`, `snat`, `dnat`,
    /// `redirect`, `tproxy`.
    pub kind: String,
    /// The chain, the verdict map (`@NAME` or its elements), or what follows `dnat` and its kin.
    pub target: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Set {
    pub name: String,
    pub handle: Option<u64>,
    pub comment: Option<String>,
    /// `ipv4_addr`, `ipv4_addr . inet_proto . inet_service`
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub flags: Vec<String>,
    /// Other properties as printed: `size 65535`, `timeout 1m`, `auto-merge`.
    pub properties: Vec<String>,
    pub elements: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Map {
    pub name: String,
    pub handle: Option<u64>,
    pub comment: Option<String>,
    /// The type of the key: `ifname`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The type of the value; `verdict` for a verdict map.
    pub value_type: Option<String>,
    pub flags: Vec<String>,
    pub properties: Vec<String>,
    pub elements: Vec<MapElement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MapElement {
    pub key: String,
    /// A value, or a verdict: `goto filter-cali-fw-cali917a7637d23`.
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Flowtable {
    pub name: String,
    pub handle: Option<u64>,
    pub hook: Option<String>,
    pub priority: Option<i64>,
    pub priority_text: Option<String>,
    pub devices: Vec<String>,
    pub properties: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Object {
    /// `counter`, `quota`, `limit`, `ct helper`, ...
    pub kind: String,
    pub name: String,
    pub handle: Option<u64>,
    pub properties: Vec<String>,
}

/// Reads the output of `nft list ruleset`, `nft list table ...` and `nft -a list ...`, and their JSON form (`nft -j`).
///
/// Shape: tables, in them chains, sets, maps and flowtables; rules keep their text and have counter, verdict and comment
/// taken out of it. Nothing printed means that there are no tables.
pub fn parse(text: &str) -> Result<NftRuleset, ParseError> {
    if text.trim_start().starts_with('{') {
        json::parse(text)
    } else {
        text::parse(text)
    }
}

/// A priority as number: `filter`, `srcnat + 10`, `-100`. Names mean other numbers in the family `bridge`.
fn priority(text: &str, family: &str) -> Option<i64> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (base, sign, offset) = match words[..] {
        [base] => (base, 1, "0"),
        [base, "+", offset] => (base, 1, offset),
        [base, "-", offset] => (base, -1, offset),
        _ => return None,
    };
    let bridge = family == "bridge";
    let base = match base {
        "raw" => -300,
        "mangle" => -150,
        "dstnat" if bridge => -300,
        "dstnat" => -100,
        "filter" if bridge => -200,
        "filter" => 0,
        "security" => 50,
        "out" => 100,
        "srcnat" if bridge => 300,
        "srcnat" => 100,
        number => number.parse::<i32>().ok()?.into(),
    };
    Some(base + sign * i64::from(offset.parse::<i32>().ok()?))
}

#[cfg(test)]
mod tests;
