//! One sshd and what it needs.

use crate::{Error, Result, procs, shims};
use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub(super) struct Spec<'a> {
    pub(super) name: &'a str,
    pub(super) folder: PathBuf,
    pub(super) host_key: &'a Path,
    /// The public key that may log in.
    pub(super) accepts: &'a Path,
    pub(super) tools: &'a shims::Tools,
    pub(super) mark: &'a str,
    pub(super) listens: bool,
    /// Printed by the login shell before every command.
    pub(super) greeting: Option<&'a str>,
}

pub(super) enum Place {
    Namespace(super::net::Seat),
    /// Of 127.0.0.1.
    Port,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) address: String,
    pub(super) port: u16,
    /// The holder: it ends with its standard input, so it does not outlive us whatever ends us.
    holder: Option<Child>,
    log: PathBuf,
}

impl Node {
    pub(super) fn start(spec: &Spec<'_>, place: Place) -> Result<Node> {
        fs::create_dir_all(&spec.folder).map_err(Error::io("make", &spec.folder))?;
        let (address, port, namespace, reachable) = match &place {
            Place::Namespace(seat) => (seat.address.clone(), 22, Some(seat.namespace.as_str()), seat.from_here),
            Place::Port => ("127.0.0.1".into(), free_port()?, None, true),
        };
        let mut node = Node {
            address,
            port,
            holder: None,
            log: spec.folder.join("sshd.log"),
        };
        if !spec.listens {
            return Ok(node);
        }
        let config = spec.folder.join("sshd_config");
        super::write(&config, &sshd_config(spec, &node)?)?;
        let sink = fs::File::create(&node.log).map_err(Error::io("make", &node.log))?;
        let mut holder = holder(spec, namespace, &config)?;
        let holder = holder
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env(procs::MARK, spec.mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(sink)
            .spawn()
            .map_err(Error::io("start", "sshd"))?;
        node.holder = Some(holder);
        node.wait(namespace.filter(|_| !reachable))?;
        Ok(node)
    }

    /// Until it listens.
    fn wait(&mut self, hidden_in: Option<&str>) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(10);
        let address = format!("{}:{}", self.address, self.port).parse::<SocketAddr>();
        let address = address.map_err(|e| Error::Failed(format!("{}: {e}", self.address)))?;
        loop {
            let listens = match hidden_in {
                None => TcpStream::connect_timeout(&address, Duration::from_millis(300)).is_ok(),
                Some(_) => self.log().contains("Server listening on"),
            };
            if listens {
                return Ok(());
            }
            let ended = self
                .holder
                .as_mut()
                .is_some_and(|h| h.try_wait().ok().flatten().is_some());
            if ended || Instant::now() > until {
                return Err(Error::Missing(format!("sshd does not start: {}", self.log().trim())));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What its sshd said.
    pub(super) fn log(&self) -> String {
        super::read(&self.log).unwrap_or_default()
    }

    pub(super) fn end(&mut self) {
        let Some(mut holder) = self.holder.take() else {
            return;
        };
        drop(holder.stdin.take());
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            if holder.try_wait().ok().flatten().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = holder.kill();
        let _ = holder.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

fn sshd_config(spec: &Spec<'_>, node: &Node) -> Result<String> {
    let tmp = spec.tools.tmp.display();
    // HOME, ZDOTDIR and SHLVL keep a login shell from reading (and running) the files of whoever runs the tests: bash
    // under sshd reads ~/.bashrc, but not as an inner shell.
    Ok(format!(
        "ListenAddress {}\nPort {}\nHostKey {}\nPidFile none\nLogLevel VERBOSE\nAuthorizedKeysFile {}\nUsePAM no\nStrictModes no\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPrintMotd no\n\
         PrintLastLog no\nUseDNS no\nAcceptEnv NOTHING\nSetEnv PATH={} TMPDIR={tmp} HOME={tmp} ZDOTDIR={tmp} SHLVL=5 {}={} LC_ALL=C\n",
        node.address,
        node.port,
        spec.host_key.display(),
        spec.accepts.display(),
        spec.tools.path.display(),
        procs::MARK,
        spec.mark,
    ))
}

/// A shell that lives as long as its standard input; with a namespace it is process 1 of all that the node runs.
fn holder(spec: &Spec<'_>, namespace: Option<&str>, config: &Path) -> Result<Command> {
    let run = until_stdin_ends(&need("sshd")?, &config.display().to_string());
    let quoted = |path: &Path| format!("'{}'", path.display());
    let Some(namespace) = namespace else {
        if !rustix::process::geteuid().is_root() {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &run]);
            return Ok(command);
        }
        let mut command = Command::new(need("unshare")?);
        command
            .args(["-m", "--", "/bin/sh", "-c"])
            .arg(format!("{}{run}", own_root(spec)?));
        return Ok(command);
    };
    let hostname = spec.folder.join("hostname");
    super::write(&hostname, &format!("{}\n", spec.name))?;
    // What it is called and who logs in are the node's own; the rest of the disk is shared.
    let setup = format!(
        "{}[ ! -f /etc/hostname ] || mount --bind {} /etc/hostname; hostname '{}'; {run}",
        own_root(spec)?,
        quoted(&hostname),
        spec.name,
    );
    let mut command = Command::new(need("ip")?);
    command.args(["netns", "exec", namespace]).arg(need("unshare")?);
    let flags = "-m -u -p --fork --kill-child --mount-proc /bin/sh -c";
    command.args(flags.split(' ')).arg(setup);
    Ok(command)
}

/// In a mount namespace: the folder that sshd wants, and a root with a plain shell, an empty home and no lock on the
/// account, so that the login reads no file of whoever runs the tests.
fn own_root(spec: &Spec<'_>) -> Result<String> {
    let home = spec.folder.join("home");
    fs::create_dir_all(&home).map_err(Error::io("make", &home))?;
    let mut shell = PathBuf::from("/bin/sh");
    if let Some(greeting) = spec.greeting {
        let text = format!(
            "#!/bin/sh\nprintf %s '{}'\nexec /bin/sh \"$@\"\n",
            greeting.replace('\'', r"'\''")
        );
        shell = spec.folder.join("greeting-sh");
        shims::write_program(&shell, &text)?;
    }
    let text = super::read(Path::new("/etc/passwd"))?;
    let lines = text.lines().map(|line| match line.split(':').next() {
        Some("root") => format!("root:x:0:0:root:{}:{}\n", home.display(), shell.display()),
        _ => format!("{line}\n"),
    });
    let (passwd, shadow) = (spec.folder.join("passwd"), spec.folder.join("shadow"));
    super::write(&passwd, &lines.collect::<String>())?;
    super::write(&shadow, "root:*:20000:0:99999:7:::\n")?;
    Ok(format!(
        "set -e; mount -t tmpfs none /run; mkdir /run/sshd; chmod 755 /run /run/sshd; mount --bind '{}' /etc/passwd; \
         [ ! -f /etc/shadow ] || mount --bind '{}' /etc/shadow; set +e; ",
        passwd.display(),
        shadow.display()
    ))
}

/// `sshd` runs until standard input ends; then it and its sessions go.
fn until_stdin_ends(sshd: &Path, config: &str) -> String {
    format!(
        "'{}' -D -e -f '{config}' </dev/null & p=$!; read -r _; kill -KILL $p; exit 0",
        sshd.display()
    )
}

fn free_port() -> Result<u16> {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr());
    Ok(bound.map_err(Error::io("find a port of", "127.0.0.1"))?.port())
}

/// Who logs in: whoever runs the tests.
pub(super) fn user() -> Result<String> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let passwd = super::read(Path::new("/etc/passwd"))?;
    let ours = passwd.lines().find(|l| l.split(':').nth(2) == Some(&uid));
    ours.and_then(|l| l.split(':').next())
        .map(String::from)
        .ok_or_else(|| Error::Missing(format!("/etc/passwd has no user {uid}")))
}

pub(super) fn need(tool: &str) -> Result<PathBuf> {
    shims::real_program(tool).ok_or_else(|| Error::Missing(format!("no `{tool}` on this machine")))
}
