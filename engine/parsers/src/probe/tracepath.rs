//! `tracepath`: the way to a host, and the largest packet that fits.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tracepath {
    pub hops: Vec<PathHop>,
    /// Path MTU in bytes at the end of the run; with `reached` false only what was seen so far.
    pub pmtu: Option<u32>,
    /// The host itself answered.
    pub reached: bool,
    /// Hops there and back, once reached.
    pub hops_there: Option<u32>,
    pub hops_back: Option<u32>,
    /// Gave up: the limit of hops was used up. UDP that a policy drops looks the same.
    pub too_many_hops: bool,
    /// What the tool itself said.
    pub errors: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PathHop {
    pub hop: u32,
    /// `None` for `no reply` and for this machine itself.
    pub address: Option<String>,
    pub name: Option<String>,
    /// This machine's own kernel said it, without sending.
    pub local: bool,
    pub time_ms: Option<f64>,
    /// MTU in bytes that was learned here.
    pub pmtu: Option<u32>,
    /// The way back has this many hops, another number than the way there.
    pub asymmetric_hops: Option<u32>,
    pub reached: bool,
    /// `host_unreachable` (`!H`), `net_unreachable` (`!N`), `prohibited` (`!A`), `proto_unreachable` (`!P`),
    /// `send_failed`.
    pub error: Option<String>,
}

/// Reads `tracepath`, with or without `-n` or `-b`.
///
/// Shape: [`Tracepath`]; MTUs in bytes.
pub fn parse(text: &str) -> Result<Tracepath, ParseError> {
    let text = clean(text);
    let mut found = Tracepath::default();
    for line in lines(&text) {
        let trimmed = line.text.trim_start();
        if let Some(rest) = trimmed.strip_prefix("Resume: ") {
            resume(&mut found, line, rest)?;
        } else if let Some(rest) = trimmed.strip_prefix("Too many hops: ") {
            found.too_many_hops = true;
            resume(&mut found, line, rest)?;
        } else if let Some(error) = trimmed.strip_prefix("tracepath: ") {
            found.errors.push(error.to_owned());
        } else {
            let hop = hop(line)?;
            found.reached |= hop.reached;
            found.pmtu = hop.pmtu.or(found.pmtu);
            found.hops.push(hop);
        }
    }
    Ok(found)
}

/// `pmtu 1450 hops 3 back 3`
fn resume(found: &mut Tracepath, line: Line<'_>, rest: &str) -> Result<(), ParseError> {
    let mut words = rest.split_whitespace();
    while let Some(key) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| line.error(format!("a number after `{key}`")))?;
        match key {
            "pmtu" => found.pmtu = Some(line.number(value, key)?),
            "hops" => found.hops_there = Some(line.number(value, key)?),
            "back" => found.hops_back = Some(line.number(value, key)?),
            _ => return Err(line.error("`pmtu N hops N back N`")),
        }
    }
    Ok(())
}

/// ` 2:  10.65.200.0   0.231ms pmtu 1400 asymm  3 !H`, ` 1?: [LOCALHOST]  pmtu 1450`, ` 3:  no reply`
fn hop(line: Line<'_>) -> Result<PathHop, ParseError> {
    const EXPECTED: &str = "a hop: `N: ADDRESS TIMEms [pmtu N] [asymm N] [reached]`";
    let mut words = line.words().peekable();
    let number = words.next().and_then(|w| w.strip_suffix("?:").or(w.strip_suffix(':')));
    let mut found = PathHop {
        hop: number
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| line.error(EXPECTED))?,
        ..PathHop::default()
    };
    while let Some(word) = words.next() {
        match word {
            "[LOCALHOST]" => found.local = true,
            "no" if words.peek() == Some(&"reply") => drop(words.next()),
            "send" if words.peek() == Some(&"failed") => {
                words.next();
                found.error = Some("send_failed".into());
            }
            "pmtu" | "asymm" => {
                let value = words
                    .next()
                    .ok_or_else(|| line.error(format!("a number after `{word}`")))?;
                let value: u32 = line.number(value, word)?;
                if word == "pmtu" {
                    found.pmtu = Some(value)
                } else {
                    found.asymmetric_hops = Some(value)
                }
            }
            "reached" => found.reached = true,
            "!H" => found.error = Some("host_unreachable".into()),
            "!N" => found.error = Some("net_unreachable".into()),
            "!A" => found.error = Some("prohibited".into()),
            "!P" => found.error = Some("proto_unreachable".into()),
            // `This broken router returned corrupted payload`
            "(This" | "This" => break,
            _ => match word.strip_suffix("ms").and_then(|ms| ms.parse().ok()) {
                Some(ms) => found.time_ms = Some(ms),
                // With `-b` both: `host.example (192.0.2.1)`.
                None if word.starts_with('(') && found.address.is_some() => {
                    found.name = found.address.replace(word.trim_matches(['(', ')']).to_owned());
                }
                None if found.address.is_none() && !found.local => found.address = Some(word.to_owned()),
                None => return Err(line.error(EXPECTED)),
            },
        }
    }
    Ok(found)
}
