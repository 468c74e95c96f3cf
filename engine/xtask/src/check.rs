//! Format, lints, documents.

use crate::sh;
use xtask::{Result, docs, root};

/// One check, and how it went.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) passed: bool,
}

pub(crate) fn run() -> Result<bool> {
    let checks = all()?;
    for check in &checks {
        println!("{} {}", if check.passed { "passed" } else { "FAILED" }, check.name);
    }
    Ok(checks.iter().all(|c| c.passed))
}

/// Goes through all of them, also when one fails: a person wants to know about every one.
pub(crate) fn all() -> Result<Vec<Check>> {
    let format = sh::run(&mut sh::cargo(&["fmt", "--all", "--check"]))?;
    let lint = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    let lints = sh::run(&mut sh::cargo(&lint))?;
    let documents = documents()?;
    Ok(vec![
        Check {
            name: "format",
            passed: format,
        },
        Check {
            name: "lints",
            passed: lints,
        },
        Check {
            name: "generated documents",
            passed: documents,
        },
    ])
}

pub(crate) fn documents() -> Result<bool> {
    let stale = docs::check(&root())?;
    for one in &stale {
        eprintln!("not what the code says: {one}");
    }
    if !stale.is_empty() {
        eprintln!("\nhint: `cargo xtask docs` writes them");
    }
    Ok(stale.is_empty())
}
