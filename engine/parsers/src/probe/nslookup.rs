//! `nslookup`: one question to the name service, the old way.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// What `nslookup` printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Nslookup {
    /// Address of the server that answered.
    pub server: Option<String>,
    pub answers: Vec<NameAddress>,
    /// `NXDOMAIN`, `SERVFAIL`, `timed_out`, `refused`, `net_unreachable`, `no_answer`, `other`; `None` when it worked.
    pub error: Option<String>,
    /// Notes and errors, word for word.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameAddress {
    pub name: String,
    pub address: String,
}

/// Reads `nslookup NAME [SERVER]` of BIND or busybox.
///
/// Shape: [`Nslookup`]. That nobody answered is an answer: see `error`.
pub fn parse(text: &str) -> Result<Nslookup, ParseError> {
    let text = clean(text);
    let mut found = Nslookup::default();
    let mut name: Option<&str> = None;
    for line in lines(&text) {
        let (key, value) = line
            .text
            .split_once(':')
            .map_or(("", ""), |(key, value)| (key, value.trim()));
        match key {
            "Server" => found.server = Some(value.split_whitespace().next().unwrap_or(value).to_owned()),
            "Name" => name = Some(value),
            _ if key == "Address" || key.strip_prefix("Address ").is_some_and(|n| n.parse::<u32>().is_ok()) => {
                match name {
                    // Before the first name it is the server's, with its port.
                    None => found.server = Some(server_address(value).to_owned()),
                    // busybox repeats the name after the address.
                    Some(name) => found.answers.push(NameAddress {
                        name: name.to_owned(),
                        address: value.split_whitespace().next().unwrap_or(value).to_owned(),
                    }),
                }
            }
            _ => note(&mut found, line)?,
        }
    }
    Ok(found)
}

/// `10.96.0.10` of `10.96.0.10#53`, `10.96.0.10:53` or `[2001:db8::a]:53`.
fn server_address(value: &str) -> &str {
    let value = value.split(['#', ' ']).next().unwrap_or(value);
    match value.strip_prefix('[').and_then(|v| v.split_once(']')) {
        Some((address, _)) => address,
        None if value.matches(':').count() == 1 => value.split(':').next().unwrap_or(value),
        None => value,
    }
}

fn note(found: &mut Nslookup, line: Line<'_>) -> Result<(), ParseError> {
    const KINDS: &[(&str, &str)] = &[
        ("NXDOMAIN", "NXDOMAIN"),
        ("SERVFAIL", "SERVFAIL"),
        ("REFUSED", "REFUSED"),
        ("timed out", "timed_out"),
        ("onnection refused", "refused"),
        ("etwork unreachable", "net_unreachable"),
        ("host unreachable", "host_unreachable"),
        ("No answer", "no_answer"),
        ("can't resolve", "other"),
        ("can't find", "other"),
    ];
    let text = line.text.trim();
    let known =
        text.starts_with(";;") || text.starts_with("** ") || text.starts_with("*** ") || text.starts_with("nslookup: ");
    if text == "Non-authoritative answer:" {
        return Ok(());
    }
    if text.contains("\tcanonical name = ") {
        found.notes.push(text.replace('\t', " "));
        return Ok(());
    }
    if !known {
        return Err(line.error("a line of `nslookup`"));
    }
    let kind = KINDS
        .iter()
        .find(|(words, _)| text.contains(words))
        .map(|(_, kind)| (*kind).to_owned());
    // The first reason stands: `no servers could be reached` only sums up.
    found.error = found.error.take().or(kind);
    if found.error.is_none() && text.contains("no servers could be reached") {
        found.error = Some("timed_out".into());
    }
    found.notes.push(text.to_owned());
    Ok(())
}
