//! Four results made by hand: what a reader sees of each, and that machines can read them.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod samples;

use runbook_report::{TextOptions, json, schema, text};
use runbook_run::Language;

fn plain() -> TextOptions {
    TextOptions::default()
}

#[test]
fn healthy_is_short() {
    insta::assert_snapshot!(text(&samples::healthy(), &plain()));
}

#[test]
fn a_problem_shows_cause_proof_and_fix() {
    insta::assert_snapshot!(text(&samples::problem(), &plain()));
}

#[test]
fn a_problem_in_chinese() {
    let options = TextOptions {
        language: Language::Zh,
        ..plain()
    };
    insta::assert_snapshot!(text(&samples::problem(), &options));
}

#[test]
fn inconclusive_says_so_first() {
    insta::assert_snapshot!(text(&samples::inconclusive(), &plain()));
}

#[test]
fn hostile_values_stay_harmless() {
    let shown = text(&samples::hostile(), &plain());
    assert!(
        shown.chars().all(|c| c == '\n' || !c.is_control()),
        "a control character got through"
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn the_first_screen_holds_cause_proof_and_fix() {
    let shown = text(&samples::problem(), &plain());
    let screen: Vec<&str> = shown.lines().take(24).collect();
    let screen = screen.join("\n");
    for part in [
        "PROBLEM",
        "UNDERLAY-BLOCKS-VXLAN",
        "proven",
        "nft list ruleset",
        "dport 4789",
        "FIX",
        "$ nft delete",
    ] {
        assert!(screen.contains(part), "`{part}` is not on the first screen:\n{screen}");
    }
}

#[test]
fn without_unicode_the_report_adds_none() {
    let options = TextOptions {
        unicode: false,
        ..plain()
    };
    for result in [samples::healthy(), samples::problem(), samples::inconclusive()] {
        assert!(text(&result, &options).is_ascii());
    }
}

#[test]
fn colour_only_adds_escapes() {
    let options = TextOptions {
        colour: true,
        ..plain()
    };
    let escape = |text: &str| {
        let mut parts = text.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_string();
        parts.fold(first, |all, part| {
            all + part.split_once('m').map_or("", |(_, rest)| rest)
        })
    };
    for result in [
        samples::healthy(),
        samples::problem(),
        samples::inconclusive(),
        samples::hostile(),
    ] {
        let coloured = text(&result, &options);
        assert!(coloured.contains("\u{1b}["));
        assert_eq!(escape(&coloured), text(&result, &plain()));
    }
}

#[test]
fn prose_keeps_to_the_width() {
    for width in [40, 60, 80, 120] {
        let options = TextOptions { width, ..plain() };
        for result in [samples::healthy(), samples::problem(), samples::inconclusive()] {
            for line in text(&result, &options).lines().filter(|l| !l.contains(" $ ")) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn json_is_what_the_schema_says() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for result in [
        samples::healthy(),
        samples::problem(),
        samples::inconclusive(),
        samples::hostile(),
    ] {
        let text = json(&result);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(serde_json::from_str::<runbook_run::RunResult>(&text).unwrap(), result);
    }
    let mut wrong = serde_json::to_value(samples::healthy()).unwrap();
    wrong["verdict"] = "fine".into();
    assert!(!validator.is_valid(&wrong), "the schema must refuse an unknown verdict");
}
