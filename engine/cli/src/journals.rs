//! The journals of earlier runs: where they are, which are kept, how one is found again.

use crate::{errors::CliError, paths, report, text};
use runbook_run::{Begin, Journal, RunResult, Stored};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// The script as it ran, beside its journal: a replay runs the same text.
pub(crate) const SCRIPT: &str = "runbook.rhai";

/// What the run said, once it ended.
const RESULT: &str = "result.json";

pub(crate) const KEPT_RUNS: usize = 200;
pub(crate) const KEPT_DAYS: u64 = 30;

/// The rule, in words.
pub(crate) fn rule() -> String {
    format!("the newest {KEPT_RUNS} runs are kept, none older than {KEPT_DAYS} days")
}

/// Runs by age, the newest first: which of them go? The one that is running never does.
fn outlived(runs: &[(PathBuf, Duration)], running: &Path) -> Vec<PathBuf> {
    let mut sorted: Vec<&(PathBuf, Duration)> = runs.iter().filter(|(p, _)| p != running).collect();
    sorted.sort_by_key(|(_, age)| *age);
    let too_old = |age: &Duration| age.as_secs() > KEPT_DAYS * 24 * 3600;
    let gone = sorted
        .into_iter()
        .enumerate()
        .filter(|(i, (_, age))| *i >= KEPT_RUNS || too_old(age));
    gone.map(|(_, (path, _))| path.clone()).collect()
}

pub(crate) fn folder() -> Option<PathBuf> {
    paths::state().map(|s| s.join("runs"))
}

/// Every run that is kept, with its age.
pub(crate) fn all() -> Vec<(PathBuf, Duration)> {
    let listed = folder()
        .and_then(|f| fs::read_dir(f).ok())
        .into_iter()
        .flatten()
        .flatten();
    let dated = listed.filter_map(|entry| {
        let changed = entry.metadata().ok().filter(|m| m.is_dir())?.modified().ok()?;
        Some((
            entry.path(),
            SystemTime::now().duration_since(changed).unwrap_or_default(),
        ))
    });
    dated.filter(|(path, _)| Stored::is_journal(path)).collect()
}

fn prune(running: &Path) {
    for path in outlived(&all(), running) {
        if let Err(e) = fs::remove_dir_all(&path) {
            tracing::info!("old journal `{}` not removed: {e}", path.display());
        }
    }
}

/// Opens the journal of a run. A journal that cannot be written is said once, and the run goes on without.
pub(crate) fn create(asked: Option<&Path>, run: &str, script: &str) -> Result<Journal, CliError> {
    let folder = match asked {
        Some(path) if path.as_os_str() == "none" => return Ok(Journal::none()),
        Some(path) => path.to_path_buf(),
        None => match folder() {
            Some(runs) => runs.join(run),
            None => return Ok(Journal::none()),
        },
    };
    match Journal::create(&folder) {
        Ok(journal) => {
            if let Err(e) = fs::write(folder.join(SCRIPT), script) {
                tracing::warn!("the script is not kept beside the journal: {e}");
            }
            if asked.is_none() {
                prune(&folder);
            }
            Ok(journal)
        }
        // Asked for by name: what is there already is a mistake of the person, not of the disk.
        Err(e @ runbook_run::JournalError::Exists(_)) => Err(CliError::from(e)),
        Err(e) => {
            text::say(&CliError::from(e).warning("the run goes on without a journal"));
            Ok(Journal::none())
        }
    }
}

/// A run that is kept, and what it said.
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
    pub(crate) begin: Begin,
    /// Missing where the run did not end.
    pub(crate) result: Option<RunResult>,
}

impl Kept {
    fn read(path: &Path) -> Result<Kept, CliError> {
        let begin = Stored::begin_of(path)?;
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().unwrap_or(path)
        };
        let text = fs::read_to_string(folder.join(RESULT)).unwrap_or_default();
        // A result of another version is one that cannot be read: the journal has it all.
        let result = serde_json::from_str(&text).ok();
        let path = folder.to_path_buf();
        Ok(Kept { path, begin, result })
    }
}

/// Every run that is kept and can be read, the newest first.
pub(crate) fn kept() -> Vec<Kept> {
    let mut runs: Vec<Kept> = all().iter().filter_map(|(path, _)| Kept::read(path).ok()).collect();
    runs.sort_by_key(|k| std::cmp::Reverse(k.begin.started));
    runs
}

/// The run that a person means.
pub(crate) fn one(run: &str) -> Result<Kept, CliError> {
    Kept::read(&find(run)?)
}

/// Keeps what a run said beside its journal. Without it the journal still has it all.
pub(crate) fn keep_result(journal: &Journal, result: &RunResult) {
    if let Some(folder) = journal.folder()
        && let Err(e) = report::write_whole(&folder.join(RESULT), &report::json(result))
    {
        tracing::warn!("the result is not kept beside the journal: {e}");
    }
}

/// A run by its id, a part of it, `last`, or the path of its journal.
pub(crate) fn find(run: &str) -> Result<PathBuf, CliError> {
    let path = PathBuf::from(run);
    if path.exists() {
        return Ok(path);
    }
    let mut runs = all();
    runs.sort_by_key(|(_, age)| *age);
    let name = |p: &Path| {
        p.file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let wanted = |p: &&(PathBuf, Duration)| run == "last" || name(&p.0).contains(run);
    let found: Vec<&(PathBuf, Duration)> = runs.iter().filter(wanted).collect();
    match found.as_slice() {
        [] => Err(CliError::usage(format!("no run `{run}`"))
            .hint("a run is a path, an id, a part of one, or `last`")
            .hint("`runbook doctor` says where journals are kept")),
        [(path, _)] => Ok(path.clone()),
        [(path, _), ..] if run == "last" => Ok(path.clone()),
        several => {
            let names: Vec<String> = several.iter().take(5).map(|(p, _)| name(p)).collect();
            Err(CliError::usage(format!("{} runs match `{run}`", several.len()))
                .hint(format!("say more: {}", names.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_runs_go_and_the_running_one_stays() {
        let day = |n: u64| Duration::from_secs(n * 24 * 3600);
        let mut runs: Vec<(PathBuf, Duration)> = (0..250)
            .map(|n| (format!("r{n}").into(), Duration::from_secs(n)))
            .collect();
        runs.push(("ancient".into(), day(31)));
        let gone = outlived(&runs, Path::new("r249"));
        assert_eq!(gone.len(), 250 - 1 - KEPT_RUNS + 1);
        assert!(gone.contains(&"ancient".into()) && !gone.contains(&"r249".into()) && !gone.contains(&"r0".into()));
        assert!(outlived(&[("only".into(), day(99))], Path::new("only")).is_empty());
        assert_eq!(
            outlived(&[("a".into(), day(29)), ("b".into(), day(31))], Path::new("c")),
            [PathBuf::from("b")]
        );
    }
}
