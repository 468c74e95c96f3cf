//! Walks `tests/fixtures/parsers/<parser>/<case>.{out,json,toml}`: what each parser makes of each output.
//!
//! `.out` is the output, byte for byte. `.json` is the value it gives, or `{"$error": {line, text, expected}}`.
//! `.toml` says where it is from: `command`, `version` (one of the parser's own list) and `origin` (`captured` or
//! `handmade`), and may have a `note`. `UPDATE_FIXTURES=1` writes the `.json` files again; read every changed line.

use runbook_parsers::{Parser, parsers};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/parsers")
}

/// The outputs of a parser by case.
pub(crate) fn outputs(parser: &str) -> BTreeMap<String, String> {
    let folder = root().join(parser);
    let cases = names(&folder)
        .into_iter()
        .filter_map(|name| name.strip_suffix(".out").map(str::to_owned));
    cases
        .map(|case| (case.clone(), read(&folder.join(format!("{case}.out")))))
        .collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn read(path: &Path) -> String {
    // Tools print what they got: bytes that are no UTF-8 are replaced before a parser sees them.
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn value(parser: &Parser, text: &str) -> Value {
    match (parser.parse)(text) {
        Ok(value) => value,
        Err(e) => json!({ "$error": { "line": e.line, "text": e.text, "expected": e.expected } }),
    }
}

#[test]
fn every_output_gives_its_value() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some_and(|v| v == "1");
    let mut wrong = Vec::new();
    for parser in parsers() {
        for (case, text) in outputs(parser.name) {
            let path = root().join(parser.name).join(format!("{case}.json"));
            let actual = format!("{:#}\n", value(parser, &text));
            if update {
                std::fs::write(&path, &actual).unwrap();
            } else if std::fs::read_to_string(&path).unwrap_or_default() != actual {
                wrong.push(format!("{}/{case}: got {actual}", parser.name));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "UPDATE_FIXTURES=1 accepts, after reading:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_parser_has_fixtures_and_every_file_has_a_place() {
    let known: BTreeSet<String> = parsers().map(|p| p.name.to_owned()).collect();
    let mut wrong: Vec<String> = names(&root())
        .difference(&known)
        .map(|folder| format!("{folder}: no parser of that name"))
        .collect();
    for parser in parsers() {
        let folder = root().join(parser.name);
        let files = names(&folder);
        let cases: BTreeSet<&str> = files.iter().filter_map(|f| f.strip_suffix(".out")).collect();
        if cases.is_empty() {
            wrong.push(format!("{}: no fixtures", parser.name));
        }
        for file in &files {
            match file.rsplit_once('.') {
                Some((case, "out" | "json" | "toml")) if cases.contains(case) => {}
                _ => wrong.push(format!("{}/{file}: belongs to no `.out`", parser.name)),
            }
        }
        let mut seen = BTreeSet::new();
        for case in cases {
            let origin = origin(&folder, case);
            wrong.extend(origin_faults(parser, case, &origin));
            seen.extend(origin.get("version").cloned());
        }
        for version in parser.versions.iter().filter(|v| !seen.contains(**v)) {
            wrong.push(format!("{}: no fixture of `{version}`", parser.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The `.toml` of a case: a flat table of texts.
fn origin(folder: &Path, case: &str) -> BTreeMap<String, String> {
    let path = folder.join(format!("{case}.toml"));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn origin_faults(parser: &Parser, case: &str, fields: &BTreeMap<String, String>) -> Vec<String> {
    let field = |key: &str| fields.get(key).map_or("", String::as_str);
    let version = field("version");
    let checks = [
        (!field("command").is_empty(), "no `command`".to_owned()),
        (
            matches!(field("origin"), "captured" | "handmade"),
            "`origin` is `captured` or `handmade`".to_owned(),
        ),
        (
            parser.versions.contains(&version),
            format!("`version` is one of {:?}, not `{version}`", parser.versions),
        ),
    ];
    let faults = checks.into_iter().filter(|(holds, _)| !holds);
    faults
        .map(|(_, what)| format!("{}/{case}.toml: {what}", parser.name))
        .collect()
}

/// The docs show what a tool really prints: every line of an example stands in a fixture, a captured one if there are any.
#[test]
fn examples_are_lines_of_fixtures() {
    for parser in parsers() {
        let folder = root().join(parser.name);
        let captured = |case: &str| origin(&folder, case).get("origin").is_some_and(|o| o == "captured");
        let (real, made): (Vec<_>, Vec<_>) = outputs(parser.name).into_iter().partition(|(case, _)| captured(case));
        let texts: Vec<String> = if real.is_empty() { made } else { real }
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        let lines: BTreeSet<&str> = texts.iter().flat_map(|t| t.lines()).map(str::trim_end).collect();
        for line in parser.example.text.lines() {
            assert!(lines.contains(line), "{}: `{line}` is in no fixture", parser.name);
        }
        assert!((parser.parse)(parser.example.text).is_ok(), "{}", parser.name);
    }
}

/// Pairs `<case>.out` and `<case>-json.out` are the same moment in both forms: the values are the same, but for what
/// only one form says.
#[test]
fn text_and_json_say_the_same() {
    const ONLY_ONE: &[&str] = &[
        "link_netns",
        "link_netnsid",
        "rx_missed",
        "rx_over_errors",
        "mtu_lock",
        // As printed, so never the same.
        "details",
        "settings",
        // tc rounds in one form only.
        "burst_bytes",
    ];
    let mut pairs = 0;
    for parser in parsers() {
        let outputs = outputs(parser.name);
        for (case, text) in &outputs {
            let Some(json) = outputs.get(&format!("{case}-json")) else {
                continue;
            };
            let (mut left, mut right) = (value(parser, text), value(parser, json));
            without(&mut left, ONLY_ONE);
            without(&mut right, ONLY_ONE);
            assert_eq!(left, right, "{}/{case}", parser.name);
            pairs += 1;
        }
    }
    assert!(pairs > 5, "only {pairs} pairs");
}

fn without(value: &mut Value, keys: &[&str]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|v| without(v, keys)),
        Value::Object(fields) => {
            fields.retain(|key, _| !keys.contains(&key.as_str()));
            fields.values_mut().for_each(|v| without(v, keys));
        }
        _ => {}
    }
}
