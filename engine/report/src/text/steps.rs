//! What was asked and how each question ended.

use super::{
    page::{Page, Tone},
    words::{self, Words},
};
use runbook_core::StepStatus;
use runbook_run::{RunResult, StepRecord};

pub(super) fn table(page: &mut Page<'_>, result: &RunResult) {
    if result.steps.is_empty() {
        return;
    }
    let words = Words::of(page.options.language);
    let open = open(result).len();
    let count = if open > 0 {
        format!("  ({open} {})", words.open)
    } else {
        String::new()
    };
    page.heading(&format!("{}{count}", words.steps));
    let mut before: Option<&StepRecord> = None;
    for step in &result.steps {
        let same = before.is_some_and(|b| (b.status, &b.reason) == (step.status, &step.reason));
        row(page, result, step, same && !step.reason.is_empty());
        before = Some(step);
    }
}

fn row(page: &mut Page<'_>, result: &RunResult, step: &StepRecord, same_as_above: bool) {
    let mark = words::mark(step.status, page.options.unicode);
    let mark = match step.status {
        StepStatus::Ok => page.paint(Tone::Good, mark),
        StepStatus::Finding => page.paint(Tone::Bad, mark),
        StepStatus::Inconclusive => page.paint(Tone::Doubt, mark),
        StepStatus::Skipped | StepStatus::NotRun => page.paint(Tone::Faint, mark),
    };
    page.prose(&format!("  {mark} "), &step.title);
    match step.status {
        StepStatus::Ok => {}
        StepStatus::Finding => {
            let mut codes: Vec<&str> = result
                .findings
                .iter()
                .filter(|f| f.step == step.id)
                .map(|f| f.code.as_str())
                .collect();
            codes.dedup();
            page.prose("    ", &codes.join(", "));
        }
        StepStatus::Skipped | StepStatus::Inconclusive | StepStatus::NotRun => {
            let language = page.options.language;
            let text = match same_as_above {
                true => format!(
                    "{}{}",
                    words::status(step.status, language),
                    Words::of(language).as_above
                ),
                false => ending(page, step),
            };
            page.prose("    ", &text);
        }
    }
}

/// `skipped: nothing to compare`, with the reason where there is one.
fn ending(page: &Page<'_>, step: &StepRecord) -> String {
    let language = page.options.language;
    let status = words::status(step.status, language);
    match step.reason.is_empty() {
        true => status.into(),
        false => format!("{status}{}{}", Words::of(language).colon, step.reason),
    }
}

fn open(result: &RunResult) -> Vec<&StepRecord> {
    let is_open = |s: &&StepRecord| matches!(s.status, StepStatus::Inconclusive | StepStatus::NotRun);
    result.steps.iter().filter(is_open).collect()
}

/// An inconclusive run says so before anything else, with every reason once.
pub(super) fn could_not_tell(page: &mut Page<'_>, result: &RunResult) {
    let words = Words::of(page.options.language);
    page.blank();
    let lead = page.paint(Tone::Doubt, words.could_not_tell);
    let open = open(result);
    if open.is_empty() {
        page.prose("", &format!("{lead} {}", words.no_steps));
        return;
    }
    page.line(&lead);
    reasons(page, &open);
}

/// Steps that failed for the same reason stand together.
fn reasons(page: &mut Page<'_>, open: &[&StepRecord]) {
    let mut groups: Vec<(String, Vec<&str>)> = vec![];
    for step in open {
        let why = ending(page, step);
        match groups.iter_mut().find(|(known, _)| *known == why) {
            Some((_, titles)) => titles.push(&step.title),
            None => groups.push((why, vec![&step.title])),
        }
    }
    for (why, titles) in groups {
        titles.iter().for_each(|t| page.prose("  ? ", t));
        page.prose("    ", &why);
    }
}
