//! What all answers of BIRD have in common: the greeting, the socket's line codes, and refusals.

use serde::Serialize;

/// BIRD understood the question and has no answer, or nobody was there to ask. `birdcl` exits with 1 then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Refusal<'a> {
    pub kind: RefusalKind,
    /// What BIRD or its client said.
    pub message: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The client found no daemon behind the control socket.
    NoDaemon,
    /// `Protocol is down`: its routes cannot be asked for now.
    ProtocolDown,
    /// An empty answer to `show route for ADDRESS`.
    NetworkNotInTable,
    /// The named protocol, table or symbol does not exist.
    NotFound,
    /// The command itself is wrong for this version.
    Syntax,
    AccessDenied,
}

const REFUSALS: &[(&str, RefusalKind)] = &[
    ("Unable to connect to server control socket", RefusalKind::NoDaemon),
    ("Connection closed by server", RefusalKind::NoDaemon),
    ("Protocol is down", RefusalKind::ProtocolDown),
    ("Channel is down", RefusalKind::ProtocolDown),
    ("Network not in table", RefusalKind::NetworkNotInTable),
    ("Network not found", RefusalKind::NetworkNotInTable),
    ("is not a protocol", RefusalKind::NotFound),
    ("is not a table", RefusalKind::NotFound),
    ("is not a filter", RefusalKind::NotFound),
    ("No protocols match", RefusalKind::NotFound),
    ("No such protocol", RefusalKind::NotFound),
    ("Symbol not known", RefusalKind::NotFound),
    ("No such command", RefusalKind::Syntax),
    ("Ambiguous command", RefusalKind::Syntax),
    ("Incomplete command", RefusalKind::Syntax),
    ("Command too long", RefusalKind::Syntax),
    ("syntax error", RefusalKind::Syntax),
    ("parse error", RefusalKind::Syntax),
    ("Access denied", RefusalKind::AccessDenied),
];

/// The lines of an answer, numbered from 1, without greeting, line codes and line ends.
///
/// Answers read straight from the socket carry codes: `2002-name proto`, ` next line of 2002`, `0000 `.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    rest: &'a str,
    /// Lines that were taken.
    number: usize,
    coded: bool,
    pub(super) version: Option<&'a str>,
    pub(super) refusal: Option<Refusal<'a>>,
}

impl<'a> Reply<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
        let coded = code(first).is_some();
        Reply {
            rest: text,
            number: 0,
            coded,
            version: None,
            refusal: None,
        }
    }

    /// Whether `line` says why there is no answer; it is remembered then.
    pub(super) fn refuses(&mut self, line: &'a str) -> bool {
        let message = line.trim();
        let known = REFUSALS.iter().find(|(text, _)| message.contains(text));
        if let Some((_, kind)) = known {
            self.refusal = Some(Refusal { kind: *kind, message });
        }
        known.is_some()
    }

    /// Whether BIRD said anything at all: an empty text is a failed command, not an empty answer.
    pub(super) fn answered(&self) -> bool {
        self.version.is_some() || self.refusal.is_some()
    }

    fn greeting(&mut self, line: &'a str) -> bool {
        let version = line
            .strip_prefix("BIRD ")
            .and_then(|l| l.trim_end().strip_suffix(" ready."));
        self.version = version.or(self.version);
        version.is_some() || line.trim_end() == "Access restricted"
    }
}

impl<'a> Iterator for Reply<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'\n', self.rest.as_bytes());
            let (line, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            self.rest = rest.strip_prefix('\n').unwrap_or(rest);
            self.number += 1;
            let mut line = line.strip_suffix('\r').unwrap_or(line);
            if self.coded {
                line = code(line).or_else(|| line.strip_prefix(' ')).unwrap_or(line);
            }
            let greets = matches!(line.as_bytes(), [b'B' | b'A', ..]) && self.greeting(line);
            let ends = self.coded && line.is_empty();
            if !greets && !ends {
                return Some((self.number, line));
            }
        }
        None
    }
}

/// The text behind a line code, `1002-` or `1002 `.
fn code(line: &str) -> Option<&str> {
    let bytes = line.as_bytes();
    let digits = bytes.len() >= 5 && bytes[..4].iter().all(u8::is_ascii_digit);
    (digits && matches!(bytes[4], b'-' | b' ')).then(|| &line[5..])
}

/// `15:33:12`, `15:33:12.554`, `2026-11-24`, `Nov24`, or date and time: BIRD prints what its `timeformat` says.
pub(super) fn since(text: &str) -> (&str, &str) {
    let (first, rest) = word(text);
    // Most are times: only a date can have a time behind it.
    if first.bytes().filter(|b| *b == b'-').count() == 2 {
        let (second, after) = word(rest);
        if second.contains(':') && second.starts_with(|c: char| c.is_ascii_digit()) {
            return (text[..text.len() - after.len()].trim(), after);
        }
    }
    (first, rest)
}

/// The first word and what follows it. BIRD prints ASCII blanks only, and there may be 100,000 lines.
pub(super) fn word(text: &str) -> (&str, &str) {
    let text = text.trim_ascii_start();
    let end = text.bytes().position(|b| b.is_ascii_whitespace());
    end.map_or((text, ""), |end| text.split_at(end))
}
