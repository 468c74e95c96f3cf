//! The result of a run as text or JSON, and where it goes.

use crate::{errors::CliError, flags::ReportFormat, text::Style};
use runbook_report::TextOptions;
use runbook_run::{Language, RunResult};
use std::{fs, io, path::Path};

pub(crate) fn json(result: &RunResult) -> String {
    runbook_report::json(result)
}

pub(crate) fn text(result: &RunResult, style: Style, language: Language) -> String {
    let Style { colour, width, unicode } = style;
    runbook_report::text(
        result,
        &TextOptions {
            colour,
            width,
            language,
            unicode,
        },
    )
}

pub(crate) fn changes(changes: &runbook_run::Changes, style: Style) -> String {
    let told = runbook_report::changes(changes);
    let coloured = |line: &str| match line.as_bytes().first() {
        Some(b'+') => style.paint("31", line),
        Some(b'-') => style.paint("32", line),
        _ => line.to_string(),
    };
    told.lines().map(|line| coloured(line) + "\n").collect()
}

/// Writes a report whole or not at all.
pub(crate) fn write(result: &RunResult, format: ReportFormat, path: &Path, language: Language) -> Result<(), CliError> {
    let plain = Style {
        colour: false,
        width: 100,
        unicode: true,
    };
    let text = match format {
        ReportFormat::Json => json(result),
        ReportFormat::Text => text(result, plain, language),
    };
    write_whole(path, &text)
        .map_err(|e| CliError::usage(format!("cannot write the report `{}`", path.display())).cause(e.to_string()))
}

pub(crate) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    // Not a plain file, such as /dev/stdout: nothing to rename onto.
    if path.exists() && !path.is_file() {
        return fs::write(path, text);
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    fs::write(&partial, text).and_then(|()| fs::rename(&partial, path))
}
