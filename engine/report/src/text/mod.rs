//! The report for people: verdict, cause, proof and fix on the first screen, the rest below.

mod cause;
mod page;
mod steps;
mod words;

use crate::clean::cleaned;
use page::{Page, Tone};
use runbook_core::{StepStatus, Verdict, shell_quote};
use runbook_run::{Language, RunResult};
use serde_json::Value;
use words::Words;

/// How the text is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextOptions {
    pub colour: bool,
    /// Columns; less than 40 counts as 40.
    pub width: usize,
    /// Of the report's own words. Titles and fixes are already in the language that the run was finished in.
    pub language: Language,
    /// May the report's own marks go beyond ASCII? Values are shown as they are.
    pub unicode: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        TextOptions {
            colour: false,
            width: 80,
            language: Language::En,
            unicode: true,
        }
    }
}

/// The notes that stand above the cause; the others follow below.
const NOTES_ON_TOP: usize = 2;

/// The report as text, with a newline at its end.
pub fn text(result: &RunResult, options: &TextOptions) -> String {
    let result = &cleaned(result);
    let mut page = Page::new(options);
    head(&mut page, result);
    match result.verdict {
        Verdict::Healthy => healthy(&mut page, result),
        Verdict::Inconclusive => steps::could_not_tell(&mut page, result),
        Verdict::Warning | Verdict::Problem => {}
    }
    cause::causes(&mut page, result);
    steps::table(&mut page, result);
    notes(&mut page, result);
    foot(&mut page, result);
    page.finish()
}

fn head(page: &mut Page<'_>, result: &RunResult) {
    let language = page.options.language;
    let tone = match result.verdict {
        Verdict::Healthy => Tone::Good,
        Verdict::Problem => Tone::Bad,
        Verdict::Warning | Verdict::Inconclusive => Tone::Doubt,
    };
    let verdict = page.paint(tone, words::verdict(result.verdict, language));
    let runbook = page.paint(Tone::Strong, &result.runbook);
    page.prose(&format!("{verdict}  "), &format!("{runbook}{}", params(result)));
    let when = result.started.strftime("%Y-%m-%d %H:%M:%S UTC");
    let world = words::world(result.world.kind, language);
    let (world_name, took, dot) = (&result.world.name, result.duration_ms, page.dot());
    let from = format!("{world} {world_name}{dot}{when}{dot}{took} ms");
    page.prose("", &from);
    for note in result.notes.iter().take(NOTES_ON_TOP).flat_map(|n| n.lines()) {
        page.prose("* ", note);
    }
}

/// The parameters as they are typed.
fn params(result: &RunResult) -> String {
    let one = |(name, value): (&String, &Value)| match value {
        Value::Null => String::new(),
        Value::String(text) => format!(" --{name} {}", shell_quote(text)),
        other => format!(" --{name} {}", shell_quote(&other.to_string())),
    };
    result.params.iter().map(one).collect()
}

fn healthy(page: &mut Page<'_>, result: &RunResult) {
    let words = Words::of(page.options.language);
    let count = |status| result.steps.iter().filter(|s| s.status == status).count();
    let mut line = format!("{} ({} {}", words.healthy, count(StepStatus::Ok), words.checks);
    if count(StepStatus::Skipped) > 0 {
        line += &format!("{}{} {}", words.comma, count(StepStatus::Skipped), words.skipped_count);
    }
    page.blank();
    page.prose("", &format!("{line}){}", words.stop));
}

fn notes(page: &mut Page<'_>, result: &RunResult) {
    let rest = result.notes.get(NOTES_ON_TOP..).unwrap_or_default();
    if rest.is_empty() {
        return;
    }
    page.heading(Words::of(page.options.language).notes);
    for line in rest.iter().flat_map(|n| n.lines()) {
        page.prose("  ", line);
    }
}

fn foot(page: &mut Page<'_>, result: &RunResult) {
    let words = Words::of(page.options.language);
    page.blank();
    let label = |word: &str| format!("{word}{}", words.colon);
    if !result.run.is_empty() {
        page.prose(&label(words.run), &result.run);
    }
    if let Some(first) = result.causes.first() {
        page.prose(&label(words.codes), &format!("runbook explain {}", first.code));
    }
}
