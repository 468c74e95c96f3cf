//! `--output ndjson`: one line for each thing that happens, the result last.

use crate::text;
use runbook_core::Finding;
use runbook_run::{After, Before, Observer, RunResult, StepRecord};
use serde_json::{Value, json};

pub(crate) struct Stream;

fn line(kind: &str, value: impl serde::Serialize) {
    let mut object = json!({ "type": kind });
    if let (Some(object), Ok(Value::Object(fields))) = (object.as_object_mut(), serde_json::to_value(value)) {
        object.extend(fields);
    }
    if let Err(e) = text::print(&format!("{object}\n")) {
        tracing::warn!("cannot write to stdout: {e}");
    }
}

pub(crate) fn result(result: &RunResult) {
    line("result", result);
}

impl Observer for Stream {
    fn before_step(&self, id: &str, title: &str) -> Before {
        line("step-begin", json!({ "id": id, "title": title }));
        Before::Run
    }

    fn found(&self, finding: &Finding) {
        line("finding", finding);
    }

    fn after_step(&self, step: &StepRecord, _findings: &[Finding]) -> After {
        line("step-end", step);
        After::GoOn
    }

    fn note(&self, text: &str) {
        line("note", json!({ "text": text }));
    }
}
