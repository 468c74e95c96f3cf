//! Completion: scripts for shells, and the answers to what they ask: flags, runbook names, parameters.

use crate::{
    code::Code,
    config::Config,
    errors::CliError,
    flags::{self, Shell},
    load, text,
};
use clap::Command;
use clap_complete::{
    CompleteEnv,
    engine::{ArgValueCandidates, CompletionCandidate},
    env::Shells,
};
use runbook_script::Library;
use std::ffi::OsString;

/// Where a shell asks for completions (`COMPLETE=bash`), answers and ends.
pub(crate) fn answer_shell() {
    if std::env::var_os("COMPLETE").is_some() {
        CompleteEnv::with_factory(complete_command).complete();
    }
}

/// The command line with the parameters of the runbook that is being typed.
fn complete_command() -> Command {
    let config = Config::load().unwrap_or_default();
    let mut app = flags::command(&config);
    let typed: Vec<OsString> = std::env::args_os().skip_while(|a| a != "--").skip(2).collect();
    let scanned = flags::scan(&typed, &app);
    let library = Library::new(crate::folders(&scanned, &config));
    if let (Some(command), Some(name)) = (&scanned.command, &scanned.name)
        && let Ok(loaded) = load(&library, name)
        && let Some(sub) = app.find_subcommand(command).cloned()
        && let Ok(sub) = flags::add_params(&sub, &loaded.runbook, &config)
    {
        app = app.mut_subcommand(command, |_| sub);
    }
    let names = move || {
        let candidates = library.runbooks().into_iter().map(|s| CompletionCandidate::new(s.name));
        candidates.collect::<Vec<_>>()
    };
    let codes = || {
        Library::default()
            .catalogue()
            .0
            .iter()
            .map(|e| CompletionCandidate::new(&e.code))
            .collect::<Vec<_>>()
    };
    for (command, argument) in [
        ("run", "name"),
        ("record", "name"),
        ("show", "name"),
        ("check", "names"),
    ] {
        let candidates = ArgValueCandidates::new(names.clone());
        app = app.mut_subcommand(command, |c| c.mut_arg(argument, |a| a.add(candidates)));
    }
    app.mut_subcommand("explain", |c| {
        c.mut_arg("code", |a| a.add(ArgValueCandidates::new(codes)))
    })
}

pub(crate) fn print(shell: Shell) -> Result<Code, CliError> {
    let name = match shell {
        Shell::Bash => "bash",
        Shell::Elvish => "elvish",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
        Shell::Zsh => "zsh",
    };
    let shells = Shells::builtins();
    let mut script = vec![];
    if let Some(completer) = shells.completer(name) {
        completer.write_registration("COMPLETE", "runbook", "runbook", "runbook", &mut script)?;
    }
    text::print(&String::from_utf8_lossy(&script))?;
    Ok(Code::Healthy)
}
