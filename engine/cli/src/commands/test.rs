use crate::{
    Cli,
    code::Code,
    errors::CliError,
    text::{self, clean},
};
use runbook_cases::{Case, Judged, Runner, cases, run_all, table};
use std::path::Path;

/// Runs the cases of these runbooks, or of all; what they said is data, so it goes to stdout.
pub(crate) fn test(cli: &Cli, names: &[String], folder: &Path) -> Result<Code, CliError> {
    let runner = Runner::new(cli.library.clone()).map_err(|e| CliError::new(Code::NotLoaded, e.to_string()))?;
    let all = cases(folder).map_err(|e| CliError::usage(e.to_string()))?;
    let names: Vec<&str> = names.iter().map(|n| stem(n)).collect();
    let wanted = |c: &Case| names.is_empty() || names.contains(&c.runbook.as_str());
    let own: Vec<Case> = all.into_iter().filter(wanted).collect();
    if own.is_empty() {
        let recordings = folder.join("recordings");
        return Err(CliError::usage(format!(
            "no cases below `{}`: nothing was tested",
            recordings.display()
        )));
    }
    let judged = run_all(&runner, &own);
    text::print(&clean(&table(&judged)))?;
    Ok(if judged.iter().all(Judged::is_ok) {
        Code::Healthy
    } else {
        Code::Problem
    })
}

/// A runbook's name, also where its file was named.
fn stem(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.strip_suffix(".rhai").unwrap_or(file)
}
