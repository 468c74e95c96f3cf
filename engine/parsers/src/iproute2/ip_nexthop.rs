//! `ip nexthop`: next hops that have a number, which routes name as `nhid`.

use super::address::is_address;
use crate::ParseError;
use crate::text::{Line, clean, is_json, json, lines};
use serde::{Deserialize, Serialize};

/// A next hop, or a group of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NextHop {
    pub id: u32,
    pub via: Option<String>,
    pub dev: Option<String>,
    pub scope: Option<String>,
    /// Who made it.
    pub proto: Option<String>,
    pub blackhole: bool,
    /// Of a group: its members.
    pub group: Vec<Member>,
    /// Of a group: `resilient`; `None` for the usual kind.
    pub group_type: Option<String>,
    pub fdb: bool,
    /// `onlink`, `linkdown`, `dead`, `offload`, `trap`, ...
    pub flags: Vec<String>,
    /// As printed: `buckets 32`, `encap ...`.
    pub options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub id: u32,
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

const FLAGS: &[&str] = &[
    "onlink",
    "linkdown",
    "dead",
    "offload",
    "offload_failed",
    "trap",
    "pervasive",
    "unresolved",
    "rt_offload",
    "rt_trap",
    "rt_offload_failed",
];
const OPTIONS: &[&str] = &[
    "buckets",
    "idle_timer",
    "unbalanced_timer",
    "unbalanced_time",
    "hw_stats",
    "used",
];
const EXPECTED: &str = "`id N via ADDRESS dev NAME`, `id N group ID/ID,WEIGHT` or `id N blackhole`";

/// Reads `ip nexthop`, with or without `-j` and `-d`.
///
/// Shape: a list of [`NextHop`]. Times are in seconds.
pub fn parse(text: &str) -> Result<Vec<NextHop>, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        let raw: Vec<Raw> = json(&text, "the next hops of `ip -j nexthop`")?;
        return Ok(raw.into_iter().map(Raw::typed).collect());
    }
    lines(&text).map(next_hop).collect()
}

fn next_hop(line: Line<'_>) -> Result<NextHop, ParseError> {
    let mut words = line.words();
    if !words.accept("id") {
        return Err(line.error(EXPECTED));
    }
    let mut found = NextHop {
        id: words.number("id")?,
        ..NextHop::default()
    };
    while let Some(word) = words.next() {
        match word {
            "via" => {
                let mut value = words.value(word)?;
                if matches!(value, "inet" | "inet6") {
                    value = words.value(value)?;
                }
                found.via = Some(value).filter(|v| is_address(v)).map(str::to_owned);
                found.via.as_ref().ok_or_else(|| words.unknown(value, "an address"))?;
            }
            "dev" => found.dev = Some(words.text(word)?),
            "scope" => found.scope = Some(words.text(word)?),
            "proto" => found.proto = Some(words.text(word)?),
            "blackhole" => found.blackhole = true,
            "fdb" => found.fdb = true,
            "type" => found.group_type = Some(words.text(word)?),
            "group" => found.group = group(line, words.value(word)?)?,
            "encap" => {
                // The rest of the line is of the kind of encapsulation.
                let rest: Vec<&str> = words.by_ref().collect();
                found.options.push(format!("encap {}", rest.join(" ")));
            }
            _ if FLAGS.contains(&word) => found.flags.push(word.to_owned()),
            _ if OPTIONS.contains(&word) => found.options.push(format!("{word} {}", words.value(word)?)),
            _ => return Err(words.unknown(word, "an attribute of a next hop")),
        }
    }
    // With `-d` nothing is said in words as well.
    found.proto = found.proto.filter(|proto| proto != "unspec");
    Ok(found)
}

/// `10/11,2`
fn group(line: Line<'_>, text: &str) -> Result<Vec<Member>, ParseError> {
    let member = |part: &str| {
        let (id, weight) = part.split_once(',').unwrap_or((part, "1"));
        Ok(Member {
            id: line.number(id, "a next hop")?,
            weight: line.number(weight, "a weight")?,
        })
    };
    text.split('/').map(member).collect()
}

#[derive(Deserialize)]
struct Raw {
    id: u32,
    gateway: Option<String>,
    via: Option<Via>,
    dev: Option<String>,
    scope: Option<String>,
    protocol: Option<String>,
    /// Present with the value `null`.
    #[serde(default, deserialize_with = "present")]
    blackhole: bool,
    #[serde(default, deserialize_with = "present")]
    fdb: bool,
    #[serde(default)]
    group: Vec<Member>,
    #[serde(rename = "type")]
    kind: Option<String>,
    resilient_args: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    flags: Vec<String>,
}

/// A gateway of the other family.
#[derive(Deserialize)]
struct Via {
    host: String,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Raw {
    fn typed(self) -> NextHop {
        let arguments = self.resilient_args.unwrap_or_default();
        NextHop {
            id: self.id,
            via: self.gateway.or(self.via.map(|via| via.host)),
            dev: self.dev,
            scope: self.scope,
            proto: self.protocol.filter(|proto| proto != "unspec"),
            blackhole: self.blackhole,
            group: self.group,
            group_type: self.kind,
            fdb: self.fdb,
            flags: self.flags,
            options: arguments
                .iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect(),
        }
    }
}
