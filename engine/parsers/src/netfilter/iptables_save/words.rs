use std::borrow::Cow;

/// The words of a rule. A quoted string is one word; nothing is copied.
pub(super) struct Words<'a> {
    line: &'a str,
    at: usize,
    /// A quote was opened and never closed: the line was cut off.
    pub(super) unclosed: bool,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Words {
            line,
            at: 0,
            unclosed: false,
        }
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        let (start, end) = self.peek()?;
        self.at = end;
        Some(&self.line[start..end])
    }

    /// Where the next word starts and ends.
    fn peek(&mut self) -> Option<(usize, usize)> {
        let bytes = self.line.as_bytes();
        let mut start = self.at;
        while *bytes.get(start)? == b' ' {
            start += 1;
        }
        let mut end = start;
        if bytes[start] == b'"' {
            let closing = closing_quote(bytes, start);
            self.unclosed |= closing.is_none();
            end = closing.unwrap_or(bytes.len());
        }
        while bytes.get(end).is_some_and(|b| *b != b' ') {
            end += 1;
        }
        Some((start, end))
    }

    /// The value of an option: all words up to the next option. The first word of free text may look like an option
    /// (a comment `-x` is printed without quotes), so there it is always taken.
    pub(super) fn value(&mut self, free_text: bool) -> Option<&'a str> {
        let (start, mut end) = self.peek()?;
        if !free_text && is_option(&self.line[start..end]) {
            return None;
        }
        self.at = end;
        while let Some((s, e)) = self.peek()
            && !is_option(&self.line[s..e])
            && !free_text
        {
            (self.at, end) = (e, e);
        }
        Some(&self.line[start..end])
    }
}

/// `--match-set`, `-m`, or the `!` before one of them.
fn is_option(word: &str) -> bool {
    match word.as_bytes() {
        [b'!'] => true,
        [b'-', b'-', _, ..] => true,
        [b'-', letter] => letter.is_ascii_alphabetic(),
        _ => false,
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
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Cow::Owned(text)
}

/// `1487:744848`, packets and bytes.
pub(super) fn counters(text: &str) -> Option<(u64, u64)> {
    let (packets, bytes) = text.split_once(':')?;
    Some((packets.parse().ok()?, bytes.parse().ok()?))
}
