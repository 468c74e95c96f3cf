//! What guided mode writes, on stderr. Words carry the meaning, colour only helps.

use crate::text::{self, Style, clean, clean_line};
use runbook_core::{Finding, Outcome, Severity, StepStatus, WorldInfo, WorldKind};
use runbook_run::{Evidence, StepRecord};
use runbook_script::Runbook;
use std::io::Write;

pub(super) struct View(pub(super) Style);

/// Of what a step asks, this many lines are shown.
const SHOWN: usize = 3;

impl View {
    pub(super) fn line(&self, text: &str) {
        text::say(text);
    }

    pub(super) fn bold(&self, text: &str) {
        self.line(&self.0.bold(text));
    }

    pub(super) fn plain(&self) -> Style {
        Style {
            colour: false,
            ..self.0
        }
    }

    /// Cuts a line to what fits beside a marker.
    pub(super) fn fit(&self, line: &str) -> String {
        let (line, width) = (clean_line(line), self.0.width.saturating_sub(6));
        if textwrap::core::display_width(&line) <= width {
            return line;
        }
        let mut out = String::new();
        for c in line.chars() {
            if textwrap::core::display_width(&out) + 3 >= width {
                break;
            }
            out.push(c);
        }
        out + "..."
    }

    pub(super) fn opening(&self, runbook: &Runbook, world: &WorldInfo) {
        let kind = match world.kind {
            WorldKind::Live => "cluster",
            WorldKind::Recording => "recording",
            WorldKind::Snapshot => "snapshot",
            WorldKind::Journal => "journal",
        };
        self.bold(&clean_line(&runbook.source.name));
        self.line(&self.0.wrap(runbook.summary(), "", ""));
        self.line(&self.fit(&format!("{} steps; asks the {kind} {}", runbook.plan.len(), world.name)));
    }

    pub(super) fn heading(&self, place: Option<usize>, all: usize, title: &str) {
        let number = place.map_or_else(|| "-".into(), |p| format!("{}/{all}", p + 1));
        self.line("");
        let indent = " ".repeat(number.len() + 2);
        let wrapped = self.0.wrap(title, &format!("{number}  "), &indent);
        self.bold(&wrapped);
    }

    pub(super) fn will_ask(&self, asked: &[String]) {
        self.some("will ask", asked);
    }

    pub(super) fn asking(&self, lines: &[String]) {
        self.some("asks", lines);
    }

    fn some(&self, word: &str, lines: &[String]) {
        for line in lines.iter().take(SHOWN) {
            self.line(&self.0.dim(&format!("  {}", self.fit(&format!("{word} {line}")))));
        }
        if lines.len() > SHOWN {
            self.line(&self.0.dim(&format!("  and {} more", lines.len() - SHOWN)));
        }
    }

    pub(super) fn finding(&self, finding: &Finding) {
        let (word, code) = match finding.severity {
            Severity::Problem => ("PROBLEM", "1;31"),
            Severity::Warning => ("WARNING", "1;33"),
            Severity::Info => ("INFO", "1"),
        };
        let head = format!("{} ({}) on {}", finding.code, finding.certainty, finding.subject);
        self.line(&format!("  {} {}", self.0.paint(code, word), self.fit(&head)));
        self.line(&self.0.wrap(&finding.summary, "    ", "    "));
    }

    pub(super) fn answer(&self, step: &StepRecord) {
        let (word, code) = match step.status {
            StepStatus::Ok => ("ok", "32"),
            StepStatus::Finding => ("found something", "1;31"),
            StepStatus::Skipped => ("skipped", "2"),
            StepStatus::Inconclusive => ("inconclusive", "1;33"),
            StepStatus::NotRun => ("not run", "2"),
        };
        let evidence = match step.evidence.len() {
            0 => String::new(),
            n if n > 8 => format!("; evidence {} and {} more", step.evidence[..6].join(" "), n - 6),
            _ => format!("; evidence {}", step.evidence.join(" ")),
        };
        self.line(&format!(
            "  {} in {} ms{evidence}",
            self.0.paint(code, word),
            step.duration_ms
        ));
        if !step.reason.is_empty() {
            self.line(&self.0.wrap(&step.reason, "    ", "    "));
        }
    }

