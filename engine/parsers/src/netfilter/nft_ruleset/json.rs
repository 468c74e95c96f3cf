//! The JSON form, `nft -j list ruleset`: one flat list of objects, each naming the table it belongs to.

use super::{Chain, Counter, Flowtable, Map, MapElement, NftRuleset, Object, Rule, Set, Table, Verdict};
use crate::{ParseError, Unparsed};
use serde_json::Value;
use std::collections::HashMap;

pub(super) fn parse(text: &str) -> Result<NftRuleset, ParseError> {
    let document: Value = serde_json::from_str(text).map_err(|e| {
        let line = text.lines().nth(e.line().saturating_sub(1)).unwrap_or_default();
        ParseError::new(e.line(), line, format!("JSON of `nft -j`: {e}"))
    })?;
    let objects = document.get("nftables").and_then(Value::as_array);
    let objects =
        objects.ok_or_else(|| ParseError::new(1, text.lines().next().unwrap_or_default(), "`{\"nftables\": [`"))?;
    let mut reader = Reader::default();
    for object in objects {
        let known = object
            .as_object()
            .and_then(|o| o.iter().next())
            .and_then(|(kind, value)| reader.object(kind, value));
        if known.is_none() {
            // The whole document is one line for `nft`.
            reader.ruleset.unparsed.push(Unparsed::new(1, object.to_string()));
        }
    }
    Ok(reader.ruleset)
}

#[derive(Default)]
struct Reader {
    ruleset: NftRuleset,
    /// By family and name.
    tables: HashMap<(String, String), usize>,
    /// By table and name.
    chains: HashMap<(usize, String), usize>,
}

impl Reader {
    fn object(&mut self, kind: &str, value: &Value) -> Option<()> {
        match kind {
            "metainfo" => return Some(()),
            "table" => {
                let (family, name) = (text(value, "family")?, text(value, "name")?);
                self.tables
                    .insert((family.clone(), name.clone()), self.ruleset.tables.len());
                self.ruleset.tables.push(Table {
                    family,
                    name,
                    handle: number(value, "handle"),
                    comment: text(value, "comment"),
                    flags: words(value.get("flags")),
                    complete: true,
                    ..Table::default()
                });
                return Some(());
            }
            _ => {}
        }
        let at = *self.tables.get(&(text(value, "family")?, text(value, "table")?))?;
        let table = self.ruleset.tables.get_mut(at)?;
        match kind {
            "chain" => {
                self.chains.insert((at, text(value, "name")?), table.chains.len());
                table.chains.push(chain(value)?);
            }
            "rule" => {
                let chain = *self.chains.get(&(at, text(value, "chain")?))?;
                table.chains.get_mut(chain)?.rules.push(rule(value)?);
            }
            "set" => table.sets.push(set(value)?),
            "map" => table.maps.push(map(value)?),
            "flowtable" => table.flowtables.push(flowtable(value)?),
            kind => table.objects.push(object(kind, value)?),
        }
        Some(())
    }
}

fn chain(value: &Value) -> Option<Chain> {
    Some(Chain {
        name: text(value, "name")?,
        handle: number(value, "handle"),
        comment: text(value, "comment"),
        kind: text(value, "type"),
        hook: text(value, "hook"),
        devices: words(value.get("dev")),
        priority: value.get("prio").and_then(Value::as_i64),
        priority_text: None,
        policy: text(value, "policy"),
        rules: Vec::new(),
    })
}

fn rule(value: &Value) -> Option<Rule> {
    let expr = value.get("expr")?;
    let statements = expr.as_array()?;
    let counter = statements.iter().find_map(|s| {
        let counter = s.get("counter")?;
        Some(Counter {
            packets: number(counter, "packets")?,
            bytes: number(counter, "bytes")?,
        })
    });
    Some(Rule {
        text: None,
        expr: Some(expr.clone()),
        handle: number(value, "handle"),
        counter,
        verdict: statements.iter().rev().find_map(verdict),
        comment: text(value, "comment"),
    })
}

fn verdict(statement: &Value) -> Option<Verdict> {
    let (kind, value) = statement.as_object()?.iter().next()?;
    let target = match kind.as_str() {
        "accept" | "drop" | "return" | "continue" => None,
        "jump" | "goto" => Some(text(value, "target")?),
        "vmap" => Some(element(value.get("data")?)),
        "reject" | "queue" | "masquerade" | "snat" | "dnat" | "redirect" | "tproxy" => {
            Some(value.to_string()).filter(|_| !value.is_null())
        }
        _ => return None,
    };
    Some(Verdict {
        kind: kind.clone(),
        target,
    })
}

