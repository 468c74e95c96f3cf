//! The first look at the arguments: which runbook is meant, and where do runbooks come from? Its parameters become
//! flags, so it must be known before the arguments can be read for good.

use clap::Command;
use std::{ffi::OsString, path::PathBuf};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scanned {
    pub(crate) command: Option<String>,
    /// Of `run` and `record`.
    pub(crate) name: Option<String>,
    pub(crate) runbooks: Vec<PathBuf>,
}

/// Reads `arguments`, the program's own name left out.
pub(crate) fn scan(arguments: &[OsString], app: &Command) -> Scanned {
    let mut scanned = Scanned::default();
    let mut doubtful = None;
    let mut words = arguments.iter().map(|a| a.to_string_lossy().into_owned()).peekable();
    // A flag that is not ours is a parameter, and its value is no runbook.
    let mut after_unknown = false;
    while let Some(word) = words.next() {
        let sub = scanned.command.as_deref().and_then(|c| app.find_subcommand(c));
        if word == "--" {
            continue;
        }
        if let Some(flag) = word.strip_prefix('-').filter(|f| !f.is_empty()) {
            let takes = takes_value(flag, app, sub);
            let value = match (takes, word.split_once('=')) {
                (Some(true), None) => words.next(),
                (_, Some((_, value))) => Some(value.to_string()),
                _ => None,
            };
            if let Some(value) = value.filter(|_| word.starts_with("--runbooks")) {
                scanned.runbooks.extend(value.split(':').map(PathBuf::from));
            }
            after_unknown = takes.is_none() && !word.contains('=');
            continue;
        }
        if scanned.command.is_none() {
            scanned.command = Some(word);
        } else if after_unknown {
            doubtful.get_or_insert(word);
        } else if scanned.name.is_none() {
            scanned.name = Some(word);
        }
        after_unknown = false;
    }
    scanned.name = scanned.name.or(doubtful);
    if !scanned
        .command
        .as_deref()
        .is_some_and(|c| ["run", "record"].contains(&c))
    {
        scanned.name = None;
    }
    scanned
}

/// Whether a flag of ours takes the next word; `None` for flags that are not ours.
fn takes_value(flag: &str, app: &Command, sub: Option<&Command>) -> Option<bool> {
    let long = flag.strip_prefix('-').map(|l| l.split('=').next().unwrap_or(l));
    if matches!(long, Some("help" | "version")) || matches!(flag, "h" | "V") {
        return Some(false);
    }
    let mut known = app
        .get_arguments()
        .chain(sub.into_iter().flat_map(Command::get_arguments));
    let found = known.find(|a| match long {
        Some(long) => a.get_long() == Some(long),
        None => a.get_short() == flag.chars().next(),
    })?;
    // `-nshop` brings its value along.
    Some(found.get_action().takes_values() && (long.is_some() || flag.chars().count() == 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, flags::command};

    #[test]
    fn the_runbook_is_found_wherever_it_stands() {
        for (line, name) in [
            ("run pod-cross-node --src a/b", Some("pod-cross-node")),
            ("-v run --world w pod-cross-node", Some("pod-cross-node")),
            ("run --src shop/cart-0 pod-cross-node", Some("pod-cross-node")),
            ("run --src=shop/cart-0 pod-cross-node", Some("pod-cross-node")),
            ("run -n shop -vv pod-cross-node", Some("pod-cross-node")),
            ("run -nshop --headless x", Some("x")),
            ("run --fast pod-cross-node", Some("pod-cross-node")),
            ("record --to out x --src a/b", Some("x")),
            ("run --help", None),
            ("list x", None),
            ("", None),
        ] {
            let arguments: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
            assert_eq!(
                scan(&arguments, &command(&Config::default())).name.as_deref(),
                name,
                "{line}"
            );
        }
    }

    #[test]
    fn folders_are_collected() {
        let arguments: Vec<OsString> = ["--runbooks", "a", "run", "x", "--runbooks=b:c"].map(Into::into).into();
        let found = scan(&arguments, &command(&Config::default())).runbooks;
        assert_eq!(found, ["a", "b", "c"].map(PathBuf::from));
    }
}
