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

/// What was expected quotes words of the line, and libraries quote whole values.
const EXPLAINED: usize = 400;

impl ParseError {
    pub fn new(line: usize, text: impl AsRef<str>, expected: impl Into<String>) -> Self {
        ParseError {
            line,
            text: quote(text.as_ref(), QUOTED),
            expected: quote(&expected.into(), EXPLAINED),
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
            text: quote(text.as_ref(), QUOTED),
        }
    }
}

/// What could act on a terminal, or make a text read as another one, never leaves a parser in a message.
pub(crate) fn quote(text: &str, most: usize) -> String {
    text.chars()
        .take(most)
        .map(|c| if acts(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Control characters, terminal escapes among them, and those of Unicode that are not seen: marks that turn the direction
/// of writing around, spaces without width, line ends of other kinds, tags.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unseen_is_quoted() {
        let hostile = "a\u{1b}[31m\u{202e}txt.exe\u{2066}\u{200b}\u{feff}\u{e0041}\u{2028}b";
        let error = ParseError::new(1, hostile, format!("a word, not `{hostile}`"));
        assert_eq!(
            error.text,
            "a\u{fffd}[31m\u{fffd}txt.exe\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}b"
        );
        assert!(!error.to_string().chars().any(acts));
        let long = ParseError::new(1, "ä".repeat(999), "x".repeat(999));
        assert_eq!((long.text.chars().count(), long.expected.len()), (QUOTED, EXPLAINED));
    }
}