fn set(value: &Value) -> Option<Set> {
    Some(Set {
        name: text(value, "name")?,
        handle: number(value, "handle"),
        comment: text(value, "comment"),
        kind: value.get("type").map(kind),
        flags: words(value.get("flags")),
        properties: properties(value),
        elements: value
            .get("elem")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(element)
            .collect(),
    })
}

fn map(value: &Value) -> Option<Map> {
    let pairs = value.get("elem").and_then(Value::as_array).into_iter().flatten();
    let pairs = pairs.map(|pair| {
        let pair = pair.as_array()?;
        Some(MapElement {
            key: element(pair.first()?),
            value: element(pair.get(1)?),
        })
    });
    Some(Map {
        name: text(value, "name")?,
        handle: number(value, "handle"),
        comment: text(value, "comment"),
        kind: value.get("type").map(kind),
        value_type: value.get("map").map(kind),
        flags: words(value.get("flags")),
        properties: properties(value),
        elements: pairs.collect::<Option<_>>()?,
    })
}

fn flowtable(value: &Value) -> Option<Flowtable> {
    Some(Flowtable {
        name: text(value, "name")?,
        handle: number(value, "handle"),
        hook: text(value, "hook"),
        priority: value.get("prio").and_then(Value::as_i64),
        priority_text: None,
        devices: words(value.get("dev")),
        properties: properties(value),
    })
}

fn object(kind: &str, value: &Value) -> Option<Object> {
    let name = text(value, "name")?;
    Some(Object {
        kind: kind.to_owned(),
        name,
        handle: number(value, "handle"),
        properties: properties(value),
    })
}

/// What has no field of its own, as `name value`.
fn properties(value: &Value) -> Vec<String> {
    const FIELDS: &[&str] = &[
        "family", "table", "name", "handle", "comment", "type", "map", "flags", "elem", "hook", "prio", "dev",
    ];
    let rest = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !FIELDS.contains(&name.as_str()));
    rest.map(|(name, value)| format!("{name} {}", element(value))).collect()
}

/// The type of a set: `ipv4_addr`, or several that make up one key.
fn kind(value: &Value) -> String {
    match value {
        Value::Array(parts) => parts.iter().map(kind).collect::<Vec<_>>().join(" . "),
        value => element(value),
    }
}

/// An element or value as the text form would print it; what it has no short form for stays JSON.
fn element(value: &Value) -> String {
    match value {
        Value::String(text) => return text.clone(),
        Value::Number(number) => return number.to_string(),
        _ => {}
    }
    known_element(value).unwrap_or_else(|| value.to_string())
}

fn known_element(value: &Value) -> Option<String> {
    let object = value.as_object()?;
    let (kind, inner) = object.iter().next()?;
    let list = |separator: &str| {
        Some(
            inner
                .as_array()?
                .iter()
                .map(element)
                .collect::<Vec<_>>()
                .join(separator),
        )
    };
    Some(match kind.as_str() {
        "prefix" => format!("{}/{}", text(inner, "addr")?, number(inner, "len")?),
        "range" => list("-")?,
        "concat" => list(" . ")?,
        "set" => {
            let pair = |e: &Value| match e.as_array().map(Vec::as_slice) {
                Some([key, value]) => format!("{} : {}", element(key), element(value)),
                _ => element(e),
            };
            format!(
                "{{ {} }}",
                inner.as_array()?.iter().map(pair).collect::<Vec<_>>().join(", ")
            )
        }
        "elem" => {
            let options = inner.as_object()?.iter().filter(|(name, _)| *name != "val");
            let options: String = options
                .map(|(name, value)| format!(" {name} {}", element(value)))
                .collect();
            element(inner.get("val")?) + &options
        }
        "jump" | "goto" => format!("{kind} {}", text(inner, "target")?),
        "accept" | "drop" | "return" | "continue" if inner.is_null() => kind.clone(),
        _ => return None,
    })
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name)?.as_u64()
}

/// One word or a list of them.
fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(words)) => words.iter().map(element).collect(),
        Some(word) => vec![element(word)],
        None => Vec::new(),
    }
}
