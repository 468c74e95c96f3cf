//! `cargo xtask`: what developers and CI run.

mod bench;
mod check;
mod matrix;
mod needs;
mod sh;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use xtask::{Result, docs, root};

/// Checks, tests and generated documents of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Format, lints and generated documents.
    Check,
    /// Everything: check, all tests, the matrix; says what was not run and why.
    Test {
        /// Install what the tests need without asking (Debian and Ubuntu, as root).
        #[arg(long)]
        yes: bool,
        /// Also every fault of the live lab: real Kubernetes and Calico on network namespaces.
        #[arg(long)]
        lab: bool,
    },
    /// Every runbook on every recorded world: does it name what was really there, and nothing else?
    Matrix {
        /// Only runbooks and cases that have this in their name.
        #[arg(default_value = "")]
        filter: String,
        /// Run runbooks also on other runbooks' worlds that were edited by hand, which takes some times longer.
        #[arg(long)]
        every: bool,
    },
    /// A live cluster on this machine: Kubernetes and Calico on network namespaces.
    #[command(subcommand)]
    Lab(runbook_lab::Command),
    /// Writes the generated documents.
    Docs {
        /// Only says which are stale.
        #[arg(long)]
        check: bool,
    },
    /// Every goal of speed and memory, beside what it is measured against.
    Bench(bench::Args),
    /// Runs one command and prints what it took, as JSON (used by `bench`).
    #[command(hide = true)]
    Measure {
        #[arg(trailing_var_arg = true, required = true)]
        argv: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Task::Check => check::run(),
        Task::Test { yes, lab } => test::run(yes, lab),
        Task::Matrix { filter, every } => matrix::run(&filter, every),
        Task::Lab(command) => lab(&command),
        Task::Docs { check: true } => check::documents(),
        Task::Docs { check: false } => write_documents(),
        Task::Bench(args) => bench::run(&args),
        Task::Measure { argv } => bench::measure(&argv),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Live runs are runs of the binary as it is now.
fn lab(command: &runbook_lab::Command) -> Result<bool> {
    let built = !command.runs_runbooks() || sh::run(&mut sh::cargo(&["build", "--quiet", "--workspace", "--bins"]))?;
    Ok(built && runbook_lab::run(command)?)
}

fn write_documents() -> Result<bool> {
    let written = docs::write(&root())?;
    written.iter().for_each(|path| println!("wrote {path}"));
    if written.is_empty() {
        println!("all documents are as the code says");
    }
    Ok(true)
}
