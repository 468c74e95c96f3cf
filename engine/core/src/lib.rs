//! Shared words: question, answer, evidence, finding, verdict. Needs nobody.

mod answer;
mod finding;
mod question;
mod raw;
mod redact;
mod verdict;
mod world;

pub use answer::{Answer, Attempt, Failure, Outcome, Output, Via};
pub use finding::{Certainty, EvidenceId, Finding, Severity, Subject};
pub use question::{ApiGet, Argv, CommandQuestion, Effect, LogQuestion, PodRef, Question, Target, shell_quote};
pub use raw::Raw;
pub use redact::{redact, redact_answer};
pub use verdict::{StepStatus, Verdict};
pub use world::{AskContext, AskFuture, World, WorldInfo, WorldKind};
