use serde::Serialize;

/// A line that a parser does not know: where it is, what it says and what would have been understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}: `{text}`; expected {expected}")]
pub struct ParseError {
    /// 1-based.
    pub line: usize,
    pub text: String,
    pub expected: String,
}

/// Lines are quoted up to this many characters, so that a hostile output cannot flood an error message.
const QUOTED: usize = 200;

impl ParseError {
    pub fn new(line: usize, text: impl AsRef<str>, expected: impl Into<String>) -> Self {
        ParseError {
            line,
            text: quote(text.as_ref()),
            expected: expected.into(),
        }
    }
}

/// A line kept although it was not understood, in formats that are open-ended by design.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unparsed {
    pub line: usize,
    pub text: String,
}

impl Unparsed {
    pub fn new(line: usize, text: impl AsRef<str>) -> Self {
        Unparsed {
            line,
            text: quote(text.as_ref()),
        }
    }
}

/// Control characters (terminal escapes among them) never leave a parser in a message.
fn quote(text: &str) -> String {
    text.chars()
        .take(QUOTED)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
