//! The result of a run as text or JSON, and where it goes.

use crate::{
    errors::CliError,
    flags::ReportFormat,
    text::{Style, clean_line},
};
use runbook_run::{Language, RunResult};
use std::{fs, io, path::Path};

pub(crate) fn json(result: &RunResult) -> String {
    serde_json::to_string_pretty(result).unwrap_or_default() + "\n"
}

/// Placeholder until `runbook-report` is there.
pub(crate) fn text(result: &RunResult, _style: Style, _language: Language) -> String {
    let mut out = format!("{}: {}\n", result.runbook, result.verdict);
    for cause in &result.causes {
        let subject = format!("{} {}", cause.subject.kind, cause.subject.name);
        out.push_str(&clean_line(&format!("{} ({}) {subject}: {}", cause.code, cause.certainty, cause.summary)));
        out.push('\n');
    }
    for step in &result.steps {
        out.push_str(&clean_line(&format!("  {:?} {} {}", step.status, step.title, step.reason)));
        out.push('\n');
    }
    out
}

/// Writes a report whole or not at all.
pub(crate) fn write(result: &RunResult, format: ReportFormat, path: &Path, language: Language) -> Result<(), CliError> {
    let plain = Style { colour: false, width: 100, unicode: true };
    let text = match format {
        ReportFormat::Json => json(result),
        ReportFormat::Text => text(result, plain, language),
    };
    write_whole(path, &text)
        .map_err(|e| CliError::usage(format!("cannot write the report `{}`", path.display())).cause(e.to_string()))
}

fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    // Not a plain file, such as /dev/stdout: nothing to rename onto.
    if path.exists() && !path.is_file() {
        return fs::write(path, text);
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    fs::write(&partial, text).and_then(|()| fs::rename(&partial, path))
}
