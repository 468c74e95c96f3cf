//! Nodes that a real `ssh` logs in to: one sshd each, in a network namespace of its own or on a port of 127.0.0.1.

mod net;
mod node;

use crate::{Error, Result, Script, Snapshot, procs, shims::Shims};
use net::Net;
use node::Node;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// How a node is reached, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    #[default]
    Direct,
    /// Only through the jump host, which the ssh config names.
    Jump,
    /// Nothing listens on the port.
    Refused,
    /// known_hosts has another key for it.
    OtherHostKey,
    /// known_hosts does not have it.
    UnknownHostKey,
    /// It does not know our key.
    Denied,
    /// Packets to it vanish. Only with namespaces.
    Blackholed,
}

/// Says which nodes there are, and how they behave.
#[derive(Debug, Default)]
pub struct SshPlan {
    nodes: Vec<(String, Way)>,
    script: Script,
    loopback: bool,
    greeting: Option<String>,
}

impl SshPlan {
    pub fn new() -> Self {
        SshPlan::default()
    }

    pub fn node(mut self, name: &str, way: Way) -> Self {
        self.nodes.push((name.into(), way));
        self
    }

    /// Its quirks hold for the tools of the nodes.
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// No namespaces and no root: each sshd has a port of 127.0.0.1.
    pub fn loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// The login shells print this before every command, as start-up files that print do. Needs root.
    pub fn greeting(mut self, text: &str) -> Self {
        self.greeting = Some(text.into());
        self
    }

    pub fn start(self, snapshot: impl AsRef<Path>) -> Result<SshNodes> {
        SshNodes::with(snapshot.as_ref(), self)
    }
}

/// Running nodes; everything that was made for them goes when this is dropped.
#[derive(Debug)]
pub struct SshNodes {
    /// For `ssh -F`: a `Host` for each node by its name, keys, strict checking.
    pub ssh_config_path: PathBuf,
    pub known_hosts_path: PathBuf,
    pub identity_path: PathBuf,
    nodes: BTreeMap<String, Node>,
    mark: String,
    net: Option<Net>,
    _folder: TempDir,
}

const JUMP: &str = "jump-host";

impl SshNodes {
    /// All of them reachable, in namespaces. `Error::Missing` says what this machine lacks.
    pub fn start(snapshot: impl AsRef<Path>, nodes: &[&str]) -> Result<Self> {
        let plan = nodes.iter().fold(SshPlan::new(), |p, n| p.node(n, Way::Direct));
        plan.start(snapshot)
    }

    fn with(snapshot: &Path, mut plan: SshPlan) -> Result<Self> {
        for tool in ["ssh", "sshd", "ssh-keygen"] {
            node::need(tool)?;
        }
        let snapshot = Snapshot::open(snapshot)?;
        let folder = tempfile::Builder::new().prefix("rbssh-").tempdir();
        let folder = folder.map_err(Error::io("make a folder in", std::env::temp_dir()))?;
        let mark = procs::new_mark();
        if plan.nodes.iter().any(|(_, way)| *way == Way::Jump) {
            plan.nodes.insert(0, (JUMP.into(), Way::Direct));
        }
        if plan.loopback && plan.nodes.iter().any(|(_, way)| *way == Way::Blackholed) {
            return Err(Error::Missing("a blackholed node needs namespaces".into()));
        }
        let net = if plan.loopback { None } else { Some(Net::new()?) };
        let keys = folder.path().join("keys");
        fs::create_dir(&keys).map_err(Error::io("make", &keys))?;
        let identity = keygen(&keys.join("client"))?;
        let stranger = keygen(&keys.join("stranger"))?;
        let path = |name: &str| folder.path().join(name);
        // From here on a failure drops, and so removes, what is there.
        let mut all = SshNodes {
            ssh_config_path: path("ssh_config"),
            known_hosts_path: path("known_hosts"),
            identity_path: identity.clone(),
            nodes: BTreeMap::new(),
            mark,
            net,
            _folder: folder,
        };
        let shims = Shims::new(path_of(&all).join("tools"), plan.script.clone());
        let (mut config, mut known) = (String::new(), String::new());
        for (name, way) in &plan.nodes {
            let host_key = keygen(&keys.join(format!("host-{name}")))?;
            let tools = shims.of(&snapshot, name)?;
            let accepts = if *way == Way::Denied { &stranger } else { &identity };
            let spec = node::Spec {
                name,
                folder: path_of(&all).join(format!("node-{name}")),
                host_key: &host_key,
                accepts: &public(accepts),
                tools: &tools,
                mark: &all.mark,
                greeting: plan.greeting.as_deref(),
                listens: !matches!(way, Way::Refused | Way::Blackholed),
            };
            let place = match &mut all.net {
                Some(net) => node::Place::Namespace(net.add(name, *way)?),
                None => node::Place::Port,
            };
            let node = Node::start(&spec, place)?;
            let (address, port) = (node.address.clone(), node.port);
            all.nodes.insert(name.clone(), node);
            let shown = if *way == Way::OtherHostKey {
                &stranger
            } else {
                &host_key
            };
            if *way != Way::UnknownHostKey {
                known += &format!("[{address}]:{port} {}\n", read(&public(shown))?.trim());
            }
            config += &format!("Host {name}\n  HostName {address}\n  Port {port}\n");
            if *way == Way::Jump {
                config += &format!("  ProxyJump {JUMP}\n");
            }
        }
        // sshd answers to port 22 by the bare address.
        let known = known.lines().map(|l| bare_port_22(l) + "\n").collect::<String>();
        config += &format!(
            "Host *\n  User {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {}\n  \
             GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n",
            node::user()?,
            identity.display(),
            all.known_hosts_path.display(),
        );
        write(&all.ssh_config_path, &config)?;
        write(&all.known_hosts_path, &known)?;
        let direct = plan.nodes.iter().find(|(_, way)| *way == Way::Direct);
        if let Some((name, _)) = direct.filter(|_| plan.loopback) {
            all.try_login(name)?;
        }
        Ok(all)
    }

