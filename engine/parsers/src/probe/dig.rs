//! `dig`: one question to the name service.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// What `dig` printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Dig {
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED`, ...; `None` when no server answered, and with `+short`.
    pub status: Option<String>,
    pub id: Option<u32>,
    /// `qr`, `aa`, `rd`, `ra`, `tc`, `ad`.
    pub flags: Vec<String>,
    pub question: Option<Question>,
    pub answers: Vec<Record>,
    pub authority: Vec<Record>,
    pub additional: Vec<Record>,
    /// Values alone, as `+short` prints them.
    pub short: Vec<String>,
    pub query_time_ms: Option<u64>,
    /// `10.96.0.10#53`
    pub server: Option<String>,
    /// `UDP` or `TCP`.
    pub transport: Option<String>,
    pub size_bytes: Option<u64>,
    /// Each failed attempt to ask.
    pub errors: Vec<DigError>,
    /// No server answered.
    pub unreachable: bool,
    /// Notes of dig itself.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Question {
    pub name: String,
    pub class: String,
    pub kind: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Record {
    pub name: String,
    pub ttl_s: u64,
    pub class: String,
    pub kind: String,
    pub value: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DigError {
    /// `10.96.0.10#53`
    pub server: Option<String>,
    /// `timed_out`, `refused`, `net_unreachable`, `host_unreachable`, `not_permitted`, `connection_closed`,
    /// `unresolved` (the server was given by a name that is not known), `other`.
    pub kind: String,
    pub text: String,
}

/// Reads `dig NAME`, also with `+short`, `+tcp`, `@SERVER`.
///
/// Shape: [`Dig`]; times to live in seconds. That nobody answered is an answer: see `errors` and `unreachable`.
pub fn parse(text: &str) -> Result<Dig, ParseError> {
    let text = clean(text);
    let mut dig = Dig::default();
    let mut section = Section::None;
    for line in lines(&text) {
        if let Some(comment) = line.text.strip_prefix(";;") {
            note(&mut dig, &mut section, line, comment.trim())?;
        } else if let Some(rest) = line.text.strip_prefix(';') {
            commented(&mut dig, section, line, rest)?;
        } else {
            plain(&mut dig, section, line)?;
        }
    }
    Ok(dig)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    Opt,
    Question,
    Answer,
    Authority,
    Additional,
}

/// A line that begins with `;;`.
fn note(dig: &mut Dig, section: &mut Section, line: Line<'_>, text: &str) -> Result<(), ParseError> {
    match text {
        "QUESTION SECTION:" => *section = Section::Question,
        "ANSWER SECTION:" => *section = Section::Answer,
        "AUTHORITY SECTION:" => *section = Section::Authority,
        "ADDITIONAL SECTION:" => *section = Section::Additional,
        "OPT PSEUDOSECTION:" => *section = Section::Opt,
        "no servers could be reached" | "connection timed out; no servers could be reached" => dig.unreachable = true,
        "Got answer:" | "Truncated, retrying in TCP mode." => {}
        _ if text.starts_with("global options:") || text.starts_with("WHEN:") || text.starts_with("XFR size") => {}
        _ if text.starts_with("->>HEADER<<-") => header(dig, line, text)?,
        _ if text.starts_with("flags:") => {
            let flags = text.trim_start_matches("flags:").split(';').next().unwrap_or_default();
            dig.flags = flags.split_whitespace().map(str::to_owned).collect();
        }
        _ => foot(dig, line, text)?,
    }
    Ok(())
}

/// `->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1819`
fn header(dig: &mut Dig, line: Line<'_>, text: &str) -> Result<(), ParseError> {
    for part in text.split(", ") {
        match part.split_once(": ") {
            Some(("status", status)) => dig.status = Some(status.to_owned()),
            Some(("id", id)) => dig.id = Some(line.number(id, "id")?),
            _ => {}
        }
    }
    Ok(())
}

/// The lines after the sections, and what went wrong.
fn foot(dig: &mut Dig, line: Line<'_>, text: &str) -> Result<(), ParseError> {
    let (key, value) = text
        .split_once(':')
        .map_or(("", ""), |(key, value)| (key, value.trim()));
    match key {
        "Query time" => {
            let word = value.split_whitespace().next().unwrap_or_default();
            let time: u64 = line.number(word, "the query time")?;
            dig.query_time_ms = Some(if value.ends_with("usec") { time / 1000 } else { time });
        }
        "SERVER" => {
            // `10.96.0.10#53(10.96.0.10) (UDP)`; older ones without the transport.
            dig.server = value.split('(').next().map(|s| s.trim().to_owned());
            dig.transport = value.rsplit_once(" (").map(|(_, t)| t.trim_end_matches(')').to_owned());
        }
        "MSG SIZE  rcvd" | "MSG SIZE rcvd" => dig.size_bytes = Some(line.number(value, "the size")?),
        "WARNING" | "Warning" | "OPT" => dig.warnings.push(text.to_owned()),
        _ => match failure(text) {
            Some(error) => dig.errors.push(error),
            None => dig.warnings.push(text.to_owned()),
        },
    }
    Ok(())
}

/// `communications error to 10.96.0.10#53: timed out`, `UDP setup with 10.96.0.10#53(10.96.0.10) for NAME failed: ...`
fn failure(text: &str) -> Option<DigError> {
    const KINDS: &[(&str, &str)] = &[
        ("timed out", "timed_out"),
        ("connection refused", "refused"),
        ("network unreachable", "net_unreachable"),
        ("host unreachable", "host_unreachable"),
        ("permission denied", "not_permitted"),
        ("operation not permitted", "not_permitted"),
        ("end of file", "connection_closed"),
        ("connection reset", "connection_closed"),
        ("couldn't get address", "unresolved"),
    ];
    let failed = text.contains("error") || text.contains("failed: ") || text.starts_with("couldn't get address");
    let kind = KINDS
        .iter()
        .find(|(words, _)| text.contains(words))
        .map(|(_, kind)| *kind);
    let kind = kind.or(failed.then_some("other")).filter(|_| failed)?;
    let server = text.split_whitespace().find(|word| word.contains('#'));
    let server = server.map(|word| word.split('(').next().unwrap_or(word).trim_end_matches(':').to_owned());
    Some(DigError {
        server,
        kind: kind.to_owned(),
        text: text.to_owned(),
    })
}

/// A line that begins with one `;`: the question, or dig about itself.
fn commented(dig: &mut Dig, section: Section, line: Line<'_>, rest: &str) -> Result<(), ParseError> {
    let about_itself = rest.starts_with(" <<>> DiG") || rest.starts_with(" (") || rest.trim().is_empty();
    if about_itself || section == Section::Opt {
        return Ok(());
    }
    let mut words = rest.split_whitespace();
    match (section, words.next(), words.next(), words.next()) {
        (Section::Question, Some(name), Some(class), Some(kind)) => {
            dig.question = Some(Question {
                name: name.into(),
                class: class.into(),
                kind: kind.into(),
            });
            Ok(())
        }
        _ => Err(line.error("a question: `;NAME CLASS TYPE`")),
    }
}

/// A line without mark: a record, or with `+short` a value.
fn plain(dig: &mut Dig, section: Section, line: Line<'_>) -> Result<(), ParseError> {
    let records = match section {
        Section::None => {
            if let Some(error) = line.text.strip_prefix("dig: ").and_then(failure) {
                dig.errors.push(error);
            } else if line.text.contains(|c: char| c.is_control() && c != '\t') {
                return Err(line.error("a value of `+short`, without control characters"));
            } else {
                dig.short.push(line.text.to_owned());
            }
            return Ok(());
        }
        Section::Answer => &mut dig.answers,
        Section::Authority => &mut dig.authority,
        Section::Additional => &mut dig.additional,
        Section::Opt | Section::Question => return Err(line.error("a section before its records")),
    };
    let mut words = line.words();
    let name = words.text("a name")?;
    let ttl_s = words.number("time to live")?;
    let class = words.text("the class")?;
    let kind = words.text("the type")?;
    let value: Vec<&str> = words.collect();
    records.push(Record {
        name,
        ttl_s,
        class,
        kind,
        value: value.join(" "),
    });
    Ok(())
}
