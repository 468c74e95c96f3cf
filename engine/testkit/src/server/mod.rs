//! An API server that answers from a snapshot.

mod discovery;
mod exec;
mod handle;
mod log;
mod objects;
mod reply;
mod route;
mod select;
mod status;
mod tls;

use crate::{Error, Result, Script, Snapshot, procs, shims::Shims};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot};

/// A running server, with a thread of its own; it ends when this is dropped, and so does all that was exec'ed.
#[derive(Debug)]
pub struct ApiServer {
    /// `http://127.0.0.1:PORT`, or `https` where the script says so.
    pub url: String,
    pub addr: SocketAddr,
    pub token: String,
    /// Names this server, a user with the token and the namespace `default`; its context is `testkit`.
    pub kubeconfig_path: PathBuf,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    _folder: TempDir,
}

/// What the handlers of all requests know.
#[derive(Debug)]
struct Shared {
    snapshot: Snapshot,
    script: Script,
    shims: Shims,
    token: String,
    mark: String,
    requests: Mutex<Vec<Request>>,
}

/// A request as it came in, in order of arrival.
#[derive(Debug, Clone)]
pub struct Request {
    pub at: Instant,
    pub method: String,
    /// Decoded, without the query.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// What was answered; 0 while it is not.
    pub status: u16,
    /// Whom the user wanted to be (`--as`).
    pub impersonate: Option<String>,
    /// Of an exec: whose commands answer, and what was to run.
    pub exec: Option<(String, Vec<String>)>,
}

impl Request {
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }
}

/// The query of a request.
#[derive(Debug, Clone, Default)]
struct Query(Vec<(String, String)>);

impl Query {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    fn all(&self, name: &str) -> Vec<String> {
        let same = self.0.iter().filter(|(k, _)| k == name);
        same.map(|(_, v)| v.clone()).collect()
    }

    fn is(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "1"))
    }
}

impl ApiServer {
    /// Works inside and outside of an async runtime.
    pub fn start(snapshot: impl AsRef<std::path::Path>, script: Script) -> Result<Self> {
        let snapshot = Snapshot::open(snapshot)?;
        let folder = tempfile::Builder::new()
            .prefix("runbook-api-")
            .tempdir()
            .map_err(Error::io("make a folder in", std::env::temp_dir()))?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("listen on", "127.0.0.1"))?;
        let addr = listener
            .local_addr()
            .map_err(Error::io("ask the port of", "127.0.0.1"))?;
        listener
            .set_nonblocking(true)
            .map_err(Error::io("set up", "127.0.0.1"))?;
        let mark = procs::new_mark();
        let tls = if script.tls { Some(tls::Tls::new()?) } else { None };
        let url = format!("{}://{addr}", if script.tls { "https" } else { "http" });
        let token = format!("testkit-{mark}");
        let kubeconfig_path = folder.path().join("kubeconfig");
        std::fs::write(
            &kubeconfig_path,
            kubeconfig(&url, &token, tls.as_ref().map(|t| t.ca_pem.as_str())),
        )
        .map_err(Error::io("write", &kubeconfig_path))?;
        let shared = Arc::new(Shared {
            shims: Shims::new(folder.path().join("tools"), script.clone()),
            snapshot,
            script,
            token: token.clone(),
            mark,
            requests: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = shared.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = runtime.map_err(Error::io("start", "a runtime"))?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else {
                    return;
                };
                let app = handle::app(serving);
                let serve = async {
                    match tls {
                        None => axum::serve(listener, app).await,
                        Some(tls) => axum::serve(tls.over(listener), app).await,
                    }
                };
                tokio::select! {
                    _ = serve => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Ok(ApiServer {
            url,
            addr,
            token,
            kubeconfig_path,
            shared,
            stop: Some(stop),
            thread: Some(thread),
            _folder: folder,
        })
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log().clone()
    }

    /// Those that opened an exec.
    pub fn execs(&self) -> Vec<Request> {
        self.requests().into_iter().filter(|r| r.exec.is_some()).collect()
    }

    pub fn forget_requests(&self) {
        self.shared.log().clear();
    }

    /// Processes in pods that still run: pid and argv. A client that goes away does not end them, as with a kubelet.
    pub fn running(&self) -> Vec<(i32, Vec<String>)> {
        procs::of_run(&self.shared.mark)
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.shared.snapshot
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        procs::end_run(&self.shared.mark);
    }
}

fn kubeconfig(url: &str, token: &str, ca_pem: Option<&str>) -> String {
    let ca = ca_pem.map(|pem| format!("    certificate-authority-data: {}\n", STANDARD.encode(pem)));
    let ca = ca.unwrap_or_default();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: testkit\n\
         clusters:\n- name: testkit\n  cluster:\n    server: {url}\n{ca}\
         users:\n- name: testkit\n  user:\n    token: {token}\n\
         contexts:\n- name: testkit\n  context: {{cluster: testkit, user: testkit, namespace: default}}\n"
    )
}
