//! From flags to the world that answers.

use crate::{
    code::Code,
    errors::{self, CliError},
    flags::{ClusterFlags, HostKey, Via},
    text,
};
use jiff::Timestamp;
use runbook_cluster::{
    Record,
    live::{HostKeyCheck, LiveOptions, LiveWorld, SshOptions, ViaChoice},
};
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
    let info = WorldInfo {
        kind: WorldKind::Journal,
        name: path.display().to_string(),
    };
    let clock: Timestamp = stored.begin.started;
    Record::from_answers(info, clock, stored.answers())
}

/// A cluster. Nothing is sent yet: the first question does that.
pub(crate) async fn live(flags: &ClusterFlags) -> Result<Arc<dyn World>, CliError> {
    if flags.via == Via::Ssh && !has_ssh() {
        return Err(
            CliError::new(Code::CouldNotAsk, "`--via ssh`, but there is no `ssh` on this machine").hint(
                "install OpenSSH's client, or leave `--via` out: nodes are then asked through their calico-node pods",
            ),
        );
    }
    let world = LiveWorld::connect(options(flags))
        .await
        .map_err(|e| errors::no_cluster(&e))?;
    Ok(Arc::new(world))
}

pub(crate) fn has_ssh() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("ssh").is_file())
}

fn options(flags: &ClusterFlags) -> LiveOptions {
    let via = match flags.via {
        Via::Auto => ViaChoice::Auto,
        Via::Exec => ViaChoice::Exec,
        Via::Ssh => ViaChoice::Ssh,
    };
    let host_key = match flags.ssh_host_key {
        HostKey::Strict => HostKeyCheck::Strict,
        HostKey::AcceptNew => HostKeyCheck::AcceptNew,
    };
    let ssh = SshOptions {
        config_file: flags.ssh_config.clone(),
        user: flags.ssh_user.clone(),
        hosts: flags.ssh_host.iter().cloned().collect(),
        host_key,
        sudo: flags.sudo,
    };
    LiveOptions {
        kubeconfig: flags.kubeconfig.clone(),
        context: flags.context.clone(),
        cluster: flags.cluster.clone(),
        namespace: flags.namespace.clone(),
        as_user: flags.as_user.clone(),
        as_group: flags.as_group.clone(),
        server_timeout: flags.request_timeout,
        via,
        ssh,
        limits: Default::default(),
    }
}