    pub(super) fn note(&self, text: &str) {
        self.line(&self.0.wrap(text, "  note: ", "    "));
    }

    pub(super) fn prompt(&self, step: bool, past: bool) {
        let keys: &[(bool, &str)] = &[
            (step, "Enter run it"),
            (!step, "Enter report"),
            (step, "a all"),
            (step, "s skip"),
            (past, "r redo"),
            (past, "b back"),
            (past, "e evidence"),
            (!step, "x explain"),
            (step, "q stop"),
            (true, "? help"),
        ];
        let offered: Vec<&str> = keys.iter().filter(|(shown, _)| *shown).map(|(_, key)| *key).collect();
        let line = format!("  [{}] ", offered.join("  "));
        let mut err = std::io::stderr().lock();
        drop(write!(err, "{}", self.0.dim(&line)).and_then(|()| err.flush()));
    }

    pub(super) fn clear_line(&self) {
        let mut err = std::io::stderr().lock();
        drop(write!(err, "\r\x1b[2K").and_then(|()| err.flush()));
    }

    pub(super) fn help(&self) {
        self.line(
            "  Enter  run this step        r  redo the last step, asking anew
  a      run all that is left  b  go back to a step, asking anew from there
  s      skip it, and say why  e  evidence of the last step, in the pager
  n      write a note          x  explain a finding
  q      stop, keep the result Ctrl-C  stop at once",
        );
    }
}

pub(super) fn step_line(step: &StepRecord) -> String {
    let status = serde_json::to_value(step.status)
        .ok()
        .and_then(|s| s.as_str().map(String::from))
        .unwrap_or_default();
    format!("{}: {} ({status})", step.id, step.title)
}

/// The question as it was answered: the form that won.
fn asked(evidence: &Evidence) -> String {
    match (&evidence.question, &evidence.answer.argv) {
        (runbook_core::Question::Command(_), Some(argv)) => argv
            .iter()
            .map(|word| runbook_core::shell_quote(word))
            .collect::<Vec<_>>()
            .join(" "),
        (question, _) => question.as_text(0),
    }
}

pub(super) fn evidence_line(evidence: &Evidence) -> String {
    format!("{} {}: {}", evidence.id, evidence.question.target(), asked(evidence))
}

/// The raw answer, made harmless.
pub(super) fn evidence_page(evidence: &Evidence) -> String {
    let answer = &evidence.answer;
    let head = format!(
        "{}  {}  via {}  {}  {} ms\n$ {}\n",
        evidence.id,
        evidence.question.target(),
        answer.via,
        answer.at,
        answer.duration_ms,
        asked(evidence)
    );
    let body = match &answer.outcome {
        Outcome::Output(o) => {
            let stderr = if o.stderr.is_empty() {
                String::new()
            } else {
                format!("\nstderr:\n{}", o.stderr.text())
            };
            let cut = if o.cut_bytes > 0 {
                format!("\n({} bytes more were not kept)", o.cut_bytes)
            } else {
                String::new()
            };
            format!("exit {}\n\n{}{stderr}{cut}", o.exit, o.stdout.text())
        }
        Outcome::Body(body) => format!("\n{}", indented(&body.text())),
        Outcome::Time(time) => format!("\n{time}"),
        Outcome::Failed(failure) => format!("\nno answer: {failure}"),
    };
    clean(&format!("{head}{body}\n")).into_owned()
}

/// JSON as a person reads it.
fn indented(text: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(text).ok();
    parsed
        .and_then(|v| serde_json::to_string_pretty(&v).ok())
        .unwrap_or_else(|| text.into())
}
