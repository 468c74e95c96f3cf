//! A runbook's parameters as flags.

use crate::{code::Code, config::Config, errors::CliError};
use clap::{Arg, ArgAction, ArgMatches, Command};
use runbook_script::{Param, ParamKind, Runbook};
use serde_json::{Map, Value};

/// Ids that no flag of our own has.
fn id(param: &Param) -> String {
    format!("param {}", param.name)
}

fn flag(param: &Param) -> String {
    param.name.replace('_', "-")
}

/// `run` or `record` for one runbook: its parameters stand before the flags that all runbooks share.
pub(crate) fn add_params(command: &Command, runbook: &Runbook, config: &Config) -> Result<Command, CliError> {
    let heading = format!("Parameters of {}", runbook.source.name);
    let usage = format!(
        "runbook {} {} [--PARAMETER VALUE]... [OPTIONS]",
        command.get_name(),
        runbook.source.name
    );
    let mut own = Command::new(command.get_name().to_string())
        .about(runbook.summary().to_string())
        .override_usage(usage);
    for param in &runbook.params {
        let long = flag(param);
        if command.get_arguments().any(|a| a.get_long() == Some(&long)) || EVERYWHERE.contains(&long.as_str()) {
            let message = format!(
                "parameter `{}` of {} has the name of a flag of `runbook run`",
                param.name, runbook.source.path
            );
            return Err(CliError::new(Code::NotLoaded, message).hint("give the parameter another name"));
        }
        let site = config.param(&runbook.source.name, &param.name);
        own = own.arg(argument(param, site).help_heading(heading.clone()));
    }
    let shared = command.get_arguments().map(|a| {
        if a.is_positional() {
            a.clone().hide(true)
        } else {
            a.clone()
        }
    });
    Ok(own.args(shared).after_help(super::VARIABLES))
}

/// Flags that every command has.
const EVERYWHERE: [&str; 6] = ["help", "version", "runbooks", "lang", "color", "verbose"];

fn argument(param: &Param, site: Option<String>) -> Arg {
    let kind = param.kind;
    let arg = Arg::new(id(param))
        .long(flag(param))
        .aliases(param.name.contains('_').then(|| param.name.clone()))
        .env(format!("RUNBOOK_PARAM_{}", param.name.to_uppercase()))
        .hide_env(true)
        .help(param.help.clone())
        .value_name(value_name(kind))
        .value_parser(move |text: &str| kind.read(text))
        .required(param.required);
    let default = site.or_else(|| match &param.default {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    let arg = match default {
        Some(default) => arg.default_value(default).required(false),
        None => arg,
    };
    match kind {
        ParamKind::Bool => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => arg.action(ArgAction::Set),
    }
}

fn value_name(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Pod => "NAMESPACE/POD",
        ParamKind::PodOrAddress => "NAMESPACE/POD|ADDRESS",
        ParamKind::Node => "NODE",
        ParamKind::Address => "ADDRESS",
        ParamKind::Cidr => "PREFIX",
        ParamKind::Port => "PORT/PROTOCOL",
        ParamKind::Service => "NAMESPACE/SERVICE[:PORT]",
        ParamKind::Namespace => "NAMESPACE",
        ParamKind::String => "TEXT",
        ParamKind::Int | ParamKind::Float => "NUMBER",
        ParamKind::Bool => "true|false",
    }
}

pub(crate) fn read_params(matches: &ArgMatches, runbook: &Runbook) -> Map<String, Value> {
    let given = runbook.params.iter().filter_map(|p| {
        let value = matches.try_get_one::<Value>(&id(p)).ok().flatten()?;
        Some((p.name.clone(), value.clone()))
    });
    given.collect()
}
