use std::borrow::Cow;

/// The words of a rule. A quoted string is one word; nothing is copied.
pub(super) struct Words<'a> {
    line: &'a str,
    /// Where the next word starts and ends, if there is one.
    ahead: Option<(usize, usize)>,
    /// A quote was opened and never closed: the line was cut off.
    pub(super) unclosed: bool,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        let mut words = Words {
            line,
            ahead: None,
            unclosed: false,
        };
        words.ahead = words.find(0);
        words
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        let (start, end) = self.ahead?;
        self.ahead = self.find(end);
        Some(&self.line[start..end])
    }

    fn find(&mut self, from: usize) -> Option<(usize, usize)> {
        let bytes = self.line.as_bytes();
        let mut start = from;
        while *bytes.get(start)? == b' ' {
            start += 1;
        }
        let mut end = start;
        if bytes[start] == b'"' {
            let closing = closing_quote(bytes, start);
            self.unclosed |= closing.is_none();
            end = closing.unwrap_or(bytes.len());
        }
        while end < bytes.len() && bytes[end] != b' ' {
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
                _ => return Some(&self.line[start..end]),
            }
        }
    }

    /// `--match-set`, `-m`, or the `!` before one of them.
    fn is_option(&self, start: usize) -> bool {
        match self.line.as_bytes().get(start..).unwrap_or_default() {
            [b'!'] | [b'!', b' ', ..] | [b'-', b'-', ..] => true,
            [b'-', letter] | [b'-', letter, b' ', ..] => letter.is_ascii_alphabetic(),
            _ => false,
        }
    }
}

/// The position after the quote that closes the one at `open`.
fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
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
