//! A machine of the lab: a box with its own root, processes and network, whose services runit keeps.

use crate::{Result, plan::PREFIX, sh, state};
use serde_json::{Map, Value, json};
use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a machine runs and sees.
#[derive(Debug, Default)]
pub struct Machine {
    pub name: String,
    pub binds: Vec<String>,
    pub files: Map<String, Value>,
}

impl Machine {
    pub fn new(name: &str) -> Machine {
        let hosts = format!("127.0.0.1 localhost\n127.0.1.1 {name}\n");
        let mut files = Map::new();
        files.insert("/etc/hostname".into(), format!("{name}\n").into());
        files.insert("/etc/hosts".into(), hosts.into());
        // What the login shell of this machine does is nothing to the nodes.
        for name in ["bashrc", "profile", "bash_profile"] {
            files.insert(format!("/root/.{name}"), "".into());
        }
        files.insert("/etc/resolv.conf".into(), "nameserver 203.0.113.10\n".into());
        Machine {
            name: name.into(),
            binds: vec![],
            files,
        }
    }

    pub fn file(mut self, path: &str, content: impl Into<String>) -> Machine {
        self.files.insert(path.into(), content.into().into());
        self
    }

    pub fn bind(mut self, source: impl std::fmt::Display, target: &str) -> Machine {
        self.binds.push(format!("{source}:{target}"));
        self
    }

    /// A service that is started again when it ends; what it says is in `/var/log/NAME.log`.
    pub fn service(self, name: &str, line: &str) -> Machine {
        let script = format!("#!/bin/sh\nexec >>/var/log/{name}.log 2>&1\nexec {line}\n");
        self.file(&format!("/etc/lab/{name}/run"), script)
    }

    /// Starts it, and returns once it can be entered.
    pub fn start(self, program: &str) -> Result<()> {
        let work = state::dir().join("machines").join(&self.name);
        fs::create_dir_all(&work)?;
        let spec = spec_path(&self.name);
        let env = [format!("PATH={PATH}"), "HOME=/root".into(), "SVDIR=/etc/lab".into()];
        let text = json!({
            "hostname": self.name, "lower": ["/"], "work": work, "binds": self.binds, "files": self.files,
            "keep_host": "/run/host", "env": env, "argv": ["runsvdir", "-P", "/etc/lab"],
        });
        fs::write(&spec, text.to_string())?;
        let log = fs::File::create(state::dir().join(format!("{}.log", self.name)))?;
        let net = format!("--net=/run/netns/{PREFIX}{}", self.name);
        // The machine outlives whoever makes it: a session of its own, no terminal.
        Command::new("setsid")
            .args(["--fork", "nsenter", &net, "--", program, "box", &spec])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()?;
        wait_until(&format!("machine {} is up", self.name), Duration::from_secs(20), || {
            let Ok(pid) = pid(&self.name) else { return Ok(false) };
            Ok(fs::exists(format!("/proc/{pid}/root/run/host/etc"))?)
        })
    }
}

fn spec_path(name: &str) -> String {
    state::dir()
        .join(format!("machines/{name}.json"))
        .to_string_lossy()
        .into_owned()
}

/// Process 1 of a machine, by its number on this machine.
pub fn pid(name: &str) -> Result<u32> {
    let path = format!("{}.pid", spec_path(name));
    let text = fs::read_to_string(path).map_err(|_| format!("no machine `{name}` is up"))?;
    Ok(text.parse()?)
}

/// A command as if it were typed on the machine.
pub fn enter(name: &str, line: &str) -> Result<Command> {
    let mut command = sh::command(&format!("nsenter -t {} -m -u -i -n -p -- {line}", pid(name)?));
    command
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/root")
        .env("SVDIR", "/etc/lab");
    Ok(command)
}

pub fn run(name: &str, line: &str) -> Result<String> {
    sh::output(&mut enter(name, line)?)
}

/// A script for the machine's shell, where one line of words does not do.
pub fn script(name: &str, script: &str) -> Result<String> {
    sh::output(enter(name, "sh -ec")?.arg(script))
}

pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let started = std::time::Instant::now();
    let mut last = String::new();
    while started.elapsed() < limit {
        match holds() {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(e) => last = format!(": {e}"),
        }
        std::thread::sleep(Duration::from_millis(150));
    }
    Err(format!("not within {} s: {what}{last}", limit.as_secs()).into())
}
