//! The benches of the two pure crates, which print a row a line.

use super::table::Row;
use crate::sh;
use std::process::Stdio;
use xtask::Result;

/// The rows that a bench prints.
pub(super) fn bench(package: &str, name: &str, args: &[&str]) -> Result<Vec<Row>> {
    let rows = output(package, name, args)?
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(serde_json::from_str)
        .collect::<std::result::Result<Vec<Row>, _>>()?;
    match rows.is_empty() {
        true => Err(format!("the bench `{name}` of {package} printed no row").into()),
        false => Ok(rows),
    }
}

/// What a bench prints.
pub(super) fn output(package: &str, name: &str, args: &[&str]) -> Result<String> {
    let mut command = sh::cargo(&["bench", "--quiet", "-p", package, "--bench", name, "--"]);
    command.args(args).stderr(Stdio::inherit());
    eprintln!("$ {}", sh::line(&command));
    let out = command.output()?;
    if !out.status.success() {
        return Err(format!("the bench `{name}` of {package} failed").into());
    }
    Ok(String::from_utf8(out.stdout)?)
}
