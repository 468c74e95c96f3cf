//! What `cargo xtask` and the tests share: the generated documents, and where the repository is.

pub mod docs;

use std::path::{Path, PathBuf};

/// Errors of a tool for developers: they are read by a person, once.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The top of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
