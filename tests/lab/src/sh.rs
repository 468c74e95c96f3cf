//! Running programs: a line is split at spaces, there is no shell.

use crate::Result;
use std::process::{Command, Output, Stdio};

/// A command from a line. Words hold no spaces; whoever needs one uses `arg`.
pub fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).stdin(Stdio::null());
    command
}

/// Runs it and hands back its output; an error has what it said.
pub fn run(line: &str) -> Result<String> {
    output(&mut command(line))
}

pub fn output(command: &mut Command) -> Result<String> {
    let out = raw(command)?;
    if !out.status.success() {
        let said = [out.stdout, out.stderr].concat();
        return Err(format!(
            "`{}`: {} {}",
            told(command),
            out.status,
            String::from_utf8_lossy(&said).trim()
        )
        .into());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Runs it; whether it succeeded is an answer.
pub fn succeeds(command: &mut Command) -> bool {
    raw(command).is_ok_and(|out| out.status.success())
}

fn raw(command: &mut Command) -> Result<Output> {
    command
        .output()
        .map_err(|e| format!("cannot run `{}`: {e}", told(command)).into())
}

fn told(command: &Command) -> String {
    let all = std::iter::once(command.get_program()).chain(command.get_args());
    all.map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
