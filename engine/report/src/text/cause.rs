//! Causes: what is wrong, why we say so, and what to do.

use super::{
    page::{Page, Tone, find_word},
    words::{self, Words},
};
use runbook_core::{Certainty, Severity};
use runbook_run::{CauseRecord, EvidenceRecord, FixRecord, RunResult};
use serde_json::Value;

/// Pieces of proof that are shown for the first cause, and the lines of each by how many there are.
const MOST_EVIDENCE: usize = 3;
const EXCERPT_LINES: [usize; MOST_EVIDENCE] = [4, 3, 2];
const MOST_EXPLAINED: usize = 3;

pub(super) fn causes(page: &mut Page<'_>, result: &RunResult) {
    let Some((first, others)) = result.causes.split_first() else {
        return;
    };
    best(page, result, first);
    let words = Words::of(page.options.language);
    // Whatever is beside the first cause: another candidate, or something worth knowing.
    for (heading, less) in [(words.others, false), (words.also, true)] {
        let listed: Vec<&CauseRecord> = others
            .iter()
            .filter(|c| (c.severity < Severity::Problem) == less)
            .collect();
        if !listed.is_empty() {
            page.heading(heading);
            listed.into_iter().for_each(|c| other(page, c));
        }
    }
}

fn best(page: &mut Page<'_>, result: &RunResult, cause: &CauseRecord) {
    let words = Words::of(page.options.language);
    page.blank();
    let heading = if cause.severity == Severity::Problem {
        words.cause
    } else {
        words.noted
    };
    let heading = page.paint(Tone::Strong, heading);
    let title = title(page, cause);
    page.prose(&format!("{heading}  "), &title);
    page.prose("  ", &cause.summary);
    let needles = needles(cause);
    page.blank();
    cited(page, result, &cause.evidence, &needles, (words.why, MOST_EVIDENCE));
    cited(page, result, &cause.against, &needles, (words.against, 1));
    explained(page, result, cause);
    fixes(page, cause);
}

/// `proven  VTEP-MISSING  node worker-2`
fn title(page: &Page<'_>, cause: &CauseRecord) -> String {
    let language = page.options.language;
    let tone = if cause.certainty == Certainty::Proven {
        Tone::Bad
    } else {
        Tone::Doubt
    };
    let certainty = page.paint(tone, words::certainty(cause.certainty, language));
    let code = page.paint(Tone::Strong, &cause.code);
    let severity = words::severity(cause.severity, language)
        .map(|s| format!(" ({s})"))
        .unwrap_or_default();
    let subject = [cause.subject.kind.as_str(), cause.subject.name.as_str()];
    let subject: Vec<&str> = subject.into_iter().filter(|s| !s.is_empty()).collect();
    format!("{certainty}  {code}{severity}  {}", subject.join(" "))
        .trim_end()
        .into()
}

/// Evidence for or against, under its heading, not more than `most` pieces.
fn cited(page: &mut Page<'_>, result: &RunResult, ids: &[String], needles: &[String], (heading, most): (&str, usize)) {
    let mut cited: Vec<&EvidenceRecord> = result.evidence.iter().filter(|e| ids.contains(&e.id)).collect();
    if cited.is_empty() {
        return;
    }
    // What shows most of this case's values tells most; the order of asking breaks a tie.
    let hits = |e: &EvidenceRecord| needles.iter().filter(|n| find_word(&e.excerpt, n).is_some()).count();
    cited.sort_by_key(|e| (e.failure.is_some(), std::cmp::Reverse(hits(e))));
    let left = cited.split_off(cited.len().min(most));
    page.subheading(heading);
    let lines = EXCERPT_LINES[cited.len() - 1];
    cited.iter().for_each(|e| evidence(page, e, needles, lines));
    if !left.is_empty() {
        let words = Words::of(page.options.language);
        let ids: Vec<&str> = left.iter().map(|e| e.id.as_str()).collect();
        page.prose(
            "  ",
            &format!(
                "{} {} {}{}{}",
                words.and_more,
                left.len(),
                words.more,
                words.colon,
                ids.join(", ")
            ),
        );
    }
}

fn evidence(page: &mut Page<'_>, evidence: &EvidenceRecord, needles: &[String], most: usize) {
    let words = Words::of(page.options.language);
    let mut place = format!("@ {} ({})", evidence.target, evidence.via);
    if let Some(exit) = evidence.exit {
        place += &format!("{}{} {exit}", words.comma, words.exit);
    }
    let id = page.paint(Tone::Faint, &format!("{:<4}", evidence.id));
    let command = format!("  {id} $ {}", evidence.question);
    let place = page.paint(Tone::Faint, &place);
    let whole = format!("{command}  {place}");
    if page.fits(&whole) {
        page.line(&whole);
    } else {
        page.line(&command);
        page.prose("       ", &place);
    }
    if let Some(failure) = &evidence.failure {
        page.prose("       | ", &format!("{}{}{failure}", words.no_answer, words.colon));
        return;
    }
    let shown = telling_lines(&evidence.excerpt, needles, most);
    if shown.is_empty() {
        page.line(&format!("       | {}", words.no_output));
    }
    let indent = shown
        .iter()
        .map(|l| l.len() - l.trim_start().len())
        .min()
        .unwrap_or_default();
    for line in shown {
        let line = page.cut(&line[indent..], page.room(9), needles);
        page.line(&format!("       | {line}"));
    }
}

