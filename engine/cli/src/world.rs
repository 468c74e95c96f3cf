//! From flags to the world that answers.

use crate::{
    errors::CliError,
    flags::ClusterFlags,
    text,
};
use jiff::Timestamp;
use runbook_cluster::Record;
use runbook_core::{World, WorldInfo, WorldKind};
use runbook_run::Stored;
use std::{path::Path, sync::Arc};

pub(crate) async fn open(path: Option<&Path>, cluster: &ClusterFlags) -> Result<Arc<dyn World>, CliError> {
    match path {
        Some(path) if Stored::is_journal(path) => Ok(Arc::new(of_journal(&stored(path)?, path))),
        Some(path) => Ok(Arc::new(Record::open(path)?)),
        None => live(cluster).await,
    }
}

/// Reads a journal, and says so where it was cut off.
pub(crate) fn stored(path: &Path) -> Result<Stored, CliError> {
    let stored = Stored::read(path)?;
    if stored.torn.is_some() {
        text::say(&format!(
            "warning: the last line of the journal `{}` was cut off: that run was killed while it wrote; the rest is used",
            text::clean_line(&path.display().to_string())
        ));
    }
    Ok(stored)
}

pub(crate) fn of_journal(stored: &Stored, path: &Path) -> Record {
    let info = WorldInfo { kind: WorldKind::Journal, name: path.display().to_string() };
    let clock: Timestamp = stored.begin.started;
    Record::from_answers(info, clock, stored.answers())
}

/// The live world is not in this branch yet.
pub(crate) async fn live(_cluster: &ClusterFlags) -> Result<Arc<dyn World>, CliError> {
    Err(crate::errors::no_cluster(&std::io::Error::other("no live world in this build")))
}
