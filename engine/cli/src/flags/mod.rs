//! The command line: what is fixed is declared here, what a runbook adds is in `params`.

mod params;
mod scan;
mod values;

pub(crate) use params::{add_params, read_params};
pub(crate) use scan::{Scanned, scan};

use crate::{code, config::Config, text::Colour};
use clap::{Args, Command, CommandFactory, Parser, Subcommand, ValueEnum, builder::BoolishValueParser};
use runbook_core::Effect;
use std::{path::PathBuf, time::Duration};
use values::{duration, node_host, report_target};

/// Names the cause, the proof and a safe fix of trouble in a Kubernetes cluster on Calico.
#[derive(Debug, Parser)]
#[command(name = "runbook", version, after_help = code::HELP, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct App {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Commands,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Folder with runbooks of your own; they win over those in the binary. Repeatable
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "RUNBOOK_RUNBOOKS",
        value_delimiter = ':'
    )]
    pub(crate) runbooks: Vec<PathBuf>,
    /// Language of the catalogue's texts; from the locale when not given
    #[arg(long, global = true, value_name = "LANGUAGE", env = "RUNBOOK_LANG")]
    pub(crate) lang: Option<Lang>,
    /// When to use colour; `NO_COLOR` is honoured
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        env = "RUNBOOK_COLOR",
        default_value = "auto"
    )]
    pub(crate) color: Colour,
    /// Say more on stderr; twice for what is asked of the cluster
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "RUNBOOK_VERBOSE")]
    pub(crate) verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    En,
    Zh,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    /// Run a runbook: guided on a terminal, headless otherwise
    #[command(override_usage = "runbook run NAME [--PARAMETER VALUE]... [OPTIONS]")]
    Run(Box<RunFlags>),
    /// Run a runbook and keep all that the cluster answers, to run on it again later
    #[command(override_usage = "runbook record --to PATH NAME [--PARAMETER VALUE]... [OPTIONS]")]
    Record(Box<RecordFlags>),
    /// Run an earlier run again on its own answers, with no cluster
    Replay(ReplayFlags),
    /// Go on with a run that ended early: what its finished steps were told is not asked again
    Resume(Box<ResumeFlags>),
    /// List the runs that are kept
    Runs(ListFlags),
    /// Compare two runs of one runbook: findings, certainty, steps, answers
    Diff(DiffFlags),
    /// List the runbooks
    List(ListFlags),
    /// Show a runbook: what it is for, its parameters, its steps; or what a run of before said
    Show(NameFlag),
    /// Explain a finding code: meaning, how to confirm by hand, fixes
    Explain(ExplainFlags),
    /// Find the finding codes that an error message points to
    Find(FindFlags),
    /// Check runbooks without running them
    Check(CheckFlags),
    /// Run runbooks on recorded worlds and compare what they say with what was really there
    Test(TestFlags),
    /// Show the functions that runbooks can call
    Doc(DocFlags),
    /// Check that a cluster can be asked, and what is kept where
    Doctor(DoctorFlags),
    /// Print the completion script of a shell
    Completions(CompletionFlags),
}

#[derive(Debug, Args)]
pub(crate) struct RunFlags {
    /// A runbook by name or path: `runbook list`
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) world: WorldFlags,
    /// Keep all that the cluster answers, in a directory or a `.tar.zst`
    #[arg(long, value_name = "PATH", env = "RUNBOOK_RECORD", help_heading = "World")]
    pub(crate) record: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: Running,
}

#[derive(Debug, Args)]
pub(crate) struct RecordFlags {
    /// A runbook by name or path: `runbook list`
    pub(crate) name: String,
    /// Where the recording goes: a directory, or an archive when it ends in `.tar.zst`
    #[arg(long, value_name = "PATH", env = "RUNBOOK_TO")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) world: WorldFlags,
    #[command(flatten)]
    pub(crate) run: Running,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayFlags {
    /// A run: the path of its journal, its id, a part of that, or `last`
    pub(crate) run: String,
    /// Run this edited script on the answers of the run
    #[arg(long = "with", value_name = "FILE", env = "RUNBOOK_WITH")]
    pub(crate) script: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) running: Running,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeFlags {
    /// A run: the path of its journal, its id, a part of that, or `last`
    #[arg(default_value = "last")]
    pub(crate) run: String,
    /// Ask anew from this step on
    #[arg(long, value_name = "STEP", env = "RUNBOOK_FROM")]
    pub(crate) from: Option<String>,
    /// Go on with this edited script
    #[arg(long = "with", value_name = "FILE", env = "RUNBOOK_WITH")]
    pub(crate) script: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) world: WorldFlags,
    #[command(flatten)]
    pub(crate) running: Running,
}