    /// The account is the tester's own here, and may be one that nobody can log in to.
    fn try_login(&self, node: &str) -> Result<()> {
        let mut ssh = Command::new(node::need("ssh")?);
        let out = ssh.arg("-F").arg(&self.ssh_config_path).args([node, "true"]).output();
        let out = out.map_err(Error::io("run", "ssh"))?;
        if out.status.success() {
            return Ok(());
        }
        let (ours, theirs) = (String::from_utf8_lossy(&out.stderr).into_owned(), self.log(node));
        Err(Error::Missing(format!(
            "no login by ssh: {}; sshd says: {}",
            ours.trim(),
            theirs.trim()
        )))
    }

    /// How many commands were begun on a node: its round trips, as its sshd counts them.
    pub fn sessions(&self, node: &str) -> usize {
        self.log(node).matches("Starting session: ").count()
    }

    /// How often somebody logged in to a node; a connection that is shared counts once.
    pub fn logins(&self, node: &str) -> usize {
        self.log(node).matches("Accepted publickey for ").count()
    }

    /// What the sshd of a node said.
    pub fn log(&self, node: &str) -> String {
        self.nodes.get(node).map(Node::log).unwrap_or_default()
    }

    /// Where a node listens.
    pub fn address(&self, node: &str) -> Option<(String, u16)> {
        self.nodes.get(node).map(|n| (n.address.clone(), n.port))
    }

    /// Ends sshd and all its sessions, as if the node were switched off by a hard reboot.
    pub fn kill(&mut self, node: &str) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.end();
        }
    }

    /// Takes away the cable: connections stay, and nothing comes any more. Only with namespaces.
    pub fn unplug(&self, node: &str) -> Result<()> {
        match &self.net {
            Some(net) => net.unplug(node),
            None => Err(Error::Missing("a node without namespace has no cable".into())),
        }
    }

    /// Commands on the nodes that still run: pid and argv.
    pub fn running(&self) -> Vec<(i32, Vec<String>)> {
        procs::of_run(&self.mark)
    }
}

impl Drop for SshNodes {
    fn drop(&mut self) {
        self.nodes.values_mut().for_each(Node::end);
        procs::end_run(&self.mark);
        // Namespaces last: they cannot go while something is in them.
        self.net.take();
    }
}

fn path_of(nodes: &SshNodes) -> PathBuf {
    nodes._folder.path().to_path_buf()
}

/// Makes a key pair and returns the path of its private half.
fn keygen(file: &Path) -> Result<PathBuf> {
    let made = Command::new(node::need("ssh-keygen")?)
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "testkit", "-f"])
        .arg(file)
        .output()
        .map_err(Error::io("run", "ssh-keygen"))?;
    if !made.status.success() {
        return Err(Error::Failed(format!(
            "ssh-keygen: {}",
            String::from_utf8_lossy(&made.stderr)
        )));
    }
    Ok(file.into())
}

fn public(key: &Path) -> PathBuf {
    key.with_file_name(format!("{}.pub", key.file_name().unwrap_or_default().to_string_lossy()))
}

fn bare_port_22(line: &str) -> String {
    match line.strip_prefix('[').and_then(|l| l.split_once("]:22 ")) {
        Some((address, key)) => format!("{address} {key}"),
        None => line.into(),
    }
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).map_err(Error::io("read", file))
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(Error::io("write", file))
}
