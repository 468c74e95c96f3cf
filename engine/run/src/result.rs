//! The result of a run: the contract that machines read. Fields may be added, never changed in meaning.

use jiff::Timestamp;
use runbook_core::{Certainty, Severity, StepStatus, Verdict, WorldKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const SCHEMA: &str = "runbook.result/1";

/// What `runbook run --output json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// `runbook.result/1`.
    pub schema: String,
    /// The id of this run, and the name of its journal.
    pub run: String,
    pub runbook: String,
    /// SHA-256 of the script, hexadecimal.
    pub runbook_sha256: String,
    pub params: serde_json::Map<String, serde_json::Value>,
    pub world: WorldRecord,
    #[schemars(with = "String")]
    pub started: Timestamp,
    pub duration_ms: u64,
    #[schemars(with = "VerdictSchema")]
    pub verdict: Verdict,
    /// What is wrong and explained by nothing else that was found; the most certain first.
    pub causes: Vec<CauseRecord>,
    /// Everything that is wrong: causes and what they explain.
    pub findings: Vec<CauseRecord>,
    pub steps: Vec<StepRecord>,
    pub evidence: Vec<EvidenceRecord>,
    /// Lines that the runbook's author wanted the reader to see.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorldRecord {
    #[schemars(with = "WorldKindSchema")]
    pub kind: WorldKind,
    /// The API server's address and context, or the path of the recording.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CauseRecord {
    /// A word of the catalogue: `runbook explain CODE`.
    pub code: String,
    #[schemars(with = "CertaintySchema")]
    pub certainty: Certainty,
    #[schemars(with = "SeveritySchema")]
    pub severity: Severity,
    pub subject: SubjectRecord,
    pub summary: String,
    /// Codes of this run that this finding is the cause of.
    pub explains: Vec<String>,
    /// Ids of `evidence`.
    pub evidence: Vec<String>,
    /// Ids of evidence that speaks against it.
    pub against: Vec<String>,
    pub fixes: Vec<FixRecord>,
    /// The step that found it.
    pub step: String,
    /// The values of this case.
    pub data: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubjectRecord {
    /// `node`, `pod`, `pool`, `policy`, `peer`, …
    pub kind: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FixRecord {
    pub id: String,
    pub title: String,
    /// `low`, `medium`, `high`.
    pub risk: String,
    /// With the names of this case filled in; what is not known stands in `{braces}`.
    pub commands: Vec<String>,
    pub rollback: String,
    pub verify: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    pub id: String,
    pub title: String,
    #[schemars(with = "StepStatusSchema")]
    pub status: StepStatus,
    /// Why it was skipped or is inconclusive; empty otherwise.
    pub reason: String,
    pub duration_ms: u64,
    pub evidence: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceRecord {
    pub id: String,
    /// As a person could paste it.
    pub question: String,
    /// `api`, `node/NAME`, `pod/NAMESPACE/NAME`, `local`.
    pub target: String,
    /// `api`, `exec`, `ssh`, `recorded`, `derived`, `local`.
    pub via: String,
    /// The exit code of a command; `null` where there is none.
    pub exit: Option<i32>,
    #[schemars(with = "String")]
    pub at: Timestamp,
    pub duration_ms: u64,
    /// Why there is no answer; `null` where there is one.
    pub failure: Option<String>,
    /// The lines that matter, not more than a screen.
    pub excerpt: String,
}

macro_rules! words {
    ($($name:ident: $($word:literal)|+;)+) => {
        $(
            /// Stands in for a type of `core` in the schema.
            #[derive(JsonSchema)]
            #[expect(dead_code, reason = "only its schema is used")]
            struct $name(#[schemars(extend("enum" = [$($word),+]))] String);
        )+
    };
}

words! {
    VerdictSchema: "healthy" | "warning" | "problem" | "inconclusive";
    WorldKindSchema: "live" | "recording" | "snapshot" | "journal";
    CertaintySchema: "proven" | "likely" | "possible";
    SeveritySchema: "problem" | "warning" | "info";
    StepStatusSchema: "ok" | "finding" | "skipped" | "inconclusive" | "not-run";
}

/// The published JSON schema of [`RunResult`].
pub fn result_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(RunResult).to_value();
    schema["$id"] = SCHEMA.into();
    schema
}