#[derive(Debug, Args)]
pub(crate) struct DiffFlags {
    /// The earlier run, as `runbook runs` lists it
    pub(crate) before: String,
    /// The later run
    #[arg(default_value = "last")]
    pub(crate) after: String,
    /// As text or as JSON
    #[arg(short, long, value_name = "FORMAT", env = "RUNBOOK_OUTPUT", default_value = "text")]
    pub(crate) output: Output,
}

/// Where the answers come from and what may be done.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "World")]
pub(crate) struct WorldFlags {
    /// Ask a recording instead of a cluster: a directory, a `.tar.zst`, or the journal of a run
    #[arg(long, value_name = "PATH", env = "RUNBOOK_WORLD")]
    pub(crate) world: Option<PathBuf>,
    /// The strongest effect that the run may have: `probe` sends traffic, `write` changes the cluster
    #[arg(long, value_name = "EFFECT", env = "RUNBOOK_ALLOW", default_value = "read")]
    pub(crate) allow: Allow,
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Allow {
    Read,
    Probe,
    Write,
}

impl From<Allow> for Effect {
    fn from(allow: Allow) -> Effect {
        match allow {
            Allow::Read => Effect::Read,
            Allow::Probe => Effect::Probe,
            Allow::Write => Effect::Write,
        }
    }
}

/// How to reach a cluster and its nodes: kubectl's flags, and ssh.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterFlags {
    /// The kubeconfig file, instead of `KUBECONFIG` and `~/.kube/config`
    #[arg(long, value_name = "FILE", env = "RUNBOOK_KUBECONFIG")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig
    #[arg(long, value_name = "NAME", env = "RUNBOOK_CONTEXT")]
    pub(crate) context: Option<String>,
    /// The cluster of the kubeconfig
    #[arg(long, value_name = "NAME", env = "RUNBOOK_CLUSTER")]
    pub(crate) cluster: Option<String>,
    /// The namespace of names that have none
    #[arg(short, long, value_name = "NAME", env = "RUNBOOK_NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Act as this user
    #[arg(long = "as", value_name = "USER", env = "RUNBOOK_AS")]
    pub(crate) as_user: Option<String>,
    /// Act as a member of this group. Repeatable
    #[arg(long, value_name = "GROUP", env = "RUNBOOK_AS_GROUP")]
    pub(crate) as_group: Vec<String>,
    /// The time that one request to the API server may take
    #[arg(long, value_name = "TIME", env = "RUNBOOK_REQUEST_TIMEOUT", value_parser = duration)]
    pub(crate) request_timeout: Option<Duration>,
    /// How to run commands on nodes: in their calico-node pod, over ssh, or whatever answers
    #[arg(long, value_name = "WAY", env = "RUNBOOK_VIA", default_value = "auto")]
    pub(crate) via: Via,
    /// The ssh configuration, instead of `~/.ssh/config`
    #[arg(long, value_name = "FILE", env = "RUNBOOK_SSH_CONFIG")]
    pub(crate) ssh_config: Option<PathBuf>,
    /// The ssh user on nodes
    #[arg(long, value_name = "USER", env = "RUNBOOK_SSH_USER")]
    pub(crate) ssh_user: Option<String>,
    /// The ssh host of a node, where it is not its address. Repeatable
    #[arg(long, value_name = "NODE=HOST", env = "RUNBOOK_SSH_HOST", value_delimiter = ',', value_parser = node_host)]
    pub(crate) ssh_host: Vec<(String, String)>,
    /// Whether unknown ssh host keys are refused or added; a changed key is always refused
    #[arg(long, value_name = "RULE", env = "RUNBOOK_SSH_HOST_KEY", default_value = "strict")]
    pub(crate) ssh_host_key: HostKey,
    /// Run commands on nodes under `sudo -n`
    #[arg(long, env = "RUNBOOK_SUDO", value_parser = BoolishValueParser::new())]
    pub(crate) sudo: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    Auto,
    Exec,
    Ssh,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HostKey {
    Strict,
    AcceptNew,
}

/// How a run goes, and how it is told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Run and result")]
pub(crate) struct Running {
    /// Ask the person nothing, even on a terminal
    #[arg(long, env = "RUNBOOK_HEADLESS", value_parser = BoolishValueParser::new())]
    pub(crate) headless: bool,
    /// What goes to stdout; `ndjson` tells each step as it happens
    #[arg(short, long, value_name = "FORMAT", env = "RUNBOOK_OUTPUT", default_value = "text")]
    pub(crate) output: Output,
    /// Also write the result to a file, as `text=PATH` or `json=PATH`. Repeatable
    #[arg(long, value_name = "FORMAT=PATH", env = "RUNBOOK_REPORT", value_delimiter = ',', value_parser = report_target)]
    pub(crate) report: Vec<(ReportFormat, PathBuf)>,
    /// The journal's folder, or `none`; by default one of the newest 200 runs, kept for 30 days
    #[arg(long, value_name = "PATH", env = "RUNBOOK_JOURNAL")]
    pub(crate) journal: Option<PathBuf>,
    /// The mildest verdict that gives an exit code other than 0
    #[arg(long, value_name = "VERDICT", env = "RUNBOOK_FAIL_ON", default_value = "warning")]
    pub(crate) fail_on: FailOn,
    /// Exit with 0 whatever the verdict is; same as `--fail-on never`
    #[arg(long, env = "RUNBOOK_EXIT_ZERO", value_parser = BoolishValueParser::new())]
    pub(crate) exit_zero: bool,
    /// The time of the whole run; guided runs have no end unless this is given
    #[arg(long, value_name = "TIME", env = "RUNBOOK_TIMEOUT", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// The time of one step
    #[arg(long, value_name = "TIME", env = "RUNBOOK_STEP_TIMEOUT", value_parser = duration, default_value = "2m")]
    pub(crate) step_timeout: Duration,
    /// The time of one question to the cluster
    #[arg(long, value_name = "TIME", env = "RUNBOOK_QUESTION_TIMEOUT", value_parser = duration, default_value = "30s")]
    pub(crate) question_timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
    Ndjson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    Text,
    Json,
}

/// Ordered: each lets more pass than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum FailOn {
    Warning,
    Inconclusive,
    Problem,
    Never,
}

