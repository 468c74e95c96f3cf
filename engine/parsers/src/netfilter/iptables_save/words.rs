use std::borrow::Cow;

/// The words of the rule that a text begins with. A quoted string is one word; nothing is copied.
///
/// The end of the line is found on the way: looking for it first would read 100,000 rules twice.
pub(super) struct Words<'a> {
    text: &'a str,
    /// Where the next word starts and ends, if there is one.
    ahead: Option<(usize, usize)>,
    /// Where the line ends, once all words are read.
    end: usize,
    /// A quote was opened and never closed: the line was cut off.
    pub(super) unclosed: bool,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut words = Words {
            text,
            ahead: None,
            end: 0,
            unclosed: false,
        };
        words.ahead = words.find(0);
        words
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        let (start, end) = self.ahead?;
        self.ahead = self.find(end);
        Some(&self.text[start..end])
    }

    /// The line, when all its words are read, and the text behind it.
    pub(super) fn finish(self) -> (&'a str, &'a str) {
        let (line, rest) = self.text.split_at(self.end);
        (line.trim_ascii_end(), rest.strip_prefix('\n').unwrap_or(rest))
    }

    fn find(&mut self, from: usize) -> Option<(usize, usize)> {
        let bytes = self.text.as_bytes();
        let mut start = from;
        while start < bytes.len() && bytes[start] != b'\n' && is_blank(bytes[start]) {
            start += 1;
        }
        if start == bytes.len() || bytes[start] == b'\n' {
            self.end = start;
            return None;
        }
        let mut end = start;
        if bytes[start] == b'"' {
            let closing = closing_quote(bytes, start);
            self.unclosed |= closing.is_none();
            end = closing.unwrap_or(start + 1);
        }
        while end < bytes.len() && !is_blank(bytes[end]) {
            end += 1;
        }
        Some((start, end))
    }

    /// The value of an option: all words up to the next option. The first word of free text may look like an option
    /// (a comment `-x` is printed without quotes), so there it is always taken, and alone.
    pub(super) fn value(&mut self, free_text: bool) -> Option<&'a str> {
        let (start, mut end) = self.ahead?;
        if free_text {
            return self.next();
        }
        if self.is_option(start) {
            return None;
        }
        loop {
            self.ahead = self.find(end);
            match self.ahead {
                Some((next, next_end)) if !self.is_option(next) => end = next_end,
                _ => return Some(&self.text[start..end]),
            }
        }
    }

    /// `--match-set`, `-m`, or the `!` before one of them.
    fn is_option(&self, start: usize) -> bool {
        let ends = |at: usize| self.text.as_bytes().get(start + at).copied().is_none_or(is_blank);
        match self.text.as_bytes().get(start..).unwrap_or_default() {
            [b'!', ..] => ends(1),
            [b'-', b'-', ..] => true,
            [b'-', letter, ..] => letter.is_ascii_alphabetic() && ends(2),
            _ => false,
        }
    }
}

fn is_blank(byte: u8) -> bool {
    byte <= b' ' && matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The position after the quote that closes the one at `open`, on the same line.
fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\n' => return None,
            b'\\' if bytes.get(at + 1) != Some(&b'\n') => at += 2,
            _ => at += 1,
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
    let (packets, rest) = number(text.strip_prefix('[')?)?;
    let (bytes, rest) = number(rest.strip_prefix(':')?)?;
    Some((packets, bytes, rest.strip_prefix(']')?))
}

fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let value = |value: u64, digit: u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let number = text.bytes().take(digits).try_fold(0, value)?;
    (digits > 0).then_some((number, &text[digits..]))
}
