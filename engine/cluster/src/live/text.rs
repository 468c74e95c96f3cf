//! Foreign text on its way into a message.

/// The first `limit` characters, without control characters: what a server or a program says must not move the cursor.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut space = false;
    for c in text.trim().chars() {
        // Bidi controls reorder what a person reads.
        let hidden =
            c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if hidden || c == ' ' {
            space = true;
            continue;
        }
        if std::mem::take(&mut space) && !out.is_empty() {
            out.push(' ');
        }
        out.push(c);
        if out.chars().count() >= limit {
            out.push('…');
            break;
        }
    }
    out
}

/// An error with its causes: `a: b: c`.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Many errors print their source themselves.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    clean(&text, 400)
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(clean("a\u{1b}[31mb\r\n\tc ", 20), "a [31mb c");
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("\u{202e}abc", 9), "abc");
    }
}
