//! `ip rule`: which routing table answers for which packet.

use crate::ParseError;
use crate::text::{Line, clean, is_json, json, json_word, lines};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One routing rule; lower priority numbers are asked first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rule {
    pub priority: u32,
    /// The match is inverted.
    pub negated: bool,
    /// `all` or a prefix.
    pub from: String,
    pub to: Option<String>,
    pub iif: Option<String>,
    pub oif: Option<String>,
    /// As printed, in hexadecimal: `0x200000`.
    pub fwmark: Option<String>,
    pub fwmask: Option<String>,
    /// `lookup` (with `table`), `blackhole`, `unreachable`, `prohibit`, `goto` (with `goto_priority`), `nop`; busybox
    /// gives `local` for what it does not know.
    pub action: String,
    /// Name or number.
    pub table: Option<String>,
    pub goto_priority: Option<u32>,
    pub suppress_prefix_length: Option<i32>,
    pub proto: Option<String>,
    /// `detached` (its device is gone), `unresolved` (its target is gone).
    pub flags: Vec<String>,
    /// Everything else, by its name in the output: `ipproto`, `dport`, `uidrange`, `tos`, ...
    pub options: BTreeMap<String, String>,
}

const OPTIONS: &[&str] = &[
    "tos",
    "dsfield",
    "ipproto",
    "sport",
    "dport",
    "uidrange",
    "tun_id",
    "suppress_ifgroup",
    "realms",
    "dscp",
    "flowlabel",
];

/// Reads `ip rule`, with or without `-j`; of iproute2 or busybox.
///
/// Shape: a list of [`Rule`], in order of priority.
pub fn parse(text: &str) -> Result<Vec<Rule>, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        let raw: Vec<Map<String, Value>> = json(&text, "the rules of `ip -j rule`")?;
        return raw.into_iter().map(from_json).collect();
    }
    lines(&text).map(rule).collect()
}

/// `99:  not from all fwmark 0x200000/0x200000 lookup 1`
fn rule(line: Line<'_>) -> Result<Rule, ParseError> {
    let mut words = line.words();
    let priority = words
        .next()
        .and_then(|w| w.strip_suffix(':'))
        .and_then(|w| w.parse().ok());
    let priority = priority.ok_or_else(|| line.error("a rule: `PRIORITY: from all lookup TABLE`"))?;
    let mut found = Rule {
        priority,
        ..Rule::default()
    };
    while let Some(word) = words.next() {
        match word {
            "not" => found.negated = true,
            "from" => found.from = words.text(word)?,
            "to" => found.to = Some(words.text(word)?),
            "iif" => found.iif = Some(words.text(word)?),
            "oif" => found.oif = Some(words.text(word)?),
            "fwmark" => {
                let value = words.value(word)?;
                let (mark, mask) = value
                    .split_once('/')
                    .map_or((value, None), |(mark, mask)| (mark, Some(mask)));
                found.fwmark = Some(mark.to_owned());
                found.fwmask = mask.map(str::to_owned);
            }
            "lookup" | "table" => {
                found.action = "lookup".into();
                // busybox names the table of rules that have none `unspec`, and the action after it.
                found.table = Some(words.text(word)?).filter(|t| t != "unspec");
            }
            "goto" => {
                found.action = word.into();
                found.goto_priority = words.next().and_then(|w| w.parse().ok());
            }
            "blackhole" | "unreachable" | "prohibit" | "nop" | "local" | "unicast" => found.action = word.into(),
            "suppress_prefixlength" => found.suppress_prefix_length = Some(words.number(word)?),
            "proto" | "protocol" => found.proto = Some(words.text(word)?),
            "[detached]" | "[unresolved]" => found.flags.push(word.trim_matches(['[', ']']).to_owned()),
            "[l3mdev-table]" => found.table = Some("l3mdev".into()),
            _ if OPTIONS.contains(&word) => {
                let value = words.text(word)?;
                found.options.insert(word.to_owned(), value);
            }
            _ => return Err(words.unknown(word, "a selector or action of a rule")),
        }
    }
    Ok(found)
}

fn from_json(mut raw: Map<String, Value>) -> Result<Rule, ParseError> {
    let priority = raw.remove("priority").and_then(|p| u32::try_from(p.as_u64()?).ok());
    let priority = priority.ok_or_else(|| ParseError::new(1, Value::Object(raw.clone()).to_string(), "`priority`"))?;
    let mut word = |key: &str| raw.remove(key).as_ref().and_then(json_word);
    let prefix = |address: Option<String>, length: Option<String>| match (address, length) {
        (Some(address), Some(length)) => Some(format!("{address}/{length}")),
        (address, _) => address,
    };
    let mut found = Rule {
        priority,
        from: prefix(word("src"), word("srclen")).unwrap_or_else(|| "all".into()),
        to: prefix(word("dst"), word("dstlen")),
        iif: word("iif"),
        oif: word("oif"),
        fwmark: word("fwmark"),
        fwmask: word("fwmask"),
        table: word("table"),
        goto_priority: word("goto").and_then(|w| w.parse().ok()),
        suppress_prefix_length: word("suppress_prefixlen").and_then(|w| w.parse().ok()),
        proto: word("protocol"),
        action: word("action").unwrap_or_default(),
        ..Rule::default()
    };
    if found.action.is_empty() || found.action == "to_tbl" {
        found.action = if found.goto_priority.is_some() {
            "goto".into()
        } else {
            "lookup".into()
        };
    }
    // Flags are keys with the value `null`.
    found.negated = raw.remove("not").is_some();
    for (key, flag) in [
        ("iif_detached", "detached"),
        ("oif_detached", "detached"),
        ("detached", "detached"),
        ("unresolved", "unresolved"),
    ] {
        if raw.remove(key).is_some() {
            found.flags.push(flag.into());
        }
    }
    for (start, end, name) in [
        ("uid_start", "uid_end", "uidrange"),
        ("sport_start", "sport_end", "sport"),
        ("dport_start", "dport_end", "dport"),
    ] {
        if let (Some(start), Some(end)) = (raw.remove(start), raw.remove(end)) {
            found.options.insert(name.to_owned(), format!("{start}-{end}"));
        }
    }
    found
        .options
        .extend(raw.iter().filter_map(|(k, v)| Some((k.clone(), json_word(v)?))));
    Ok(found)
}
