use super::Entry;
use serde_json::{Map, Value};

/// `{"level":"info","time":"..","msg":"..","file":"int_dataplane.go:2104","component":"felix"}`; other keys are fields.
pub(super) fn entry(line: &str) -> Option<Entry<'_>> {
    let mut object: Map<String, Value> = serde_json::from_str(line).ok()?;
    let mut take = |names: &[&str]| names.iter().find_map(|n| object.shift_remove(*n)).map(text);
    let time = take(&["time", "ts", "timestamp", "@timestamp"]);
    let level = take(&["level", "severity"]).map(|l| l.to_ascii_lowercase());
    let message = take(&["msg", "message"])?;
    let pid = take(&["pid"]).and_then(|p| p.parse().ok());
    let component = take(&["component", "logger"]);
    let mut fields = std::collections::BTreeMap::new();
    fields.extend(object.into_iter().map(|(key, value)| (key, text(value))));
    let time = time.and_then(|t| found(line, &t));
    let component = component.and_then(|c| found(line, &c));
    Some(Entry {
        time,
        level,
        pid,
        component,
        message,
        fields,
        ..Entry::default()
    })
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The entry borrows from the line, so a word that was read is found again there.
fn found<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.find(word).map(|at| &line[at..at + word.len()])
}
