//! `run`, `record`, `replay`: from flags to a result and an exit code.

mod execute;
mod progress;
mod resume;
mod signals;
mod stream;

pub(crate) use resume::resume;
pub(crate) use signals::Interrupt;

use crate::{
    Cli, Loaded,
    code::Code,
    errors::CliError,
    flags::{FailOn, RecordFlags, ReplayFlags, RunFlags, Running, WorldFlags, read_params},
    journals, load, load_source, text, world,
};
use clap::ArgMatches;
use execute::{Job, Origin};
use runbook_core::Effect;
use runbook_run::Begin;
use runbook_script::{Origin as SourceOrigin, Runbook, Source};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

pub(crate) fn run(cli: &Cli, flags: RunFlags, matches: &ArgMatches, loaded: Loaded) -> Result<Code, CliError> {
    let params = read_params(matches, &loaded.runbook);
    start(cli, flags.world, flags.record, flags.run, params, loaded)
}

pub(crate) fn record(cli: &Cli, flags: RecordFlags, matches: &ArgMatches, loaded: Loaded) -> Result<Code, CliError> {
    let params = read_params(matches, &loaded.runbook);
    start(cli, flags.world, Some(flags.to), flags.run, params, loaded)
}

fn start(
    cli: &Cli,
    world: WorldFlags,
    record: Option<PathBuf>,
    running: Running,
    params: Map<String, Value>,
    loaded: Loaded,
) -> Result<Code, CliError> {
    let origin = Origin::Asked {
        path: world.world,
        cluster: Box::new(world.cluster),
    };
    execute::execute(
        cli,
        Job {
            origin,
            allow: world.allow.into(),
            record,
            running,
            params,
            loaded,
            resumed: None,
        },
    )
}

pub(crate) fn replay(cli: &Cli, flags: ReplayFlags) -> Result<Code, CliError> {
    let path = journals::find(&flags.run)?;
    if !runbook_run::Stored::is_journal(&path) {
        return Err(
            CliError::usage(format!("`{}` is not the journal of a run", path.display()))
                .hint("`runbook run NAME --world PATH` runs a runbook on a recording"),
        );
    }
    let stored = world::stored(&path)?;
    let loaded = script_of(cli, &stored.begin, flags.script.as_deref(), &path)?;
    let params = fitting(&loaded.runbook, &stored.begin.params);
    let mut running = flags.running;
    // The answers are in a journal already; another one is written only where it is asked for.
    running.journal.get_or_insert_with(|| "none".into());
    let origin = Origin::Open(std::sync::Arc::new(world::of_journal(&stored, &path)));
    execute::execute(
        cli,
        Job {
            origin,
            allow: Effect::Probe,
            record: None,
            running,
            params,
            loaded,
            resumed: None,
        },
    )
}

/// The parameters of a run that a script takes; it may have been edited since.
fn fitting(runbook: &Runbook, params: &Map<String, Value>) -> Map<String, Value> {
    let known = |name: &String| runbook.params.iter().any(|p| p.name == *name);
    let (fit, gone): (Map<_, _>, Map<_, _>) = params.clone().into_iter().partition(|(name, _)| known(name));
    for name in gone.keys() {
        text::say(&format!(
            "warning: the run had the parameter `{}`, which this script does not take",
            text::clean_line(name)
        ));
    }
    fit
}

/// The script of a run: an edited one, the text kept beside the journal, or the runbook of that name.
fn script_of(cli: &Cli, begin: &Begin, edited: Option<&Path>, journal: &Path) -> Result<Loaded, CliError> {
    if let Some(path) = edited {
        return load(&cli.library, &path.to_string_lossy());
    }
    let folder = if journal.is_dir() {
        journal
    } else {
        journal.parent().unwrap_or(journal)
    };
    let kept = folder.join(journals::SCRIPT);
    if let Ok(text) = std::fs::read_to_string(&kept) {
        let (name, path) = (begin.runbook.clone(), kept.display().to_string());
        return load_source(
            &cli.library,
            &Source {
                name,
                path,
                origin: SourceOrigin::File(kept),
                text: text.into(),
            },
        );
    }
    let loaded = load(&cli.library, &begin.runbook)?;
    if loaded.runbook.source.sha256() != begin.runbook_sha256 {
        text::say(&format!(
            "warning: runbook `{}` has changed since that run",
            text::clean_line(&begin.runbook)
        ));
    }
    Ok(loaded)
}

impl Running {
    fn fail_on(&self) -> FailOn {
        if self.exit_zero { FailOn::Never } else { self.fail_on }
    }
}
