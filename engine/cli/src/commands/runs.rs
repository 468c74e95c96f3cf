//! Runs of before: which there are, what one said, and what is different between two.

use crate::{
    Cli,
    code::Code,
    errors::CliError,
    flags::{DiffFlags, ListFlags, Output},
    journals::{self, Kept},
    report,
    text::{self, Style, clean_line, table},
};
use runbook_run::{RunResult, changes};
use serde_json::json;

pub(crate) fn runs(cli: &Cli, flags: &ListFlags) -> Result<Code, CliError> {
    let kept = journals::kept();
    let text = match flags.output {
        Output::Text if kept.is_empty() => "no runs are kept\n".into(),
        Output::Text => table(Style::stdout(cli.colour), kept.iter().map(row)),
        Output::Json | Output::Ndjson => {
            let entry = |k: &Kept| {
                json!({
                    "run": k.begin.run, "runbook": k.begin.runbook, "started": k.begin.started, "params": k.begin.params,
                    "world": k.begin.world, "verdict": k.result.as_ref().map(|r| r.verdict), "path": k.path,
                })
            };
            let entries: Vec<_> = kept.iter().map(entry).collect();
            serde_json::to_string_pretty(&entries).unwrap_or_default() + "\n"
        }
    };
    text::print(&text)?;
    Ok(Code::Healthy)
}

fn row(kept: &Kept) -> Vec<String> {
    let said = |(name, value): (&String, &serde_json::Value)| value.as_str().map(|v| format!("--{name} {v}"));
    let params: Vec<String> = kept.begin.params.iter().filter_map(said).collect();
    let verdict = kept
        .result
        .as_ref()
        .map_or("unfinished".into(), |r| r.verdict.to_string());
    let cause = kept.result.as_ref().and_then(|r| r.causes.first());
    vec![
        kept.begin.run.clone(),
        verdict,
        cause.map(|c| c.code.clone()).unwrap_or_default(),
        clean_line(&params.join(" ")),
    ]
}

/// The report of a run that ended.
pub(crate) fn show_run(cli: &Cli, kept: &Kept) -> Result<Code, CliError> {
    let result = finished(kept)?;
    text::print(&report::text(result, Style::stdout(cli.colour), cli.language))?;
    Ok(Code::Healthy)
}

fn finished(kept: &Kept) -> Result<&RunResult, CliError> {
    kept.result.as_ref().ok_or_else(|| {
        let run = clean_line(&kept.begin.run);
        CliError::usage(format!("run `{run}` did not end: it has no result"))
            .hint(format!("`runbook resume {run}` goes on with it"))
            .hint(format!(
                "`runbook replay {run}` runs it again on the answers that it got"
            ))
    })
}

/// What is different between two runs of one runbook: exit code 1 where something is.
pub(crate) fn diff(cli: &Cli, flags: &DiffFlags) -> Result<Code, CliError> {
    let (before, after) = (journals::one(&flags.before)?, journals::one(&flags.after)?);
    let (before, after) = (finished(&before)?, finished(&after)?);
    if before.runbook != after.runbook {
        return Err(CliError::usage(format!(
            "`{}` is a run of {}, `{}` one of {}: only runs of one runbook compare",
            clean_line(&before.run),
            before.runbook,
            clean_line(&after.run),
            after.runbook
        )));
    }
    let changed = changes(before, after);
    let text = match flags.output {
        Output::Json | Output::Ndjson => serde_json::to_string_pretty(&changed).unwrap_or_default() + "\n",
        Output::Text => report::changes(&changed, Style::stdout(cli.colour)),
    };
    text::print(&text)?;
    Ok(if changed.is_empty() {
        Code::Healthy
    } else {
        Code::Problem
    })
}
