//! A place to run the binary in where nothing of the tester's own is seen.

use crate::{Error, Result, filters::Filter, shims::real_program};
use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A home, XDG folders and a temporary folder of its own; UTC; no kubeconfig; no colour; removed when dropped.
#[derive(Debug)]
pub struct Sealed {
    folder: TempDir,
    path: OsString,
    vars: Vec<(OsString, OsString)>,
}

impl Sealed {
    pub fn new() -> Result<Self> {
        // Short: sockets of ssh lie below it, and their paths may have 90 bytes.
        let folder = tempfile::Builder::new().prefix("rbs").rand_bytes(5).tempdir();
        let folder = folder.map_err(Error::io("make a folder in", std::env::temp_dir()))?;
        for dir in ["home", "config", "state", "cache", "data", "run", "tmp", "work"] {
            let dir = folder.path().join(dir);
            fs::create_dir(&dir).map_err(Error::io("make", &dir))?;
        }
        use std::os::unix::fs::PermissionsExt as _;
        let run = folder.path().join("run");
        fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).map_err(Error::io("close", &run))?;
        Ok(Sealed {
            folder,
            path: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".into(),
            vars: vec![],
        })
    }

    /// `PATH` holds these programs of the machine and no other: without `ssh` there is no ssh.
    pub fn only_tools(mut self, names: &[&str]) -> Result<Self> {
        let bin = self.folder.path().join("bin");
        fs::create_dir_all(&bin).map_err(Error::io("make", &bin))?;
        for name in names {
            let real = real_program(name).ok_or_else(|| Error::Missing(format!("no `{name}` on this machine")))?;
            symlink(real, bin.join(name)).map_err(Error::io("link", bin.join(name)))?;
        }
        self.path = bin.into();
        Ok(self)
    }

    /// Set for every command from now on.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.vars.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// `XDG_STATE_HOME`
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// `XDG_CONFIG_HOME`
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// Where commands are run.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Writes a file below the home folder, with the folders it needs.
    pub fn write(&self, file: &str, text: &str) -> Result<PathBuf> {
        let path = self.home().join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io("make", parent))?;
        }
        fs::write(&path, text).map_err(Error::io("write", &path))?;
        Ok(path)
    }

    /// `program` in here: `sealed.command(env!("CARGO_BIN_EXE_runbook"))`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let dir = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(self.work())
            .stdin(std::process::Stdio::null());
        for (name, value) in [
            ("HOME", dir("home")),
            ("XDG_CONFIG_HOME", dir("config")),
            ("XDG_STATE_HOME", dir("state")),
            ("XDG_CACHE_HOME", dir("cache")),
            ("XDG_DATA_HOME", dir("data")),
            ("XDG_RUNTIME_DIR", dir("run")),
            ("TMPDIR", dir("tmp")),
        ] {
            command.env(name, value);
        }
        command
            .env("PATH", &self.path)
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "dumb");
        for (name, value) in &self.vars {
            command.env(name, value);
        }
        command
    }

    /// The usual filters, and one for the folders in here.
    pub fn filters(&self) -> Vec<Filter> {
        let folder = Filter::text("sealed", &self.folder.path().display().to_string(), "[SEALED]");
        std::iter::once(folder).chain(crate::filters::usual()).collect()
    }

    /// What a run left in the temporary and the runtime folder.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let folders = ["tmp", "run"].map(|d| self.folder.path().join(d));
        let entries = folders.iter().flat_map(fs::read_dir).flatten().flatten();
        entries.map(|e| e.path()).collect()
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
