use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// How to reach a cluster: kubectl's flags, and how to reach its nodes.
#[derive(Debug, Clone, Default)]
pub struct LiveOptions {
    /// Instead of `KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    pub cluster: Option<String>,
    pub namespace: Option<String>,
    pub as_user: Option<String>,
    pub as_group: Vec<String>,
    /// Bound on a single request to the API server, within the deadline of its batch.
    pub server_timeout: Option<Duration>,
    pub via: ViaChoice,
    pub ssh: SshOptions,
    pub limits: Limits,
}

/// Which way commands reach a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ViaChoice {
    /// The least access that answers: a process in the node's calico-node pod, then SSH.
    #[default]
    Auto,
    Exec,
    Ssh,
}

#[derive(Debug, Clone, Default)]
pub struct SshOptions {
    /// Instead of the user's `~/.ssh/config`.
    pub config_file: Option<PathBuf>,
    pub user: Option<String>,
    /// A node's name to its ssh host: an alias, `user@host` or `ssh://user@host:port`.
    pub hosts: BTreeMap<String, String>,
    pub host_key: HostKeyCheck,
    /// Run everything on a node under `sudo -n`.
    pub sudo: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostKeyCheck {
    /// Only hosts whose key is known.
    #[default]
    Strict,
    /// Unknown hosts are added; a changed key is refused all the same.
    AcceptNew,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Kept of one command's stdout.
    pub max_output_bytes: u64,
    /// Shells at a time on one node. sshd allows 10 (`MaxSessions`) and frees them late.
    pub per_host_sessions: usize,
    /// Requests to the API server at a time.
    pub api_parallel: usize,
    /// Nodes and pods asked at a time.
    pub node_parallel: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_output_bytes: 32 << 20,
            per_host_sessions: 4,
            api_parallel: 8,
            node_parallel: 16,
        }
    }
}
