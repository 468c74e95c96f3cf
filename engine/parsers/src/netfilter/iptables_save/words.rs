use crate::text::{is_blank, leading_number, word_end};
use std::borrow::Cow;

/// Where something stands in the text of its rule. Nothing stands at 0, where `-A` is.
///
/// 16 bits are enough for a rule and let 100,000 of them stay in the processor's cache; see [`Words::finish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    start: u16,
    end: u16,
}

impl Span {
    pub(super) fn of(self, text: &str) -> Option<&str> {
        (self.start > 0).then(|| text.get(self.start.into()..self.end.into()).unwrap_or_default())
    }

    pub(super) fn is_some(self) -> bool {
        self.start > 0
    }

    pub(super) fn length(self) -> usize {
        usize::from(self.end.saturating_sub(self.start))
    }

    /// The name of a long option; `None` for two dashes alone.
    pub(super) fn without_dashes(self) -> Option<Span> {
        let start = self.start.checked_add(2).filter(|start| *start < self.end)?;
        Some(Span { start, ..self })
    }
}

/// The words of the rule that a text begins with. A quoted string is one word; nothing is copied.
///
/// The end of the line is found on the way: looking for it first would read 100,000 rules twice.
pub(super) struct Words<'a> {
    bytes: &'a [u8],
    /// Where the next word starts, or the line ends.
    at: usize,
    /// Where the last word ended.
    end: usize,
    /// A quote was opened and never closed: the line was cut off.
    pub(super) unclosed: bool,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut words = Words {
            bytes: text.as_bytes(),
            at: 0,
            end: 0,
            unclosed: false,
        };
        words.skip_to(0);
        words
    }

    /// The next word as it stands there; empty at the end of the line.
    pub(super) fn ahead(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Whether the word at `span` is `text`.
    pub(super) fn says(&self, span: Span, text: &[u8]) -> bool {
        span.is_some() && self.bytes.get(span.start.into()..span.end.into()) == Some(text)
    }

    /// Takes `text`, which is whole words and the blank behind them, if it is next.
    pub(super) fn accept(&mut self, text: &[u8]) -> bool {
        let found = self.ahead().starts_with(text);
        if found {
            self.skip(text.len());
        }
        found
    }

    /// Goes on behind as many bytes, which are whole words and blanks.
    #[inline]
    pub(super) fn skip(&mut self, length: usize) {
        let at = self.at + length;
        self.skip_to(at);
        // Blanks are not part of a line's last word.
        self.end = at - 1;
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<Span> {
        let start = self.at;
        let first = *self.bytes.get(start)?;
        if first == b'\n' {
            return None;
        }
        let mut end = start;
        if first == b'"' {
            let closing = closing_quote(self.bytes, start);
            self.unclosed |= closing.is_none();
            end = closing.unwrap_or(start + 1);
        }
        end = word_end(self.bytes, end);
        self.skip_to(end);
        Some(span(start, end))
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let start = self.at;
        self.next()?;
        std::str::from_utf8(self.bytes.get(start..self.end)?).ok()?.parse().ok()
    }

    /// The value of an option: all words up to the next option. The first word of free text may look like an option
    /// (a comment `-x` is printed without quotes), so there it is always taken, and alone.
    pub(super) fn value(&mut self, free_text: bool) -> Option<Span> {
        if free_text {
            return self.next();
        }
        if self.at_option() {
            return None;
        }
        let first = self.next()?;
        while !self.at_option() && self.next().is_some() {}
        Some(Span {
            end: self.end as u16,
            ..first
        })
    }

    /// `--match-set`, `-m`, or the `!` before one of them.
    fn at_option(&self) -> bool {
        let ends = |byte: Option<&u8>| byte.is_none_or(|b| is_blank(*b));
        match self.ahead() {
            [b'!', rest @ ..] => ends(rest.first()),
            [b'-', b'-', ..] => true,
            [b'-', letter, rest @ ..] => letter.is_ascii_alphabetic() && ends(rest.first()),
            _ => false,
        }
    }

    /// The length of the line without blanks at its end, once all words are read, and where the next line begins.
    /// `None` for a line that is longer than a place in it can say: no rule is.
    pub(super) fn finish(&self) -> Option<(usize, usize)> {
        let next = if self.at < self.bytes.len() {
            self.at + 1
        } else {
            self.at
        };
        (self.end <= usize::from(u16::MAX)).then_some((self.end, next))
    }

    /// A word ends at `end`: goes on to the next one.
    #[inline]
    fn skip_to(&mut self, end: usize) {
        self.end = end;
        self.at = end;
        while let Some(byte) = self.bytes.get(self.at) {
            if *byte == b'\n' || !is_blank(*byte) {
                break;
            }
            self.at += 1;
        }
    }
}

/// Places behind the 16th bit are never used: [`Words::finish`] refuses such a line.
fn span(start: usize, end: usize) -> Span {
    Span {
        start: start as u16,
        end: end as u16,
    }
}

/// The position after the quote that closes the one at `open`, on the same line.
fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr::memchr3(b'"', b'\\', b'\n', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\n' => return None,
            _ if bytes.get(at + 1) == Some(&b'\n') => return None,
            _ => at += 2,
        }
    }
}

/// Takes the quotes off; a copy is made only where something was escaped.
pub(super) fn unquote(word: &str) -> Cow<'_, str> {
    let Some(inner) = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')) else {
        return Cow::Borrowed(word);
    };
    if !inner.as_bytes().contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Cow::Owned(text)
}

/// `[1487:744848]`, packets and bytes, and what follows.
pub(super) fn counters(text: &str) -> Option<(u64, u64, &str)> {
    let bytes = text.strip_prefix('[')?.as_bytes();
    let (packets, bytes) = leading_number(bytes)?;
    let (count, bytes) = leading_number(bytes.strip_prefix(b":")?)?;
    let rest = bytes.strip_prefix(b"]")?;
    Some((packets, count, text.get(text.len() - rest.len()..)?))
}