#[derive(Debug, Args)]
pub(crate) struct ListFlags {
    /// As a table or as JSON
    #[arg(short, long, value_name = "FORMAT", env = "RUNBOOK_OUTPUT", default_value = "text")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct NameFlag {
    /// A runbook by name or path, or a run as `runbook runs` lists it
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainFlags {
    /// A finding code, such as `VETH-MISSING`
    pub(crate) code: String,
}

#[derive(Debug, Args)]
pub(crate) struct FindFlags {
    /// The text of an error message, or a part of it
    #[arg(required = true)]
    pub(crate) text: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckFlags {
    /// Runbooks by name or path; all of them when none is named
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TestFlags {
    /// Runbooks by name; all that have cases when none is named
    pub(crate) names: Vec<String>,
    /// Folder with `recordings/RUNBOOK/CASE/expect.toml`, and the `worlds/` that they name
    #[arg(long, value_name = "DIR", env = "RUNBOOK_CASES", default_value = "tests")]
    pub(crate) cases: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DocFlags {
    /// A module such as `node`, or a function such as `node::routes`
    pub(crate) topic: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorFlags {
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionFlags {
    pub(crate) shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// The whole command line, with the settings of `runbook.toml` as defaults: below flags and variables.
pub(crate) fn command(config: &Config) -> Command {
    with_defaults(App::command(), config)
}

/// Below the flags of each command.
pub(crate) const VARIABLES: &str = "Each flag has a variable, `--step-timeout` is `RUNBOOK_STEP_TIMEOUT`; `runbook.toml` sets most of them.\n\
    `runbook --help` lists the exit codes.";

fn with_defaults(mut command: Command, config: &Config) -> Command {
    // The names of variables follow a rule, so that help need not repeat them; their values may be nobody's business.
    command = command.mut_args(|a| a.hide_env(true));
    if command.get_arguments().any(|a| a.get_env().is_some()) && command.get_name() != "runbook" {
        command = command.after_help(VARIABLES);
    }
    for (flag, values) in &config.flags {
        if command.get_arguments().any(|a| a.get_id() == flag) {
            command = command.mut_arg(flag, |a| a.default_values(values.clone()));
        }
    }
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_string()).collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |c| with_defaults(c, config))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_help_and_a_variable() {
        let command = command(&Config::default());
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            for arg in sub.get_arguments().filter(|a| !a.is_positional()) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(
                    !help.is_empty() && !help.contains('\n'),
                    "{} {}",
                    sub.get_name(),
                    arg.get_id()
                );
                let variable = arg
                    .get_env()
                    .map(|v| v.to_string_lossy().into_owned())
                    .unwrap_or_default();
                assert!(variable.starts_with("RUNBOOK_"), "{} {}", sub.get_name(), arg.get_id());
            }
        }
    }
}
