//! Headless progress: which step of how many, and what is asked. Only where a person can see it.

use crate::text::clean_line;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use runbook_core::{Finding, Question};
use runbook_run::{After, Before, Observer, StepRecord};

pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(steps: usize) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {wide_msg}") {
            bar.set_style(style);
        }
        Progress(bar)
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Observer for Progress {
    fn before_step(&self, _id: &str, title: &str) -> Before {
        self.0.inc(1);
        self.0.set_message(clean_line(title));
        Before::Run
    }

    fn asking(&self, questions: &[Question]) {
        if let Some(first) = questions.first() {
            let more = if questions.len() > 1 {
                format!(" (+{})", questions.len() - 1)
            } else {
                String::new()
            };
            self.0
                .set_message(clean_line(&format!("{}: {}{more}", first.target(), first.as_text(0))));
        }
    }

    fn after_step(&self, _step: &StepRecord, _findings: &[Finding]) -> After {
        After::GoOn
    }
}
