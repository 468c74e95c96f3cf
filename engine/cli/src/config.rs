//! `runbook.toml`: the settings of a person (`~/.config/runbook/`) and of a site (the folder we are in, and those above it).

use crate::{errors::CliError, paths};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

pub(crate) const FILE: &str = "runbook.toml";

/// What a `runbook.toml` may say. The keys are the names of the flags that they stand for.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    runbooks: Option<Vec<PathBuf>>,
    context: Option<String>,
    lang: Option<String>,
    color: Option<String>,
    output: Option<String>,
    headless: Option<bool>,
    fail_on: Option<String>,
    via: Option<String>,
    timeout: Option<String>,
    step_timeout: Option<String>,
    question_timeout: Option<String>,
    request_timeout: Option<String>,
    kubeconfig: Option<PathBuf>,
    ssh: Ssh,
    /// Values for runbooks' parameters: `rtt_ms = 5` for every runbook that has it, `[params.net-latency]` for one.
    params: toml::Table,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Ssh {
    config: Option<PathBuf>,
    user: Option<String>,
    host_key: Option<String>,
    sudo: Option<bool>,
    /// A node's name to its ssh host.
    hosts: BTreeMap<String, String>,
}

/// The settings of all files, the nearest first.
#[derive(Debug, Default, Clone)]
pub(crate) struct Config {
    /// Flag to values, as if they had been typed.
    pub(crate) flags: BTreeMap<&'static str, Vec<String>>,
    params: Vec<toml::Table>,
    pub(crate) files: Vec<PathBuf>,
}

impl Config {
    pub(crate) fn load() -> Result<Config, CliError> {
        let here = std::env::current_dir().unwrap_or_default();
        let project = here.ancestors().map(|d| d.join(FILE)).find(|f| f.is_file());
        let user = paths::config().map(|c| c.join(FILE)).filter(|f| f.is_file());
        let mut config = Config::default();
        for (path, is_user) in [(project, false), (user, true)] {
            let Some(path) = path.filter(|p| !config.files.contains(p)) else {
                continue;
            };
            config.add(&path, is_user)?;
        }
        Ok(config)
    }

    fn add(&mut self, path: &Path, is_user: bool) -> Result<(), CliError> {
        let text = fs::read_to_string(path)
            .map_err(|e| CliError::usage(format!("cannot read `{}`", path.display())).cause(e.to_string()))?;
        let file: File = toml::from_str(&text).map_err(|e| unreadable(path, &text, &e))?;
        if let Some(key) = file.runs_programs().filter(|_| !is_user) {
            let user = paths::config().map(|c| c.join(FILE)).unwrap_or_default();
            return Err(CliError::usage(format!("`{}` sets `{key}`", path.display()))
                .cause("it can start programs or trust hosts, so a folder that one happens to be in may not set it")
                .hint(format!("put it into `{}`", user.display())));
        }
        for (flag, values) in file.as_flags(path.parent().unwrap_or(path)) {
            if !values.is_empty() {
                self.flags.entry(flag).or_insert(values);
            }
        }
        self.params.push(file.params);
        self.files.push(path.into());
        Ok(())
    }

    /// The site's value for a parameter of a runbook.
    pub(crate) fn param(&self, runbook: &str, name: &str) -> Option<String> {
        let plain = |value: &toml::Value| match value {
            toml::Value::Table(_) | toml::Value::Array(_) => None,
            toml::Value::String(s) => Some(s.clone()),
            other => Some(other.to_string()),
        };
        self.params.iter().find_map(|table| {
            let own = table.get(runbook).and_then(|own| own.get(name));
            own.or_else(|| table.get(name)).and_then(plain)
        })
    }
}

impl File {
    /// A key that a folder from a stranger must not set: each can start a program or trust a host.
    fn runs_programs(&self) -> Option<&'static str> {
        let ssh = &self.ssh;
        [
            ("kubeconfig", self.kubeconfig.is_some()),
            ("ssh.config", ssh.config.is_some()),
            ("ssh.host-key", ssh.host_key.is_some()),
        ]
        .into_iter()
        .find_map(|(key, set)| set.then_some(key))
    }

    fn as_flags(&self, folder: &Path) -> Vec<(&'static str, Vec<String>)> {
        let one = |text: &Option<String>| text.iter().cloned().collect::<Vec<_>>();
        let path = |p: &PathBuf| folder.join(p).display().to_string();
        let hosts = self.ssh.hosts.iter().map(|(node, host)| format!("{node}={host}"));
        vec![
            ("runbooks", self.runbooks.iter().flatten().map(path).collect()),
            ("context", one(&self.context)),
            ("lang", one(&self.lang)),
            ("color", one(&self.color)),
            ("output", one(&self.output)),
            ("headless", self.headless.iter().map(bool::to_string).collect()),
            ("fail_on", one(&self.fail_on)),
            ("via", one(&self.via)),
            ("timeout", one(&self.timeout)),
            ("step_timeout", one(&self.step_timeout)),
            ("question_timeout", one(&self.question_timeout)),
            ("request_timeout", one(&self.request_timeout)),
            ("kubeconfig", self.kubeconfig.iter().map(path).collect()),
            ("ssh_config", self.ssh.config.iter().map(path).collect()),
            ("ssh_user", one(&self.ssh.user)),
            ("ssh_host_key", one(&self.ssh.host_key)),
            ("sudo", self.ssh.sudo.iter().map(bool::to_string).collect()),
            ("ssh_host", hosts.collect()),
        ]
    }
}

fn unreadable(path: &Path, text: &str, error: &toml::de::Error) -> CliError {
    let start = error.span().map_or(0, |s| s.start.min(text.len()));
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    CliError::usage(format!("`{}`, line {line}, column {column}", path.display())).cause(error.message())
}
