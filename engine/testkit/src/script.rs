use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// What goes wrong, and what is different from the snapshot. The default: nothing. Clones share their counts.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub(crate) faults: Vec<Arc<Planned>>,
    pub(crate) quirks: Vec<(String, Quirk)>,
    pub(crate) tls: bool,
    pub(crate) plain_discovery: bool,
}

#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) on: On,
    pub(crate) fault: Fault,
    /// How often it still happens.
    left: AtomicU32,
}

impl Planned {
    /// Takes one of the times it happens; false once they are used up.
    pub(crate) fn take(&self) -> bool {
        let less = |n: u32| match n {
            0 => None,
            u32::MAX => Some(u32::MAX),
            n => Some(n - 1),
        };
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }

    pub(crate) fn is_left(&self) -> bool {
        self.left.load(Ordering::SeqCst) > 0
    }
}

impl Script {
    pub fn new() -> Self {
        Script::default()
    }

    /// Every request that `on` means gets this fault. Of several that fit, the one named first counts.
    pub fn fault(self, on: On, fault: Fault) -> Self {
        self.fault_times(u32::MAX, on, fault)
    }

    /// The first `times` requests that `on` means get this fault; after that all is well.
    pub fn fault_times(mut self, times: u32, on: On, fault: Fault) -> Self {
        let left = AtomicU32::new(times);
        self.faults.push(Arc::new(Planned { on, fault, left }));
        self
    }

    /// `subject`: a node, a pod (`namespace/name`) or `*`.
    pub fn quirk(mut self, subject: &str, quirk: Quirk) -> Self {
        self.quirks.push((subject.into(), quirk));
        self
    }

    /// Serves HTTPS with a certificate authority made on the spot; the kubeconfig names it.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// A server from before aggregated discovery (Kubernetes 1.25).
    pub fn plain_discovery(mut self) -> Self {
        self.plain_discovery = true;
        self
    }

    pub(crate) fn quirks_of<'a>(&'a self, subject: &'a str) -> impl Iterator<Item = &'a Quirk> + 'a {
        let fits = move |name: &str| name == "*" || name == subject;
        self.quirks.iter().filter(move |(name, _)| fits(name)).map(|(_, q)| q)
    }
}

/// Which requests are meant.
#[derive(Debug, Clone)]
pub enum On {
    All,
    /// A path, exactly; with a `*` at the end everything that begins so.
    Path(String),
    /// Requests for the next page of a list.
    Continue,
    /// Exec into a pod: `namespace/name`, the name of a node for its calico-node pod, or `*`.
    Exec(String),
    /// The log of a pod, named in the same ways.
    Logs(String),
}

impl On {
    pub fn path(path: &str) -> Self {
        On::Path(path.into())
    }

    pub fn exec(subject: &str) -> Self {
        On::Exec(subject.into())
    }

    pub fn logs(subject: &str) -> Self {
        On::Logs(subject.into())
    }
}

/// What an HTTP request gets instead of its answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The `Status` that a real API server sends with this code: 400, 401, 403 (with the words of RBAC), 404, 409,
    /// 410 (`Expired`), 429, 500, 503, 504.
    Status(u16),
    /// 429 with a `Retry-After` in seconds.
    TooMany { retry_after: u32 },
    /// What a proxy says: HTML.
    Html(u16),
    /// Any answer.
    Body {
        code: u16,
        content_type: String,
        body: Vec<u8>,
    },
    /// No answer, ever.
    Hang,
    /// The right answer, late.
    Slow(Duration),
    /// The right answer until so many bytes of its body, then the connection closes.
    CutBody(usize),
    /// Exec only.
    Exec(ExecFault),
}

/// What goes wrong after the WebSocket of an exec was accepted.
#[derive(Debug, Clone)]
pub enum ExecFault {
    /// A kubelet that accepts and says nothing.
    Silent,
    /// The connection ends after so many bytes of stdout.
    Cut { after: usize, how: Cut },
    /// The API server cannot reach the kubelet.
    Dead(Kubelet),
    /// The container has ended.
    ContainerGone,
    /// Bytes that are no frame of the protocol: an unknown channel, a text, a status that is no JSON.
    Garbage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// With status `Success` and a proper close, as when the link between API server and kubelet breaks.
    LooksFine,
    /// The socket is gone.
    Abrupt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kubelet {
    Refused,
    NoRoute,
    TimedOut,
}

/// How the tools of a node or a pod differ from the recorded ones. `tool` is a program's name or `*` for all recorded ones.
#[derive(Debug, Clone)]
pub enum Quirk {
    /// The few tools of the calico-node image: no ss, ethtool, bridge, curl, ping, nc, nstat.
    CalicoNodeImage,
    /// Only these of the recorded tools (the shell's own needs stay).
    Only(Vec<String>),
    /// Not installed. `sh` too can be missing.
    Missing(String),
    /// Each call takes so much longer.
    Latency(String, Duration),
    /// Prints so many bytes instead of its answer.
    Huge(String, u64),
    /// Prints binary rubbish, terminal escapes and half of UTF-8, with exit 0.
    Garbage(String),
    /// Prints half of its answer and is killed.
    Dies(String),
    /// Prints half of its answer and kills the shell that called it.
    KillsShell(String),
    /// Never ends.
    Hangs(String),
    /// Answers this argv so, whatever the snapshot says.
    Answer {
        argv: Vec<String>,
        stdout: Vec<u8>,
        stderr: String,
        exit: i32,
    },
}

impl Quirk {
    pub fn answer(argv: &[&str], stdout: &str, exit: i32) -> Self {
        Quirk::Answer {
            argv: argv.iter().map(|a| a.to_string()).collect(),
            stdout: stdout.into(),
            stderr: String::new(),
            exit,
        }
    }
}
