//! Stand-ins for a cluster, for tests: a snapshot folder answers over the real protocols.
//!
//! [`ApiServer`] speaks HTTP and the exec WebSocket, [`SshNodes`] are real sshds, [`Sealed`] is a home of its own for
//! running the binary. What a node or a pod says is recorded: see [`Snapshot`]. What goes wrong is told by a [`Script`].
//!
//! ```no_run
//! use runbook_testkit::{ApiServer, Cut, ExecFault, Fault, On, Quirk, Script, SshNodes, SshPlan, Way, Sealed, snapshot};
//!
//! let healthy = snapshot("healthy")?;
//! let script = Script::new()
//!     .fault_times(2, On::path("/api/v1/nodes"), Fault::TooMany { retry_after: 1 })
//!     .fault(On::exec("kworker-2"), Fault::Exec(ExecFault::Cut { after: 100, how: Cut::LooksFine }))
//!     .quirk("kworker-1", Quirk::CalicoNodeImage);
//! let api = ApiServer::start(&healthy, script)?;
//! let nodes = SshPlan::new().node("kworker-1", Way::Direct).node("kworker-2", Way::Jump).start(&healthy)?;
//!
//! let sealed = Sealed::new()?.env("KUBECONFIG", &api.kubeconfig_path);
//! let run = sealed.command("runbook").args(["run", "pod-cross-node"]).output();
//! assert!(api.execs().len() <= 3 && nodes.sessions("kworker-1") <= 3);
//! # Ok::<(), runbook_testkit::Error>(())
//! ```
//!
//! Everything ends and is removed when it is dropped. A snapshot must stay where it is until then.

pub mod filters;
mod procs;
pub mod recordings;
mod script;
mod sealed;
mod server;
mod shims;
mod snapshot;
mod ssh;

pub use recordings::snapshot;
pub use script::{Cut, ExecFault, Fault, Kubelet, On, Quirk, Script};
pub use sealed::Sealed;
pub use server::{ApiServer, Request};
pub use snapshot::{Capture, Snapshot};
pub use ssh::{SshNodes, SshPlan, Way};

use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {what} `{path}`")]
    Io {
        what: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`{path}` is not what it should be")]
    Json {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    /// Something that this machine or this user does not have; the text says what.
    #[error("cannot run here: {0}")]
    Missing(String),
    #[error("{0}")]
    Failed(String),
}

impl Error {
    pub(crate) fn io(what: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.as_ref().display().to_string();
        move |source| Error::Io { what, path, source }
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
