use serde::{Deserialize, Serialize};
use std::fmt;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    Ok,
    Finding,
    Skipped,
    Inconclusive,
    NotRun,
}

impl StepStatus {
    pub fn word(self) -> &'static str {
        match self {
            StepStatus::Ok => "ok",
            StepStatus::Finding => "finding",
            StepStatus::Skipped => "skipped",
            StepStatus::Inconclusive => "inconclusive",
            StepStatus::NotRun => "not run",
        }
    }
}

/// What a run says in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Healthy,
    Warning,
    Problem,
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Healthy => "healthy",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
            Verdict::Inconclusive => "inconclusive",
        })
    }
}
