//! The lab: Kubernetes and Calico for real, on this machine alone. Nodes are boxes of namespaces, pods are made by the
//! real CNI plugin, faults are made as they happen in life.

mod api;
mod cluster;
mod control;
mod faults;
mod lab;
mod machine;
mod network;
mod nodes;
mod pki;
mod plan;
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
    /// A shell on a machine: a node, `control`, `outside`; or one command there.
    Shell {
        machine: String,
        #[arg(trailing_var_arg = true)]
        argv: Vec<String>,
    },
    /// Takes everything away, also what a killed run left.
    Down,
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
        Command::Shell { machine, argv } => shell(machine, argv).map(|s| s.success()),
        Command::Down => down().map(|()| true),
    }
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
