use crate::{Argv, Raw};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which way an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// The Kubernetes API itself.
    Api,
    /// A process in a pod, through the Kubernetes API.
    Exec,
    Ssh,
    /// From a recording; the recording may say more.
    Recorded,
    /// Computed from other answers.
    Derived,
    /// This machine.
    Local,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Via::Api => "api",
            Via::Exec => "exec",
            Via::Ssh => "ssh",
            Via::Recorded => "recorded",
            Via::Derived => "derived",
            Via::Local => "local",
        })
    }
}

/// What a program said. Whole: the exit code came in band.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub stdout: Raw,
    #[serde(default, skip_serializing_if = "Raw::is_empty")]
    pub stderr: Raw,
    pub exit: i32,
    /// Bytes of stdout that were not kept because the limit was reached.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut_bytes: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Why there is no answer. An answer that says "no" (exit 1, HTTP 404) is not a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "failure", content = "detail", rename_all = "kebab-case")]
pub enum Failure {
    #[error("not in the recording")]
    NotRecorded,
    #[error("denied: {0}")]
    Denied(String),
    #[error("unreachable: {0}")]
    Unreachable(String),
    #[error("host key not accepted: {0}")]
    HostKey(String),
    #[error("no answer within {0}")]
    TimedOut(String),
    #[error("the answer was cut off: {0}")]
    Incomplete(String),
    #[error("no program there that can answer: {0}")]
    ToolMissing(String),
    #[error("not found: {0}")]
    NotFound(String),
    #[error("the API server answered {0}")]
    Server(String),
    #[error("effect `{0}` is not allowed in this run")]
    EffectNotAllowed(String),
    #[error("stopped")]
    Cancelled,
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// Could the other side not be reached or did it refuse us? (exit code 4 when nothing else is known)
    pub fn is_access(&self) -> bool {
        matches!(
            self,
            Failure::Denied(_)
                | Failure::Unreachable(_)
                | Failure::HostKey(_)
                | Failure::TimedOut(_)
                | Failure::Incomplete(_)
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Output(Output),
    /// A JSON body of the API server, or the text of a log.
    Body(Raw),
    Time(Timestamp),
    Failed(Failure),
}

/// A rung of the ladder, or a form, that was tried in vain before the answer came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub via: Via,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub outcome: Outcome,
    pub via: Via,
    pub at: Timestamp,
    pub duration_ms: u64,
    /// The argv that gave the answer, where it was a command: one of the question's forms, or the one that was
    /// recorded with the same meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Argv>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
}

impl Answer {
    pub fn new(outcome: Outcome, via: Via, at: Timestamp) -> Self {
        Answer {
            outcome,
            via,
            at,
            duration_ms: 0,
            argv: None,
            attempts: vec![],
        }
    }

    pub fn failed(failure: Failure, via: Via, at: Timestamp) -> Self {
        Answer::new(Outcome::Failed(failure), via, at)
    }

    pub fn output(&self) -> Result<&Output, Failure> {
        match &self.outcome {
            Outcome::Output(o) => Ok(o),
            Outcome::Failed(f) => Err(f.clone()),
            _ => Err(Failure::Other("not the output of a command".into())),
        }
    }

    pub fn body(&self) -> Result<&Raw, Failure> {
        match &self.outcome {
            Outcome::Body(b) => Ok(b),
            Outcome::Failed(f) => Err(f.clone()),
            _ => Err(Failure::Other("not a body".into())),
        }
    }
}
