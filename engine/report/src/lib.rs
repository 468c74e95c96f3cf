//! A run's result for people and for machines: pure functions of a [`RunResult`].

mod changes;
mod clean;
mod text;

pub use changes::changes;
pub use clean::clean;
pub use text::{TextOptions, text};

use runbook_run::RunResult;

/// The result as JSON, as the published schema describes it, with a newline at its end.
///
/// Control characters are escaped by JSON itself; nothing else is changed.
pub fn json(result: &RunResult) -> String {
    pretty(result)
}

/// The schema of [`json`], as published in `docs/schema/result.v1.json`.
pub fn schema() -> String {
    pretty(&runbook_run::result_schema())
}

fn pretty(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("plain data with text keys always serialises");
    text + "\n"
}
