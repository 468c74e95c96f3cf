//! The text form: one statement per line, blocks in braces.

use super::elements::{elements, key_value, open_braces, words};
use super::rule::{handle, parse_rule};
use super::{Chain, Flowtable, Map, MapElement, NftRuleset, Object, Set, Table, priority};
use crate::{ParseError, Unparsed};

pub(super) fn parse(text: &str) -> Result<NftRuleset, ParseError> {
    let mut reader = Reader::default();
    let mut pending = String::new();
    let mut depth = 0;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let opens_block = line.contains('{') && pending.is_empty() && reader.opens_block(line);
        if opens_block || line == "}" && pending.is_empty() {
            reader.line(index + 1, line)?;
            continue;
        }
        // Long lists of elements go over several lines: a statement is over when its braces are closed.
        depth += open_braces(line);
        if !pending.is_empty() {
            pending.push(' ');
        }
        pending.push_str(line);
        if depth <= 0 {
            reader.line(index + 1, &pending)?;
            (depth, pending) = (0, String::new());
        }
    }
    if !pending.is_empty() {
        reader.line(text.lines().count(), &pending)?;
    }
    reader.close_block();
    reader.ruleset.tables.extend(reader.table);
    Ok(reader.ruleset)
}

#[derive(Default)]
struct Reader {
    ruleset: NftRuleset,
    table: Option<Table>,
    block: Option<Block>,
}

/// What is open inside of a table.
enum Block {
    Chain(Chain),
    Set(Set),
    Map(Map),
    Flowtable(Flowtable),
    Object(Object),
}

impl Reader {
    /// Whether a line with a brace opens a block of its own, rather than a list within a statement.
    fn opens_block(&self, line: &str) -> bool {
        self.block.is_none() && handle(line).0.ends_with('{')
    }

    fn line(&mut self, number: usize, line: &str) -> Result<(), ParseError> {
        if line.is_empty() {
            return Ok(());
        }
        if line == "}" {
            if !self.close_block() {
                let mut table = self
                    .table
                    .take()
                    .ok_or_else(|| ParseError::new(number, line, "`table FAMILY NAME {`"))?;
                table.complete = true;
                self.ruleset.tables.push(table);
            }
            return Ok(());
        }
        if let Some(comment) = line.strip_prefix('#') {
            self.ruleset.warnings.push(comment.trim().to_owned());
            return Ok(());
        }
        let Some(table) = &mut self.table else {
            self.table = Some(open_table(line).ok_or_else(|| ParseError::new(number, line, "`table FAMILY NAME {`"))?);
            return Ok(());
        };
        let known = match &mut self.block {
            Some(block) => block.line(line, &table.family),
            None if handle(line).0.ends_with('{') => {
                self.block = open_block(line);
                self.block.is_some()
            }
            None => table_property(table, line),
        };
        if !known {
            self.ruleset.unparsed.push(Unparsed::new(number, line));
        }
        Ok(())
    }

    fn close_block(&mut self) -> bool {
        let (Some(table), Some(block)) = (&mut self.table, self.block.take()) else {
            return false;
        };
        match block {
            Block::Chain(chain) => table.chains.push(chain),
            Block::Set(set) => table.sets.push(set),
            Block::Map(map) => table.maps.push(map),
            Block::Flowtable(flowtable) => table.flowtables.push(flowtable),
            Block::Object(object) => table.objects.push(object),
        }
        true
    }
}

/// `table ip calico {`, with `# handle 1` behind it
fn open_table(line: &str) -> Option<Table> {
    let (line, handle) = handle(line);
    match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        ["table", family, name, "{"] => Some(Table {
            family: family.to_owned(),
            name: name.to_owned(),
            handle,
            ..Table::default()
        }),
        _ => None,
    }
}

/// `chain filter-FORWARD {`, `ct helper ftp {`
fn open_block(line: &str) -> Option<Block> {
    let (line, handle) = handle(line);
    let (kind, name) = line.strip_suffix('{')?.trim_end().rsplit_once(' ')?;
    let name = name.to_owned();
    Some(match kind {
        "chain" => Block::Chain(Chain {
            name,
            handle,
            ..Chain::default()
        }),
        "set" => Block::Set(Set {
            name,
            handle,
            ..Set::default()
        }),
        "map" => Block::Map(Map {
            name,
            handle,
            ..Map::default()
        }),
        "flowtable" => Block::Flowtable(Flowtable {
            name,
            handle,
            ..Flowtable::default()
        }),
        kind => Block::Object(Object {
            kind: kind.to_owned(),
            name,
            handle,
            properties: Vec::new(),
        }),
    })
}

