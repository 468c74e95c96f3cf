//! Every error in words: what, why, where, and what to do. Nothing else phrases errors.

use crate::{
    code::Code,
    text::{Style, clean, clean_line},
};
use runbook_cluster::{OpenError, RecorderError};
use runbook_run::JournalError;
use runbook_script::{LoadError, ScriptError};
use std::error::Error;

/// What a command ends with when it cannot do its work.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) code: Code,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
    /// Printed as it is, in place of message and causes: script and usage errors bring their own form.
    whole: Option<Whole>,
}

#[derive(Debug)]
enum Whole {
    Script(Box<ScriptError>),
    Clap(Box<clap::Error>),
}

impl CliError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> CliError {
        CliError {
            code,
            message: message.into(),
            causes: vec![],
            hints: vec![],
            whole: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> CliError {
        CliError::new(Code::Usage, message)
    }

    /// Message and chain of any error.
    fn from_error(code: Code, error: &dyn Error) -> CliError {
        let mut found = CliError::new(code, error.to_string());
        let mut next = error.source();
        while let Some(cause) = next {
            let said = cause.to_string();
            if !found.message.contains(&said) {
                found.causes.push(said);
            }
            next = cause.source();
        }
        found
    }

    pub(crate) fn cause(mut self, cause: impl Into<String>) -> CliError {
        self.causes.push(cause.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hints.push(hint.into());
        self
    }

    /// Help and version are no errors: they are what was asked for.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(&self.whole, Some(Whole::Clap(e)) if !e.use_stderr())
    }

    pub(crate) fn answer(&self, style: Style) -> String {
        match &self.whole {
            Some(Whole::Clap(e)) if style.colour => e.render().ansi().to_string(),
            Some(Whole::Clap(e)) => e.render().to_string(),
            _ => self.render(style),
        }
    }

    pub(crate) fn render(&self, style: Style) -> String {
        let mut out = match &self.whole {
            Some(Whole::Script(e)) => script_text(e, style),
            Some(Whole::Clap(e)) => clean(e.render().to_string().trim_end()).into_owned(),
            None => format!("{} {}", style.paint("1;31", "error:"), clean(&self.message)),
        };
        for cause in &self.causes {
            out.push_str(&format!("\n  cause: {}", clean(cause.trim_end()).replace('\n', "\n  ")));
        }
        out.push_str(&self.render_hints());
        out
    }

    /// One line for what does not end the run, and what that means.
    pub(crate) fn warning(&self, so: &str) -> String {
        let why = self
            .causes
            .iter()
            .map(|c| format!(": {}", clean_line(c)))
            .collect::<String>();
        format!("warning: {}{why}; {so}", clean_line(&self.message))
    }

    fn render_hints(&self) -> String {
        let lines: Vec<String> = self.hints.iter().map(|h| format!("hint: {}", clean(h))).collect();
        if lines.is_empty() {
            String::new()
        } else {
            format!("\n\n{}", lines.join("\n"))
        }
    }
}

/// A script error, with what came from the script made harmless. Our own colours stay.
fn script_text(error: &ScriptError, style: Style) -> String {
    let plain = error.render(false);
    match clean(&plain) {
        std::borrow::Cow::Borrowed(_) if style.colour => error.render(true),
        safe => safe.into_owned(),
    }
}

impl From<clap::Error> for CliError {
    fn from(error: clap::Error) -> Self {
        CliError {
            whole: Some(Whole::Clap(Box::new(error))),
            ..CliError::usage("usage")
        }
    }
}

impl From<Box<ScriptError>> for CliError {
    fn from(error: Box<ScriptError>) -> Self {
        let message = error.to_string();
        CliError {
            whole: Some(Whole::Script(error)),
            ..CliError::new(Code::NotLoaded, message)
        }
    }
}

impl From<LoadError> for CliError {
    fn from(error: LoadError) -> Self {
        let found = CliError::from_error(Code::Usage, &error);
        match error {
            LoadError::Unknown { near, .. } => {
                let meant = near.map(|n| format!("did you mean `{n}`? "));
                found.hint(format!(
                    "{}`runbook list` shows what there is",
                    meant.unwrap_or_default()
                ))
            }
            LoadError::Read { .. } => found,
        }
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        let found = CliError::from_error(Code::Usage, &error);
        match error {
            OpenError::Read { .. } => found.hint("a world is a directory, a `.tar.zst`, or the journal of a run"),
            OpenError::NotAWorld(_) => found
                .hint("a world is a directory or `.tar.zst` with an `index.json` in it, or the journal of a run")
                .hint("`runbook record --to PATH NAME` makes one from a cluster"),
            OpenError::Archive { .. } => found.hint("copy it again and compare its size with the original"),
            OpenError::Index { .. } => found.hint("an `index.json` lists what was asked: `{\"captures\": [...]}`"),
            OpenError::Newer { .. } => {
                found.hint("it was written by a newer version: update runbook, or record it again")
            }
        }
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        let found = CliError::from_error(Code::Usage, &error);
        match error {
            JournalError::Exists(_) => found.hint("`--journal PATH` wants a folder of its own for each run"),
            JournalError::Newer { .. } => found.hint("it was written by a newer version: update runbook"),
            JournalError::Line { .. } => found.hint("the file was changed or damaged after it was written"),
            JournalError::Write { .. } => found.hint("`--journal PATH` writes elsewhere, `--journal none` nowhere"),
            JournalError::Busy(_) => found.hint("that run is still going on: wait for its end, or stop it"),
            JournalError::Read { .. } | JournalError::Empty(_) => found,
        }
    }
}

impl From<RecorderError> for CliError {
    fn from(error: RecorderError) -> Self {
        CliError::from_error(Code::Usage, &error)
    }
}

/// Stdout that cannot be written: a full disk, not a closed pipe.
impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        CliError::new(Code::Internal, "cannot write to stdout").cause(error.to_string())
    }
}

/// No cluster to ask: no kubeconfig, an unknown context, a file that does not parse.
pub(crate) fn no_cluster(why: &dyn Error) -> CliError {
    CliError::from_error(Code::CouldNotAsk, why)
        .hint("`--kubeconfig`, `--context` and `KUBECONFIG` choose a cluster, as with kubectl; `runbook doctor` checks each step")
        .hint("`--world PATH` runs on a recording, with no cluster")
}
