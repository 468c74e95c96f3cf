//! What is different between two results of one runbook.

use crate::{CauseRecord, EvidenceRecord, RunResult};
use runbook_core::{Certainty, StepStatus, Verdict};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Changes {
    /// Before and after, where they differ.
    pub verdict: Option<(Verdict, Verdict)>,
    /// Found now and not before.
    pub new: Vec<CauseRecord>,
    /// Found before and not now.
    pub gone: Vec<CauseRecord>,
    pub certainty: Vec<CertaintyChange>,
    pub steps: Vec<StepChange>,
    pub evidence: Vec<EvidenceChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertaintyChange {
    pub code: String,
    pub subject: String,
    pub before: Certainty,
    pub after: Certainty,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepChange {
    pub id: String,
    /// `None`: the script of that run had no such step.
    pub before: Option<StepStatus>,
    pub after: Option<StepStatus>,
}

/// A question that both runs asked of the same target, and that was answered otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceChange {
    pub target: String,
    pub question: String,
    /// The lines that matter, as the results keep them.
    pub before: String,
    pub after: String,
}

impl Changes {
    /// Did nothing change that a person would act on? Answers alone always differ a little.
    pub fn is_empty(&self) -> bool {
        let Changes {
            verdict,
            new,
            gone,
            certainty,
            steps,
            evidence: _,
        } = self;
        verdict.is_none() && new.is_empty() && gone.is_empty() && certainty.is_empty() && steps.is_empty()
    }
}

pub fn changes(before: &RunResult, after: &RunResult) -> Changes {
    let missing = |these: &RunResult, those: &RunResult| {
        let absent = |f: &&CauseRecord| those.findings.iter().all(|o| !same(f, o));
        these.findings.iter().filter(absent).cloned().collect()
    };
    Changes {
        verdict: (before.verdict != after.verdict).then_some((before.verdict, after.verdict)),
        new: missing(after, before),
        gone: missing(before, after),
        certainty: before.findings.iter().filter_map(|f| certainty(f, after)).collect(),
        steps: steps(before, after),
        evidence: after.evidence.iter().filter_map(|e| evidence(before, e)).collect(),
    }
}

/// A finding is the same when it is the same thing wrong on the same object.
fn same(one: &CauseRecord, other: &CauseRecord) -> bool {
    one.code == other.code && one.subject == other.subject
}

fn certainty(before: &CauseRecord, after: &RunResult) -> Option<CertaintyChange> {
    let now = after.findings.iter().find(|f| same(before, f))?;
    (now.certainty != before.certainty).then(|| CertaintyChange {
        code: now.code.clone(),
        subject: format!("{}/{}", now.subject.kind, now.subject.name),
        before: before.certainty,
        after: now.certainty,
    })
}

fn steps(before: &RunResult, after: &RunResult) -> Vec<StepChange> {
    let status = |result: &RunResult, id: &str| result.steps.iter().find(|s| s.id == id).map(|s| s.status);
    let mut ids: Vec<&str> = before.steps.iter().map(|s| s.id.as_str()).collect();
    let new = after.steps.iter().map(|s| s.id.as_str());
    ids.extend(new.filter(|id| before.steps.iter().all(|s| s.id != *id)));
    ids.iter()
        .map(|id| StepChange {
            id: (*id).into(),
            before: status(before, id),
            after: status(after, id),
        })
        .filter(|c| c.before != c.after)
        .collect()
}

fn evidence(before: &RunResult, now: &EvidenceRecord) -> Option<EvidenceChange> {
    let asked = |e: &&EvidenceRecord| e.target == now.target && e.question == now.question;
    let then = before.evidence.iter().find(asked)?;
    let said = |e: &EvidenceRecord| e.failure.clone().unwrap_or_else(|| e.excerpt.clone());
    (said(then) != said(now)).then(|| EvidenceChange {
        target: now.target.clone(),
        question: now.question.clone(),
        before: said(then),
        after: said(now),
    })
}
