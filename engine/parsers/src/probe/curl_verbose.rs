//! `curl -v`: one request as a conversation.

use crate::text::{Line, clean, lines};
use crate::{ParseError, Unparsed};
use serde::Serialize;

/// What `curl -v` says on standard error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CurlVerbose {
    /// Addresses tried, in order.
    pub tried: Vec<Endpoint>,
    /// Where a connection was made.
    pub connected: Option<Endpoint>,
    pub request: Option<Request>,
    /// The last answer, when there were redirects.
    pub response: Option<Response>,
    pub error: Option<CurlError>,
    /// Everything curl noted (`* ...`), word for word.
    pub notes: Vec<String>,
    /// Lines that are no part of the conversation: the body, when both streams are one.
    pub unparsed: Vec<Unparsed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    pub address: String,
    pub port: u16,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub version: String,
    pub headers: Vec<Header>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Response {
    pub version: String,
    pub status: u16,
    pub reason: Option<String>,
    pub headers: Vec<Header>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CurlError {
    /// `unresolved`, `resolve_timed_out`, `connect_timed_out`, `refused`, `net_unreachable`, `host_unreachable`,
    /// `timed_out` (connected, but no or not all data), `reset`, `empty_reply`, `tls`, `not_connected`, `other`.
    pub kind: String,
    /// curl's exit code, when it is in the text.
    pub code: Option<u32>,
    pub text: String,
}

/// Reads what `curl -v` (also `-sv`, `-svk`) writes to standard error.
///
/// Shape: [`CurlVerbose`]. A failed request is an answer: see `error`.
pub fn parse(text: &str) -> Result<CurlVerbose, ParseError> {
    let text = clean(text);
    let mut found = CurlVerbose::default();
    for line in lines(&text) {
        // A header may be empty after its mark; blanks at the end are gone by now.
        match line.text.split_at_checked(1) {
            Some(("*", note)) if note.is_empty() || note.starts_with(' ') => noted(&mut found, note.trim()),
            Some((">", sent)) if sent.is_empty() || sent.starts_with(' ') => request(&mut found, line, sent.trim()),
            Some(("<", got)) if got.is_empty() || got.starts_with(' ') => response(&mut found, line, got.trim()),
            Some(("{" | "}", data)) if data.starts_with(" [") => {}
            _ => match line.text.strip_prefix("curl: (").and_then(|rest| rest.split_once(") ")) {
                Some((code, message)) => {
                    let kind = kind(message, &found).unwrap_or("other");
                    let earlier = found.error.take().filter(|e| kind == "not_connected" || e.kind == kind);
                    let kind = earlier.map_or_else(|| kind.to_owned(), |e| e.kind);
                    found.error = Some(CurlError {
                        kind,
                        code: code.parse().ok(),
                        text: message.to_owned(),
                    });
                }
                // The progress meter of a curl without `-s`.
                None if line.text.contains("% Total") || line.text.contains("--:--:--") => {}
                None if line.text.trim_start().starts_with("Dload") => {}
                None => found.unparsed.push(Unparsed::new(line.number, line.text)),
            },
        }
    }
    Ok(found)
}

fn noted(found: &mut CurlVerbose, note: &str) {
    if let Some(tried) = note
        .strip_prefix("Trying ")
        .and_then(|t| endpoint(t.trim_end_matches('.')))
    {
        found.tried.push(tried);
    } else if let Some(rest) = note.strip_prefix("Connected to ") {
        // `NAME (ADDRESS) port N (#0)`
        let address = rest
            .split_once('(')
            .and_then(|(_, a)| a.split_once(')'))
            .map(|(a, _)| a);
        let port = rest
            .split_once(" port ")
            .and_then(|(_, p)| p.split_whitespace().next()?.parse().ok());
        // What earlier addresses said no longer counts; it stays in the notes.
        found.error = None;
        found.connected = address.zip(port).map(|(address, port)| Endpoint {
            address: address.to_owned(),
            port,
        });
    } else if let Some(kind) = kind(note, found) {
        // The first reason stands: what follows only repeats that it did not work.
        let first = found.error.as_ref().is_none_or(|e| e.kind == "not_connected");
        if first {
            found.error = Some(CurlError {
                kind: kind.to_owned(),
                code: None,
                text: note.to_owned(),
            });
        }
    }
    found.notes.push(note.to_owned());
}

/// `192.0.2.1:80` or `[2001:db8::1]:80`.
fn endpoint(text: &str) -> Option<Endpoint> {
    let (address, port) = text.rsplit_once(':')?;
    Some(Endpoint {
        address: address.trim_matches(['[', ']']).to_owned(),
        port: port.parse().ok()?,
    })
}

fn kind(note: &str, found: &CurlVerbose) -> Option<&'static str> {
    const KINDS: &[(&str, &str)] = &[
        ("Could not resolve host", "unresolved"),
        ("Resolving timed out", "resolve_timed_out"),
        ("Connection timed out", "connect_timed_out"),
        ("Connection refused", "refused"),
        ("Network is unreachable", "net_unreachable"),
        ("No route to host", "host_unreachable"),
        ("Connection reset", "reset"),
        ("Empty reply from server", "empty_reply"),
        ("SSL certificate problem", "tls"),
        ("SSL_ERROR", "tls"),
        ("SSL connection timeout", "tls"),
        ("no alternative certificate", "tls"),
        ("Couldn't connect to server", "not_connected"),
        ("Failed to connect", "not_connected"),
    ];
    if note.contains("Operation timed out") {
        return Some(if found.connected.is_some() {
            "timed_out"
        } else {
            "connect_timed_out"
        });
    }
    KINDS
        .iter()
        .find(|(words, _)| note.contains(words))
        .map(|(_, kind)| *kind)
}

fn request(found: &mut CurlVerbose, line: Line<'_>, sent: &str) {
    if let Some(request) = found.request.as_mut().filter(|_| header(sent).is_some()) {
        request.headers.extend(header(sent));
        return;
    }
    let mut words = sent.split_whitespace();
    if let (Some(method), Some(path), Some(version)) = (words.next(), words.next(), words.next()) {
        let headers = Vec::new();
        found.request = Some(Request {
            method: method.into(),
            path: path.into(),
            version: version.into(),
            headers,
        });
    } else if !sent.is_empty() {
        found.unparsed.push(Unparsed::new(line.number, line.text));
    }
}

fn response(found: &mut CurlVerbose, line: Line<'_>, got: &str) {
    if got.starts_with("HTTP/") {
        let mut parts = got.splitn(3, ' ');
        let version = parts.next().unwrap_or_default().to_owned();
        if let Some(status) = parts.next().and_then(|s| s.parse().ok()) {
            let reason = parts.next().map(str::to_owned).filter(|r| !r.is_empty());
            found.response = Some(Response {
                version,
                status,
                reason,
                headers: Vec::new(),
            });
            return;
        }
    }
    match (found.response.as_mut(), header(got)) {
        (Some(response), Some(header)) => response.headers.push(header),
        _ if got.is_empty() => {}
        _ => found.unparsed.push(Unparsed::new(line.number, line.text)),
    }
}

fn header(line: &str) -> Option<Header> {
    let (name, value) = line.split_once(':')?;
    (!name.contains(' ')).then(|| Header {
        name: name.to_owned(),
        value: value.trim().to_owned(),
    })
}