fn table_property(table: &mut Table, line: &str) -> bool {
    if let Some(flags) = line.strip_prefix("flags ") {
        table.flags = list(flags);
    } else if let Some(comment) = comment(line) {
        table.comment = Some(comment);
    } else {
        return false;
    }
    true
}

impl Block {
    fn line(&mut self, line: &str, family: &str) -> bool {
        match self {
            Block::Chain(chain) => chain.line(line, family),
            Block::Set(set) => set.line(line),
            Block::Map(map) => map.line(line),
            Block::Flowtable(flowtable) => flowtable.line(line, family),
            Block::Object(object) => object.properties.push(line.to_owned()),
        }
        true
    }
}

impl Chain {
    fn line(&mut self, line: &str, family: &str) {
        if line.starts_with("type ") && line.contains(" hook ") && line.ends_with(';') {
            for statement in line.split(';').map(str::trim) {
                self.base(statement, family);
            }
        } else if let Some(policy) = line.strip_prefix("policy ").and_then(|p| p.strip_suffix(';')) {
            self.policy = Some(policy.to_owned());
        } else if let Some(comment) = comment(line) {
            self.comment = Some(comment);
        } else {
            self.rules.push(parse_rule(line));
        }
    }

    /// `type filter hook ingress device "eth0" priority filter + 1`, `policy accept`
    fn base(&mut self, statement: &str, family: &str) {
        if let Some(policy) = statement.strip_prefix("policy ") {
            self.policy = Some(policy.to_owned());
        }
        let words = words(statement);
        for pair in words.windows(2) {
            match pair {
                ["type", kind] => self.kind = Some((*kind).to_owned()),
                ["hook", hook] => self.hook = Some((*hook).to_owned()),
                ["device" | "devices" | "=", devices] => self.devices = list(devices),
                _ => {}
            }
        }
        if let Some((_, text)) = statement.split_once("priority ") {
            self.priority = priority(text, family);
            self.priority_text = Some(text.to_owned());
        }
    }
}

impl Set {
    fn line(&mut self, line: &str) {
        if let Some(kind) = line.strip_prefix("type ").or_else(|| line.strip_prefix("typeof ")) {
            self.kind = Some(kind.to_owned());
        } else if let Some(flags) = line.strip_prefix("flags ") {
            self.flags = list(flags);
        } else if let Some(text) = line.strip_prefix("elements = ") {
            self.elements = elements(text).into_iter().map(|e| unquoted(e).to_owned()).collect();
        } else if let Some(comment) = comment(line) {
            self.comment = Some(comment);
        } else {
            self.properties.push(line.to_owned());
        }
    }
}

impl Map {
    fn line(&mut self, line: &str) {
        if let Some(types) = line.strip_prefix("type ").or_else(|| line.strip_prefix("typeof ")) {
            let (key, value) = key_value(types).unwrap_or((types, ""));
            self.kind = Some(key.to_owned());
            self.value_type = Some(value.to_owned()).filter(|v| !v.is_empty());
        } else if let Some(flags) = line.strip_prefix("flags ") {
            self.flags = list(flags);
        } else if let Some(text) = line.strip_prefix("elements = ") {
            let pairs = elements(text).into_iter().map(|e| key_value(e).unwrap_or((e, "")));
            self.elements = pairs
                .map(|(key, value)| MapElement {
                    key: unquoted(key).to_owned(),
                    value: value.to_owned(),
                })
                .collect();
        } else if let Some(comment) = comment(line) {
            self.comment = Some(comment);
        } else {
            self.properties.push(line.to_owned());
        }
    }
}

impl Flowtable {
    fn line(&mut self, line: &str, family: &str) {
        if let Some((hook, text)) = line.strip_prefix("hook ").and_then(|l| l.split_once(" priority ")) {
            let text = text.trim_end_matches(';');
            (self.hook, self.priority) = (Some(hook.to_owned()), priority(text, family));
            self.priority_text = Some(text.to_owned());
        } else if let Some(devices) = line.strip_prefix("devices = ") {
            self.devices = list(devices);
        } else {
            self.properties.push(line.to_owned());
        }
    }
}

/// `comment "words"` as a line of its own
fn comment(line: &str) -> Option<String> {
    let text = line.strip_prefix("comment \"")?.strip_suffix('"')?;
    Some(text.to_owned())
}

/// `"cali1"` without its quotes; options behind a value (`comment "x"`) keep theirs.
fn unquoted(element: &str) -> &str {
    let inner = element.strip_prefix('"').and_then(|e| e.strip_suffix('"'));
    inner.filter(|e| !e.contains('"')).unwrap_or(element)
}

/// `{ "eth0", "eth1" }`, `interval,timeout`
fn list(text: &str) -> Vec<String> {
    let text = text.trim_end_matches(';');
    elements(text)
        .into_iter()
        .map(|e| e.trim_matches('"').to_owned())
        .collect()
}
