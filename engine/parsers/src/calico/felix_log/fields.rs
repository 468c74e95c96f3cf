//! Fields behind a message: `Message ifaceName="cali1" error=no such file or directory`.

use super::Entry;
use std::collections::BTreeMap;

/// Splits a text into message and fields.
///
/// Values are quoted only where they are Go strings, and messages hold `=` too. What helps: fields are sorted by key. So the
/// longest sorted run of `key=` at the end is taken, outside of quotes and brackets.
pub(super) fn split(text: &str) -> (&str, BTreeMap<String, String>) {
    let keys = keys(text);
    let mut first = keys.len();
    while first > 0
        && keys
            .get(first)
            .is_none_or(|next| key(text, keys[first - 1]) < key(text, *next))
    {
        first -= 1;
    }
    let fields = &keys[first..];
    let ends = fields.iter().skip(1).map(|k| k.0).chain([text.len()]);
    let found = fields.iter().zip(ends).map(|((start, equals), end)| {
        let value = text[equals + 1..end].trim();
        (text[*start..*equals].to_owned(), unquote(value))
    });
    let message = fields.first().map_or(text, |(start, _)| &text[..*start]);
    (message.trim(), found.collect())
}

fn key(text: &str, (start, equals): (usize, usize)) -> &str {
    &text[start..equals]
}

/// Where each `key=` starts, and where its `=` is.
fn keys(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut quoted, mut escaped, mut depth) = (false, false, 0u32);
    let mut word = Some(0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b' ' => word = Some(at + 1),
            // A second `=` in one word is part of the value.
            b'=' => {
                let start = word
                    .take()
                    .filter(|start| depth == 0 && is_key(&text.as_bytes()[*start..at]));
                found.extend(start.map(|start| (start, at)));
            }
            _ => {}
        }
    }
    found
}

fn is_key(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_alphabetic)
        && word
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// Takes off the quotes of a Go string, with the common escapes.
pub(super) fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next().map(|c| match c {
                'n' => '\n',
                't' => '\t',
                c => c,
            })),
            c => plain.push(c),
        }
    }
    plain
}

/// `time="2026-11-24T16:38:10Z" level=info msg="Number of ..." key=value`
pub(super) fn logfmt(line: &str) -> Option<Entry<'_>> {
    let keys = keys(line);
    let ends = keys.iter().skip(1).map(|k| k.0).chain([line.len()]);
    let mut entry = Entry::default();
    for ((start, equals), end) in keys.iter().zip(ends) {
        let value = line[equals + 1..end].trim();
        match &line[*start..*equals] {
            "time" => entry.time = Some(value.trim_matches('"')),
            "level" => entry.level = Some(value.to_ascii_lowercase()),
            "msg" => entry.message = unquote(value),
            key => _ = entry.fields.insert(key.to_owned(), unquote(value)),
        }
    }
    entry.level.is_some().then_some(entry)
}
