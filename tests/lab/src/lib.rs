//! The lab: Kubernetes and Calico for real, on this machine alone. Nodes are boxes of namespaces, pods are made by the
//! real CNI plugin, faults are made as they happen in life.

mod access;
mod api;
mod check;
mod cluster;
mod control;
mod faults;
mod lab;
mod machine;
mod matrix;
mod network;
mod nodes;
mod pki;
mod plan;
mod proxy;
mod rbac;
mod sh;
mod state;
mod tools;

pub use lab::{Lab, can_run, down};
pub use tools::missing;

use clap::Subcommand;
use std::process::{Command as Process, ExitStatus};

pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What `cargo xtask lab` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes the lab, and says how to reach it.
    Up,
    /// Whether it is up and well.
    Status,
    /// Makes a fault and waits until it bites; without a name, lists them.
    Fault { name: Option<String> },
    /// Takes a fault back, by default the one made last, and waits until the lab is well.
    Heal { name: Option<String> },
    /// Each fault, its runbook live over exec and over ssh, and a replay of what was recorded.
    Matrix {
        /// Only faults whose name or runbook holds this.
        #[arg(default_value = "")]
        filter: String,
    },
    /// Streams, rights, and that nothing is left: on a lab of its own that goes again.
    Check,
    /// Makes a fault, records its runbook live, and writes the case to a folder.
    Record { fault: String, folder: std::path::PathBuf },
    /// A shell on a machine: a node, `control`, `outside`; or one command there.
    Shell {
        machine: String,
        #[arg(trailing_var_arg = true)]
        argv: Vec<String>,
    },
    /// Takes everything away, also what a killed run left.
    Down,
}

impl Command {
    /// Whether the product itself is run.
    pub fn runs_runbooks(&self) -> bool {
        matches!(self, Command::Matrix { .. } | Command::Check | Command::Record { .. })
    }
}

pub fn run(command: &Command) -> Result<bool> {
    match command {
        Command::Up => {
            Lab::up()?;
            println!("export KUBECONFIG={}", state::path("kubeconfig"));
            println!("ssh -F {} {}", state::path("ssh_config"), plan::NODES[0].name);
            Ok(true)
        }
        Command::Status => status(),
        Command::Fault { name: None } => {
            faults::all().for_each(|f| println!("{:32} {:18} {}", f.name, f.runbook, f.what));
            Ok(true)
        }
        Command::Fault { name: Some(name) } => {
            let (lab, fault) = (Lab::attach()?, faults::find(name)?);
            std::fs::write(state::path("fault"), name)?;
            fault.start(&lab)?;
            println!("runbook run {} {}", fault.runbook, fault.arguments(&lab)?.join(" "));
            Ok(true)
        }
        Command::Heal { name } => heal(name.clone()),
        Command::Matrix { filter } => matrix::run(&Lab::up()?, filter),
        Command::Check => check_all(),
        Command::Record { fault, folder } => matrix::record(&Lab::up()?, faults::find(fault)?, folder),
        Command::Shell { machine, argv } => shell(machine, argv).map(|s| s.success()),
        Command::Down => down().map(|()| true),
    }
}

fn check_all() -> Result<bool> {
    lab::can_run()?;
    // Not in the time of the first check.
    tools::provide()?;
    let clean = check::clean_after_kill();
    let before = check::traces()?;
    let works = check::run(&Lab::up()?);
    Ok(check::clean_after(&before) && clean && works)
}

/// What `cargo xtask test` runs: each part with whether it was as it should be.
pub fn test() -> Result<Vec<(&'static str, bool)>> {
    lab::can_run()?;
    // Not in the time of the first check.
    tools::provide()?;
    let clean = check::clean_after_kill();
    let before = check::traces()?;
    let lab = Lab::up()?;
    let live = matrix::run(&lab, "");
    let works = check::run(&lab);
    drop(lab);
    let gone = check::clean_after(&before);
    Ok(vec![
        ("lab: live matrix", live?),
        ("lab: streams and rights", works),
        ("lab: nothing is left", clean && gone),
    ])
}

/// Without a name, the fault that was made last by hand.
fn heal(name: Option<String>) -> Result<bool> {
    let last = || std::fs::read_to_string(state::path("fault")).map_err(|_| "no fault was made here");
    let name = name.map_or_else(last, Ok)?;
    faults::find(&name)?.end(&Lab::attach()?)?;
    Ok(true)
}

fn status() -> Result<bool> {
    let unwell = Lab::attach()?.unwell()?;
    println!("{}", unwell.as_deref().unwrap_or("up and well"));
    Ok(unwell.is_none())
}

fn shell(name: &str, argv: &[String]) -> Result<ExitStatus> {
    let pid = machine::pid(name)?;
    let mut command = Process::new("nsenter");
    command.args(["-t", &pid.to_string(), "-m", "-u", "-i", "-n", "-p", "--"]);
    if argv.is_empty() {
        command.arg("bash")
    } else {
        command.args(argv)
    };
    Ok(command.env("PATH", machine::PATH).env("SVDIR", "/etc/lab").status()?)
}
