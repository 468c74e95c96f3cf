use crate::{Evidence, StepRecord};
use runbook_core::{Finding, Question};

/// What to do with a step that is about to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    Run,
    Skip { reason: String },
    Stop,
}

/// What to do after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    GoOn,
    /// The same step again, asking anew.
    Retry,
    /// Back to an earlier step; everything before it comes from the journal.
    BackTo(String),
    Stop,
}

/// Whoever watches or leads a run: a progress bar, a person in guided mode, a stream of events.
pub trait Observer: Send + Sync {
    fn before_step(&self, _id: &str, _title: &str) -> Before {
        Before::Run
    }

    fn asking(&self, _questions: &[Question]) {}

    fn answered(&self, _evidence: &Evidence) {}

    fn found(&self, _finding: &Finding) {}

    fn after_step(&self, _step: &StepRecord, _findings: &[Finding]) -> After {
        After::GoOn
    }

    /// A line that the runbook's author wants the reader to see.
    fn note(&self, _text: &str) {}
}

/// Watches nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {}
