//! Lines and words: what every text parser here is made of.

use crate::ParseError;
use crate::error::quote;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::str::{FromStr, SplitWhitespace};

/// One line of output, without its line end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// 1-based, in the text as it came.
    pub(crate) number: usize,
    pub(crate) text: &'a str,
}

impl<'a> Line<'a> {
    pub(crate) fn error(&self, expected: impl Into<String>) -> ParseError {
        ParseError::new(self.number, self.text, expected)
    }

    pub(crate) fn indented(&self) -> bool {
        self.text.starts_with([' ', '\t'])
    }

    pub(crate) fn words(self) -> Words<'a> {
        Words {
            line: self,
            rest: self.text.split_whitespace(),
        }
    }

    pub(crate) fn number<T: FromStr>(&self, word: &str, what: &str) -> Result<T, ParseError> {
        word.parse()
            .map_err(|_| self.error(format!("a number for {what}, not `{}`", shortened(word))))
    }
}

/// The words of a line, with errors that know the line.
#[derive(Debug, Clone)]
pub(crate) struct Words<'a> {
    line: Line<'a>,
    rest: SplitWhitespace<'a>,
}

impl<'a> Words<'a> {
    pub(crate) fn line(&self) -> Line<'a> {
        self.line
    }

    /// The word that must follow `key`.
    pub(crate) fn value(&mut self, key: &str) -> Result<&'a str, ParseError> {
        self.next()
            .ok_or_else(|| self.line.error(format!("a value after `{key}`")))
    }

    pub(crate) fn text(&mut self, key: &str) -> Result<String, ParseError> {
        self.value(key).map(str::to_owned)
    }

    pub(crate) fn number<T: FromStr>(&mut self, key: &str) -> Result<T, ParseError> {
        let word = self.value(key)?;
        self.line.number(word, key)
    }

    /// Takes the next word if it is `word`.
    pub(crate) fn accept(&mut self, word: &str) -> bool {
        let mut ahead = self.rest.clone();
        let found = ahead.next() == Some(word);
        if found {
            self.rest = ahead;
        }
        found
    }

    pub(crate) fn peek(&self) -> Option<&'a str> {
        self.rest.clone().next()
    }

    pub(crate) fn unknown(&self, word: &str, expected: &str) -> ParseError {
        self.line.error(format!("{expected}, not `{}`", shortened(word)))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.rest.next()
    }
}

fn shortened(word: &str) -> String {
    quote(word, 40)
}

/// The lines that hold something, without line ends (`\r\n` too) and blanks at the end.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> + Clone {
    all_lines(text).filter(|line| !line.text.is_empty())
}

/// Every line, blank ones too, for formats where a blank line separates.
pub(crate) fn all_lines(text: &str) -> impl Iterator<Item = Line<'_>> + Clone {
    text.lines().enumerate().map(|(i, text)| Line {
        number: i + 1,
        text: text.trim_end(),
    })
}

/// Takes terminal escapes and a byte order mark out: `ip -c`, `grep --color` and pasted text have them.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            plain.push(c);
            continue;
        }
        // `ESC [` parameters end with a letter or `@`..`~`; a line end is never part of them.
        let mut ahead = chars.clone();
        if ahead.next() == Some('[') {
            for c in ahead.by_ref().take_while(|c| *c != '\n') {
                if ('@'..='~').contains(&c) {
                    chars = ahead;
                    break;
                }
            }
        }
    }
    Cow::Owned(plain)
}

pub(crate) fn is_blank(byte: u8) -> bool {
    byte <= b' ' && matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The first blank of a line from `at` on, or its end. Most words are short: eight bytes at a time are looked at, which is the quickest there is
/// for them.
#[inline]
pub(crate) fn word_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    while let Some(eight) = bytes.get(at..at + 8).and_then(|b| <[u8; 8]>::try_from(b).ok()) {
        let eight = u64::from_le_bytes(eight);
        // The top bit of every byte that is at most a blank; the lowest such bit is right, and only that one is used.
        let low = eight.wrapping_sub(ONES * 0x21) & !eight & (ONES * 0x80);
        if low == 0 {
            at += 8;
            continue;
        }
        at += low.trailing_zeros() as usize / 8;
        if bytes.get(at).is_none_or(|b| is_blank(*b)) {
            return at;
        }
        at += 1;
    }
    let left = bytes.get(at..).unwrap_or_default();
    at + left.iter().position(|b| is_blank(*b)).unwrap_or(left.len())
}

/// The digits that a text begins with as a number, and what follows them.
#[inline]
pub(crate) fn leading_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut digits = 0;
    while let Some(digit) = bytes.get(digits).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        value = value.checked_mul(10)?.checked_add(digit.into())?;
        digits += 1;
    }
    (digits > 0).then(|| (value, &bytes[digits..]))
}

pub(crate) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['[', '{'])
}

/// Reads JSON; an error quotes the place, not the whole (often single) line.
pub(crate) fn json<T: DeserializeOwned>(text: &str, expected: &str) -> Result<T, ParseError> {
    serde_json::from_str(text).map_err(|e| {
        let line = text.lines().nth(e.line().saturating_sub(1)).unwrap_or_default();
        let near: String = line.chars().skip(e.column().saturating_sub(40)).take(80).collect();
        ParseError::new(e.line(), near, format!("{expected} ({e})"))
    })
}

/// What a JSON value says, as the text form would print it: no quotes, lists joined by commas, nothing for empty.
pub(crate) fn json_word(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::Null => None,
        Value::String(s) => Some(s.clone()),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => Some(items.iter().filter_map(json_word).collect::<Vec<_>>().join(",")),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_go_and_text_stays() {
        assert_eq!(clean("\u{feff}\u{1b}[1;32mup\u{1b}[0m \u{1b}[K2\u{1b}"), "up 2");
        assert_eq!(clean("\u{1b}[31\nnext"), "[31\nnext");
    }

    #[test]
    fn words_end_at_blanks_only() {
        for text in [
            "",
            "a",
            "abcdefgh",
            "abcdefg h",
            "12345678 ",
            "a\u{1}bcdefghijk\tx",
            "äöüäöüäöü x",
            "1234567890\r",
        ] {
            let end = text.find([' ', '\t', '\r', '\n']).unwrap_or(text.len());
            assert_eq!(word_end(text.as_bytes(), 0), end, "{text:?}");
        }
    }

    #[test]
    fn a_json_error_names_the_place() {
        let error = json::<Vec<u8>>("[1,\n 2, x]", "numbers").unwrap_err();
        assert_eq!((error.line, error.text.as_str()), (2, " 2, x]"));
    }
}
