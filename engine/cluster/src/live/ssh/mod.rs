//! A process on a node, over the user's own `ssh`: configuration, agents, jump hosts and known hosts are theirs.

mod master;

use super::{
    api::{self, Api},
    count::RoundTrips,
    frame::{Collector, Script},
    options::{HostKeyCheck, Limits, SshOptions},
    pump::{Patience, Stopped, pump},
    text::{chain, clean},
};
use master::{Destination, Master};
use runbook_core::{Failure, Target};
use std::{
    collections::HashMap,
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

/// An address of a Unix socket has room for 108 bytes, and ssh appends to it while it makes one.
const LONGEST_DIRECTORY: usize = 60;

#[derive(Debug)]
pub(crate) struct Ssh {
    options: SshOptions,
    sessions: usize,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    /// Short, 0700, ours alone; made on first use.
    directory: Mutex<Option<TempDir>>,
    sockets: AtomicU32,
    counts: Arc<RoundTrips>,
    api: Arc<Api>,
}

#[derive(Debug)]
struct Host {
    sessions: Semaphore,
    master: AsyncMutex<Option<Arc<Master>>>,
}

impl Ssh {
    pub(crate) fn new(options: SshOptions, limits: &Limits, api: Arc<Api>, counts: Arc<RoundTrips>) -> Self {
        Ssh {
            options,
            sessions: limits.per_host_sessions.max(1),
            hosts: Mutex::default(),
            directory: Mutex::default(),
            sockets: AtomicU32::new(0),
            counts,
            api,
        }
    }

    /// Runs the script on a node. `Ok`: every mark came. On an error the collector still holds what came whole.
    pub(crate) async fn run(
        &self,
        node: &str,
        script: &Script,
        collector: &mut Collector,
        patience: Patience,
    ) -> Result<(), Failure> {
        let host = self.host(node);
        let Ok(permit) = tokio::time::timeout_at(patience.end.into(), host.sessions.acquire()).await else {
            return Err(Failure::TimedOut(
                "the time of the batch, waiting for a free session".into(),
            ));
        };
        let master = self.master(node, &host, patience).await?;
        let run = self.through(node, &master, script, collector, patience).await;
        drop(permit);
        if run.is_err()
            && tokio::time::timeout(Duration::from_millis(200), master.session.check())
                .await
                .is_ok_and(|c| c.is_err())
        {
            // The link is gone: the next batch connects anew.
            let mut current = host.master.lock().await;
            if current.as_ref().is_some_and(|c| Arc::ptr_eq(c, &master)) {
                *current = None;
            }
        }
        run
    }

    async fn through(
        &self,
        node: &str,
        master: &Master,
        script: &Script,
        collector: &mut Collector,
        patience: Patience,
    ) -> Result<(), Failure> {
        let shell = if self.options.sudo { "sudo -n -- sh -s" } else { "sh -s" };
        let mut wait = Duration::from_millis(20);
        let mut child = loop {
            let mut command = master.session.raw_command(shell);
            command
                .stdin(openssh::Stdio::piped())
                .stdout(openssh::Stdio::piped())
                .stderr(openssh::Stdio::piped());
            self.counts.add(&Target::Node(node.into()));
            let error = match tokio::time::timeout_at(patience.first.into(), command.spawn()).await {
                Ok(Ok(child)) => break child,
                Ok(Err(error)) => error,
                Err(_) => return Err(Failure::Unreachable("sshd opened no session in time".into())),
            };
            // sshd frees sessions late, so that even an honest count meets its limit.
            if !chain(&error).contains("Session open refused") || Instant::now() + wait >= patience.end {
                return Err(lost(&chain(&error), master));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_millis(400));
        };
        let streams = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            return Err(Failure::Other("ssh without its streams".into()));
        };
        let stopped = pump(stdin, stdout, stderr, &script.text, collector, patience).await;
        if collector.is_done() {
            return Ok(());
        }
        Err(match stopped {
            Stopped::Ended if collector.out.is_started() => {
                Failure::Incomplete("the ssh session ended before the end mark".into())
            }
            Stopped::Ended => no_shell(&collector.err.noise(), &collector.out.noise(), &master.words()),
            Stopped::Silent => Failure::TimedOut("the time for a first sign of the remote shell".into()),
            Stopped::Late => Failure::TimedOut("the time of the batch".into()),
        })
    }

    fn host(&self, node: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Host {
                sessions: Semaphore::new(self.sessions),
                master: AsyncMutex::default(),
            })
        };
        hosts.entry(node.into()).or_insert_with(new).clone()
    }

    async fn master(&self, node: &str, host: &Host, patience: Patience) -> Result<Arc<Master>, Failure> {
        let mut current = host.master.lock().await;
        if let Some(master) = &*current {
            return Ok(master.clone());
        }
        let master = Arc::new(self.connect(node, patience).await?);
        *current = Some(master.clone());
        Ok(master)
    }

    /// By the name that the user gave, else by the node's own name, which ssh's configuration or DNS may know, else by
    /// its address.
    async fn connect(&self, node: &str, patience: Patience) -> Result<Master, Failure> {
        if !has_program("ssh") {
            let hint = "`ssh` on this machine; install the OpenSSH client, or go through the calico-node pods with `--via exec`";
            return Err(Failure::ToolMissing(hint.into()));
        }
        if let Some(host) = self.options.hosts.get(node) {
            return self.connect_to(host, patience).await;
        }
        let by_name = match self.connect_to(node, patience).await {
            Err(Failure::Unreachable(why)) => why,
            other => return other,
        };
        let Some(address) = self.internal_ip(node, patience).await else {
            return Err(Failure::Unreachable(by_name));
        };
        self.connect_to(&address, patience)
            .await
            .map_err(|failure| match failure {
                Failure::Unreachable(why) => Failure::Unreachable(format!("{by_name}; by its address: {why}")),
                other => other,
            })
    }

    async fn connect_to(&self, host: &str, patience: Patience) -> Result<Master, Failure> {
        let odd = |c: char| c.is_control() || c.is_whitespace();
        if host.is_empty() || host.starts_with('-') || host.contains(odd) {
            return Err(Failure::Other(format!(
                "`{}` is no name of an ssh host",
                clean(host, 100)
            )));
        }
        let directory = self.directory()?;
        let number = self.sockets.fetch_add(1, Ordering::Relaxed);
        let to = Destination {
            host,
            user: self.options.user.as_deref(),
            config_file: self.options.config_file.as_deref(),
            accept_new: self.options.host_key == HostKeyCheck::AcceptNew,
        };
        Master::connect(&to, &directory, directory.join(format!("{number}")), patience.first).await
    }

    async fn internal_ip(&self, node: &str, patience: Patience) -> Option<String> {
        let uri = format!("/api/v1/nodes/{}", api::encoded(node));
        let body = self.api.request(&uri, &Target::Api, patience.first).await.ok()?;
        let node: serde_json::Value = serde_json::from_slice(&body).ok()?;
        let addresses = node["status"]["addresses"].as_array()?;
        let internal = addresses.iter().find(|a| a["type"] == "InternalIP")?;
        // Only an address: whoever may write a node's status must not choose our host by name.
        internal["address"]
            .as_str()?
            .parse::<std::net::IpAddr>()
            .ok()
            .map(|ip| ip.to_string())
    }

    fn directory(&self) -> Result<PathBuf, Failure> {
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        if directory.is_none() {
            *directory =
                Some(make_directory().map_err(|e| Failure::Other(format!("no place for ssh's control socket: {e}")))?);
        }
        Ok(directory.as_ref().map(|d| d.path().to_path_buf()).unwrap_or_default())
    }

    pub(crate) async fn close(&self) {
        let hosts: Vec<_> = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.drain().map(|(_, host)| host).collect()
        };
        let close = hosts.into_iter().map(|host| async move {
            // Whoever still holds a master ends it by letting go of it.
            let held = tokio::time::timeout(Duration::from_millis(500), host.master.lock()).await;
            let master = held.ok().and_then(|mut m| m.take()).and_then(Arc::into_inner);
            if let Some(master) = master {
                master.close().await;
            }
        });
        futures::future::join_all(close).await;
        drop(self.directory.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

fn make_directory() -> std::io::Result<TempDir> {
    let fits = |base: &PathBuf| base.as_os_str().len() + 24 < LONGEST_DIRECTORY;
    let bases = [
        std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from),
        Some(std::env::temp_dir()),
        Some("/tmp".into()),
    ];
    let mut last = std::io::Error::other("every candidate is too long for a socket");
    for base in bases.into_iter().flatten().filter(|b| b.is_absolute() && fits(b)) {
        let made = tempfile::Builder::new()
            .prefix("runbook-")
            .rand_bytes(8)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(base);
        match made {
            Ok(directory) => return Ok(directory),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| is_executable(&dir.join(name)))
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

fn lost(error: &str, master: &Master) -> Failure {
    match master.words() {
        words if words.is_empty() => Failure::Unreachable(format!("the ssh connection was lost: {error}")),
        words => Failure::Unreachable(format!("the ssh connection was lost: {words}")),
    }
}

/// The session ended before our shell spoke.
fn no_shell(stderr: &str, stdout: &str, words: &str) -> Failure {
    let said = [stderr, stdout, words].map(|t| clean(t, 200));
    let said = said.iter().find(|t| !t.is_empty()).cloned().unwrap_or_default();
    if said.contains("sudo") {
        Failure::Denied(format!("sudo without a password is not allowed there: {said}"))
    } else if said.is_empty() {
        Failure::Incomplete("the ssh session ended before the remote shell spoke".into())
    } else {
        Failure::Denied(format!("no shell for this user there: {said}"))
    }
}