/// The lines that hold this case's values, in their order; the first ones where none does.
fn telling_lines<'a>(excerpt: &'a str, needles: &[String], most: usize) -> Vec<&'a str> {
    let lines: Vec<&str> = excerpt.lines().filter(|l| !l.trim().is_empty()).collect();
    let hits = |line: &str| needles.iter().filter(|n| find_word(line, n).is_some()).count();
    let mut scored: Vec<(usize, usize)> = lines
        .iter()
        .enumerate()
        .map(|(i, l)| (hits(l), i))
        .filter(|(hits, _)| *hits > 0)
        .collect();
    if scored.is_empty() {
        return lines.into_iter().take(most.min(2)).collect();
    }
    scored.sort_by_key(|(hits, i)| (std::cmp::Reverse(*hits), *i));
    scored.truncate(most);
    scored.sort_by_key(|(_, i)| *i);
    scored.into_iter().filter_map(|(_, i)| lines.get(i).copied()).collect()
}

/// The names and numbers of a finding, as they would stand in a program's output.
fn needles(cause: &CauseRecord) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Array(items) => return items.iter().for_each(|v| collect(v, found)),
            Value::Object(entries) => return entries.values().for_each(|v| collect(v, found)),
            Value::Null | Value::Bool(_) => return,
        };
        if text.chars().count() > 2 && !found.contains(&text) {
            found.push(text);
        }
    }
    let mut found = vec![];
    cause.data.values().for_each(|v| collect(v, &mut found));
    found
}

fn explained(page: &mut Page<'_>, result: &RunResult, cause: &CauseRecord) {
    if cause.explains.is_empty() {
        return;
    }
    let words = Words::of(page.options.language);
    page.subheading(words.explains);
    for code in cause.explains.iter().take(MOST_EXPLAINED) {
        let summary = result
            .findings
            .iter()
            .find(|f| f.code == *code)
            .map_or("", |f| f.summary.as_str());
        page.prose(&format!("  {code}  "), summary);
    }
    if let Some(left) = cause.explains.get(MOST_EXPLAINED..).filter(|l| !l.is_empty()) {
        page.prose(
            "  ",
            &format!(
                "{} {} {}{}{}",
                words.and_more,
                left.len(),
                words.more,
                words.colon,
                left.join(", ")
            ),
        );
    }
}

fn fixes(page: &mut Page<'_>, cause: &CauseRecord) {
    let words = Words::of(page.options.language);
    page.blank();
    let heading = page.paint(Tone::Strong, words.fix);
    let Some((first, others)) = cause.fixes.split_first() else {
        page.prose(
            &format!("{heading}  "),
            &format!("{}{}runbook explain {}", words.no_fix, words.colon, cause.code),
        );
        return;
    };
    page.prose(&format!("{heading}  "), &titled(page, first));
    for command in &first.commands {
        page.line(&format!("  $ {command}"));
    }
    let unknown = first.commands.iter().flat_map(|c| placeholders(c));
    let mut unknown: Vec<&str> = unknown.collect();
    unknown.sort_unstable();
    unknown.dedup();
    if !unknown.is_empty() {
        page.prose("  ", &format!("{} {}", words.own_values, unknown.join(", ")));
    }
    for (word, text) in [(words.undo, &first.rollback), (words.verify, &first.verify)] {
        if !text.is_empty() {
            page.prose(&format!("  {word}{}", words.colon), text);
        }
    }
    for fix in others {
        page.prose(&format!("  {}{}", words.or_fix, words.colon), &titled(page, fix));
    }
}

/// `Open UDP 4789 on both nodes (risk: medium)`
fn titled(page: &Page<'_>, fix: &FixRecord) -> String {
    let language = page.options.language;
    let words = Words::of(language);
    match fix.risk.is_empty() {
        true => fix.title.clone(),
        false => format!(
            "{} ({}{}{})",
            fix.title,
            words.risk,
            words.colon,
            words::risk(&fix.risk, language)
        ),
    }
}

/// `{pod}`: what a fix needs and the run does not know.
fn placeholders(command: &str) -> Vec<&str> {
    let opened = command.match_indices('{').map(|(at, _)| &command[at..]);
    let closed = opened.filter_map(|rest| rest.find('}').map(|end| &rest[..=end]));
    let is_word = |p: &&str| p.len() > 2 && p[1..p.len() - 1].chars().all(|c| c.is_ascii_lowercase() || c == '_');
    closed.filter(is_word).collect()
}

fn other(page: &mut Page<'_>, cause: &CauseRecord) {
    let title = title(page, cause);
    page.prose("  ", &title);
    page.prose("    ", &cause.summary);
    if let Some(fix) = cause.fixes.first() {
        let words = Words::of(page.options.language);
        let fix = titled(page, fix);
        page.prose(&format!("    {}{}", words.fix.to_lowercase(), words.colon), &fix);
    }
}
