//! What tests need from the machine, and how it gets there.

use crate::sh;
use std::{
    io::{IsTerminal, Write},
    process::Command,
};
use xtask::Result;

/// A program, the Debian package that has it, and what is not tested without it.
struct Need {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

const NEEDS: [Need; 6] = [
    Need {
        program: "sshd",
        package: "openssh-server",
        purpose: "nodes that answer over SSH",
    },
    Need {
        program: "ssh",
        package: "openssh-client",
        purpose: "nodes that answer over SSH",
    },
    Need {
        program: "ssh-keygen",
        package: "openssh-client",
        purpose: "nodes that answer over SSH",
    },
    Need {
        program: "ip",
        package: "iproute2",
        purpose: "namespaces as nodes",
    },
    Need {
        program: "unshare",
        package: "util-linux",
        purpose: "namespaces as nodes",
    },
    Need {
        program: "python3",
        package: "python3-minimal",
        purpose: "the peer of `cargo xtask bench`",
    },
];

/// Components of the toolchain that a minimal installation does not have.
const COMPONENTS: [(&str, &str); 2] = [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")];

/// Installs what is missing, where that is possible and wanted; hands back what still is, each with what to do.
pub(crate) fn provide(yes: bool, lab: bool) -> Result<Vec<String>> {
    components()?;
    let packages = packages(lab);
    if !packages.is_empty() && can_install() && agreed(yes, &packages)? {
        install(&packages)?;
    }
    let tell = |n: &Need| format!("`{}` for {} (apt-get install {})", n.program, n.purpose, n.package);
    Ok(self::missing().into_iter().map(tell).collect())
}

/// Why nodes cannot be played by network namespaces here, if so.
pub(crate) fn no_namespaces() -> Option<String> {
    let tried = Command::new("unshare").args(["--net", "--mount", "true"]).output();
    match tried {
        Ok(out) if out.status.success() => None,
        Ok(out) => Some(String::from_utf8_lossy(&out.stderr).trim().to_string()),
        Err(e) => Some(e.to_string()),
    }
}

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|n| sh::find(n.program).is_none()).collect()
}

/// Formatting and lints are part of the tests. Where rustup is, it has them; else the check itself says what is wrong.
fn components() -> Result<()> {
    let missing: Vec<&str> = COMPONENTS
        .iter()
        .filter(|(p, _)| !has_component(p))
        .map(|(_, c)| *c)
        .collect();
    if !missing.is_empty() && sh::find("rustup").is_some() {
        sh::run(Command::new("rustup").args(["component", "add"]).args(&missing))?;
    }
    Ok(())
}

fn has_component(program: &str) -> bool {
    // `cargo fmt` can be a stub of rustup that is there without the component.
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success())
}

fn can_install() -> bool {
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|out| out.stdout.trim_ascii() == b"0");
    is_root && sh::find("apt-get").is_some()
}

/// `--yes` and CI mean yes; a terminal is asked; anything else means no.
fn agreed(yes: bool, packages: &[&str]) -> Result<bool> {
    if yes || sh::is_ci() {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(false);
    }
    eprint!(
        "The tests can use {}. Install with apt-get? [y/N] ",
        packages.join(", ")
    );
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// What is missing, as packages of Debian; the lab has a list of its own.
fn packages(lab: bool) -> Vec<&'static str> {
    let mut packages: Vec<&str> = missing().iter().map(|n| n.package).collect();
    if lab {
        packages.extend(runbook_lab::missing());
    }
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn install(packages: &[&str]) -> Result<()> {
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        // Daemons among them are not wanted as daemons of this machine: at run level 1 none is started.
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1")
            .args(args);
        command
    };
    // A failure is not the end: what is then still missing is told, and under CI is a failure of the tests.
    if sh::run(&mut apt(&["update", "-qq"]))? {
        let args = [&["install", "-y", "-qq", "--no-install-recommends"], packages].concat();
        sh::run(&mut apt(&args))?;
    }
    Ok(())
}
