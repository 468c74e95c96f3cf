//! Where the lab keeps what it made: one folder, which goes with it.

use std::path::PathBuf;

pub fn dir() -> PathBuf {
    PathBuf::from("/run/runbook-lab")
}

pub fn path(name: &str) -> String {
    dir().join(name).to_string_lossy().into_owned()
}
