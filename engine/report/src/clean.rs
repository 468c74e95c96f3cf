//! Nothing that a cluster says may steer the reader's terminal or change the order of what they read.

use runbook_run::{CauseRecord, EvidenceRecord, FixRecord, RunResult, StepRecord, SubjectRecord, WorldRecord};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Replaces what a terminal would obey, or what a person could not see, by its visible escape: control characters,
/// terminal escapes, line breaks of any kind, bidirectional overrides, zero-width and tag characters.
///
/// ```
/// assert_eq!(runbook_report::clean("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
/// assert_eq!(runbook_report::clean("日本 é ✓"), "日本 é ✓");
/// ```
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("    "),
            c if c.is_control() || is_hidden(c) => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Characters that show nothing, or that change how others are shown.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Cleans every line by itself and keeps the lines apart.
fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// The same result with every value cleaned, so that whatever prints it cannot forget one. Each record is taken
/// apart by name: a new field does not build until it is cleaned here.
pub(crate) fn cleaned(result: &RunResult) -> RunResult {
    let RunResult {
        schema,
        run,
        runbook,
        runbook_sha256,
        params,
        world,
        started,
        duration_ms,
        verdict,
        ..
    } = result;
    let WorldRecord { kind, name } = world;
    let RunResult {
        causes,
        findings,
        steps,
        evidence,
        notes,
        ..
    } = result;
    RunResult {
        schema: clean(schema),
        run: clean(run),
        runbook: clean(runbook),
        runbook_sha256: clean(runbook_sha256),
        params: map(params),
        world: WorldRecord {
            kind: *kind,
            name: clean(name),
        },
        started: *started,
        duration_ms: *duration_ms,
        verdict: *verdict,
        causes: causes.iter().map(cause).collect(),
        findings: findings.iter().map(cause).collect(),
        steps: steps.iter().map(step).collect(),
        evidence: evidence.iter().map(one_evidence).collect(),
        notes: notes.iter().map(|n| clean_lines(n)).collect(),
    }
}

fn all(texts: &[String]) -> Vec<String> {
    texts.iter().map(|t| clean(t)).collect()
}

fn map(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().map(|(k, v)| (clean(k), value(v))).collect()
}

fn value(v: &Value) -> Value {
    match v {
        Value::String(s) => clean(s).into(),
        Value::Array(items) => items.iter().map(value).collect(),
        Value::Object(entries) => map(entries).into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => v.clone(),
    }
}

fn cause(record: &CauseRecord) -> CauseRecord {
    let CauseRecord {
        code,
        certainty,
        severity,
        subject,
        summary,
        explains,
        evidence,
        against,
        fixes,
        step,
        data,
    } = record;
    CauseRecord {
        code: clean(code),
        certainty: *certainty,
        severity: *severity,
        subject: SubjectRecord {
            kind: clean(&subject.kind),
            name: clean(&subject.name),
        },
        summary: clean(summary),
        explains: all(explains),
        evidence: all(evidence),
        against: all(against),
        fixes: fixes.iter().map(fix).collect(),
        step: clean(step),
        data: map(data),
    }
}

fn fix(record: &FixRecord) -> FixRecord {
    let FixRecord {
        id,
        title,
        risk,
        commands,
        rollback,
        verify,
    } = record;
    FixRecord {
        id: clean(id),
        title: clean(title),
        risk: clean(risk),
        commands: all(commands),
        rollback: clean(rollback),
        verify: clean(verify),
    }
}

fn step(record: &StepRecord) -> StepRecord {
    let StepRecord {
        id,
        title,
        status,
        reason,
        duration_ms,
        evidence,
    } = record;
    StepRecord {
        id: clean(id),
        title: clean(title),
        status: *status,
        reason: clean(reason),
        duration_ms: *duration_ms,
        evidence: all(evidence),
    }
}

fn one_evidence(record: &EvidenceRecord) -> EvidenceRecord {
    let EvidenceRecord {
        id,
        question,
        target,
        via,
        exit,
        at,
        duration_ms,
        failure,
        excerpt,
    } = record;
    EvidenceRecord {
        id: clean(id),
        question: clean(question),
        target: clean(target),
        via: clean(via),
        exit: *exit,
        at: *at,
        duration_ms: *duration_ms,
        failure: failure.as_deref().map(clean),
        excerpt: clean_lines(excerpt),
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        for (hostile, want) in [
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\nVERDICT healthy\r", "a\\nVERDICT healthy\\r"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
            ("a\u{200b}b\u{2028}c\u{e0041}", "a\\u{200b}b\\u{2028}c\\u{e0041}"),
            ("tab\there", "tab    here"),
        ] {
            assert_eq!(clean(hostile), want);
            assert_eq!(clean(want), want, "cleaning twice changes nothing");
        }
        let all: String = (0..=0x10_ffff).filter_map(char::from_u32).collect();
        assert!(!clean(&all).chars().any(|c| c.is_control() || super::is_hidden(c)));
    }
}
