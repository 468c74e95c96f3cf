//! Script errors: where in which script, in which step, with the line and a hint.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use rhai::{EvalAltResult, ParseErrorType, Position};
use std::{collections::HashMap, fmt, sync::Arc};

/// The texts of all scripts that were loaded, by the name errors call them.
pub(crate) type Sources = HashMap<String, Arc<str>>;

/// A place in a script. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub source: String,
    pub line: usize,
    pub column: usize,
}

#[derive(Debug, Clone)]
pub struct ScriptError {
    pub message: String,
    pub place: Option<Place>,
    pub step: Option<String>,
    pub hint: Option<String>,
    text: Option<Arc<str>>,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ScriptError {}

impl ScriptError {
    pub(crate) fn new(error: &EvalAltResult, main: &str, sources: &Sources) -> ScriptError {
        let (source, position, message) = locate(error, main);
        let text = sources.get(&source).cloned();
        let place = position.line().map(|line| Place {
            source,
            line,
            column: position.position().unwrap_or(1),
        });
        ScriptError {
            message,
            place,
            step: None,
            hint: None,
            text,
        }
    }

    pub(crate) fn at(message: String, source: &str, position: Position, text: &Arc<str>) -> ScriptError {
        let place = position.line().map(|line| {
            let column = position.position().unwrap_or(1);
            Place {
                source: source.into(),
                line,
                column,
            }
        });
        ScriptError {
            message,
            place,
            step: None,
            hint: None,
            text: Some(text.clone()),
        }
    }

    pub(crate) fn with_hint(mut self, hint: Option<String>) -> ScriptError {
        self.hint = hint;
        self
    }

    /// Message, place, line and marker, as compilers print them.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let title = Level::ERROR.primary_title(&self.message);
        let mut out = match (&self.place, &self.text) {
            (Some(place), Some(text)) => {
                let span = span_at(text, place.line, place.column);
                let snippet = Snippet::source(text.as_ref()).path(&place.source);
                renderer.render(&[title.element(snippet.annotation(AnnotationKind::Primary.span(span)))])
            }
            (Some(place), None) => {
                let at = format!("{}:{}:{}", place.source, place.line, place.column);
                format!("{}\n  --> {at}", renderer.render(&[Group::with_title(title)]))
            }
            _ => renderer.render(&[Group::with_title(title)]),
        };
        if let Some(step) = &self.step {
            out.push_str(&format!("\n  in step `{step}`"));
        }
        if let Some(hint) = &self.hint {
            out.push_str(&format!("\n\nhint: {hint}"));
        }
        out
    }
}

/// The innermost error with its script: calls and modules are unwrapped from the outside in.
fn locate(error: &EvalAltResult, main: &str) -> (String, Position, String) {
    let (mut source, mut error) = (main.to_string(), error);
    loop {
        match error {
            EvalAltResult::ErrorInFunctionCall(_, callee, inner, _) => {
                if !callee.is_empty() {
                    source.clone_from(callee);
                }
                error = inner;
            }
            EvalAltResult::ErrorInModule(module, inner, _) => {
                source.clone_from(module);
                error = inner;
            }
            inner => return (source, inner.position(), message(inner)),
        }
    }
}

fn message(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => {
            let map = value.read_lock::<rhai::Map>();
            map.and_then(|m| m.get("message").map(ToString::to_string))
                .unwrap_or_else(|| value.to_string())
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => format!("no function `{}`", tidy(signature)),
        EvalAltResult::ErrorVariableNotFound(name, _) => format!("no variable `{name}`"),
        EvalAltResult::ErrorModuleNotFound(name, _) => format!("no module `{name}`"),
        EvalAltResult::ErrorPropertyNotFound(name, _) => format!("no field `{name}`"),
        EvalAltResult::ErrorTooManyOperations(_) => "the script runs for too long: too many operations".into(),
        EvalAltResult::ErrorParsing(kind, _) => parse_message(kind),
        other => {
            let text = other.to_string();
            // Rhai appends the position, which is shown in its own way.
            text.split(" (line ").next().unwrap_or(&text).to_string()
        }
    }
}

pub(crate) fn parse_message(kind: &ParseErrorType) -> String {
    match kind {
        ParseErrorType::VariableUndefined(name) => format!("no variable `{name}`"),
        ParseErrorType::ModuleUndefined(name) => format!("no module `{name}`"),
        other => {
            let text = other.to_string();
            let mut letters = text.chars();
            letters
                .next()
                .map_or(text.clone(), |first| first.to_lowercase().chain(letters).collect())
        }
    }
}

/// Types as a person thinks of them.
fn tidy(signature: &str) -> String {
    signature
        .replace("&str | ImmutableString | String", "string")
        .replace("i64", "int")
        .replace(':', "::")
        .replace("::::", "::")
}

/// The bytes of the word at a place.
fn span_at(text: &str, line: usize, column: usize) -> std::ops::Range<usize> {
    let start_of_line: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = text.get(start_of_line..).unwrap_or_default();
    let offset = rest
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(rest.len(), |(i, _)| i);
    let start = start_of_line + offset;
    let word = text.get(start..).unwrap_or_default();
    let length = word
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(word.len());
    start
        ..start
            + length
                .max(1)
                .min(word.len().max(1))
                .min(text.len().saturating_sub(start))
}
