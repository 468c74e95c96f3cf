//! What differs from run to run, replaced by a name in brackets.

use regex::Regex;
use std::borrow::Cow;

#[derive(Debug, Clone)]
pub struct Filter {
    pub name: &'static str,
    /// A regular expression; `insta` takes it as it is.
    pub pattern: String,
    pub instead: &'static str,
}

impl Filter {
    pub fn new(name: &'static str, pattern: &str, instead: &'static str) -> Self {
        Filter {
            name,
            pattern: pattern.into(),
            instead,
        }
    }

    /// Replaces this very text.
    pub fn text(name: &'static str, text: &str, instead: &'static str) -> Self {
        Filter::new(name, &regex::escape(text), instead)
    }
}

/// Times, durations, ports of 127.0.0.1, temporary paths, our version.
pub fn usual() -> Vec<Filter> {
    vec![
        Filter::new(
            "time",
            r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})?",
            "[TIME]",
        ),
        Filter::new("duration_field", r#"("\w*duration_ms": ?)\d+"#, "${1}0"),
        Filter::new("duration", r"\b\d+(\.\d+)? ?(ns|µs|us|ms|s)\b", "[DURATION]"),
        Filter::new("port", r"\b127\.0\.0\.1:\d+\b", "127.0.0.1:[PORT]"),
        Filter::new("temporary", r"/tmp/[A-Za-z0-9_.-]+", "[TMP]"),
        Filter::new(
            "version",
            r"\brunbook \d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?",
            "runbook [VERSION]",
        ),
        Filter::new("sha256", r"\b[0-9a-f]{64}\b", "[SHA256]"),
    ]
}

/// `text` with each filter applied, in their order.
pub fn apply(filters: &[Filter], text: &str) -> String {
    filters
        .iter()
        .fold(text.to_string(), |text, f| match Regex::new(&f.pattern) {
            Ok(pattern) => match pattern.replace_all(&text, f.instead) {
                Cow::Borrowed(_) => text,
                Cow::Owned(changed) => changed,
            },
            Err(e) => format!("filter `{}`: {e}", f.name),
        })
}
