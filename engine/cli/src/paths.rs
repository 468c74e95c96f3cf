//! Where things are kept: the XDG directories.

use std::path::PathBuf;

fn folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|p| p.is_absolute());
    set.or_else(|| Some(std::env::home_dir()?.join(below_home)))
        .map(|p| p.join("runbook"))
}

/// `~/.config/runbook`.
pub(crate) fn config() -> Option<PathBuf> {
    folder("XDG_CONFIG_HOME", ".config")
}

/// `~/.local/state/runbook`.
pub(crate) fn state() -> Option<PathBuf> {
    folder("XDG_STATE_HOME", ".local/state")
}
