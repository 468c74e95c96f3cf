//! Splitting of nft text at its punctuation, with quotes and braces respected.

/// The words of `text`; a quoted string and a group in braces are one word each.
pub(super) fn words(text: &str) -> Vec<&str> {
    pieces(text, |c| c.is_whitespace())
}

/// The elements of `{ a, b : c }` or of its inside.
pub(super) fn elements(text: &str) -> Vec<&str> {
    let text = text.trim();
    let inner = text
        .strip_prefix('{')
        .map_or(text, |t| t.strip_suffix('}').unwrap_or(t));
    pieces(inner, |c| c == ',')
        .into_iter()
        .map(str::trim)
        .filter(|e| !e.is_empty())
        .collect()
}

/// `key : value`, the colon outside of quotes and with blanks around, as addresses and names have colons too.
pub(super) fn key_value(element: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let bytes = element.as_bytes();
    let colon = bytes.windows(3).position(|w| {
        quoted ^= w[0] == b'"';
        !quoted && w == b" : "
    })?;
    Some((element[..colon].trim(), element[colon + 2..].trim()))
}

/// How many braces are open at the end of `text`; negative where more were closed.
pub(super) fn open_braces(text: &str) -> i64 {
    let mut depth = 0;
    let mut quoted = false;
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    depth
}

fn pieces(text: &str, separates: impl Fn(char) -> bool) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut depth, mut quoted) = (0, 0i64, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth -= 1,
            c if !quoted && depth <= 0 && separates(c) => {
                found.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found.retain(|piece| !piece.is_empty());
    found
}
