//! `arping`: which link addresses answer for an IP address.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Arping {
    pub target: Option<String>,
    pub source: Option<String>,
    pub dev: Option<String>,
    pub replies: Vec<ArpReply>,
    pub sent: Option<u64>,
    pub received: Option<u64>,
    /// Link addresses that answered, each once. Two or more: the address is used twice.
    pub macs: Vec<String>,
    /// What the tool itself said.
    pub errors: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ArpReply {
    pub address: String,
    /// In lower case, as other tools print it.
    pub mac: String,
    pub time_ms: Option<f64>,
    /// Sent to this machine alone, not to all.
    pub unicast: bool,
}

/// Reads `arping` of iputils or busybox.
///
/// Shape: [`Arping`]. Nobody answering is an answer.
pub fn parse(text: &str) -> Result<Arping, ParseError> {
    let text = clean(text);
    let mut found = Arping::default();
    for line in lines(&text) {
        read(&mut found, line)?;
    }
    for reply in &found.replies {
        if !found.macs.contains(&reply.mac) && found.macs.len() < 256 {
            found.macs.push(reply.mac.clone());
        }
    }
    Ok(found)
}

fn read(found: &mut Arping, line: Line<'_>) -> Result<(), ParseError> {
    let mut words = line.words();
    let first = words.next().unwrap_or_default();
    match first {
        // `ARPING 192.0.2.9 from 192.0.2.1 eth0`; busybox puts `to` before the target.
        "ARPING" => {
            words.accept("to");
            found.target = Some(words.text(first)?);
            if words.accept("from") {
                found.source = Some(words.text("from")?);
                found.dev = words.next().map(str::to_owned);
            }
        }
        "Unicast" | "Broadcast" => found.replies.push(reply(line, first == "Unicast")?),
        // `Sent 2 probes (1 broadcast(s))`, `Received 2 response(s)`
        "Sent" => found.sent = Some(words.number(first)?),
        "Received" => found.received = Some(words.number(first)?),
        "arping:" => found.errors.push(line.text.trim_start_matches("arping: ").to_owned()),
        _ => return Err(line.error("a line of `arping`")),
    }
    Ok(())
}

/// `Unicast reply from 169.254.1.1 [EE:EE:EE:EE:EE:EE]  0.528ms`; broadcasts name the asker too: `for 192.0.2.1 [...]`.
fn reply(line: Line<'_>, unicast: bool) -> Result<ArpReply, ParseError> {
    const EXPECTED: &str = "`Unicast reply from ADDRESS [MAC]  TIMEms`";
    let mut words = line.words().skip(1);
    // `reply from` or, when another machine asks for the same address, `request from`.
    let (Some("reply" | "request"), Some("from"), Some(address), Some(mac)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(line.error(EXPECTED));
    };
    let mac = mac
        .strip_prefix('[')
        .and_then(|m| m.strip_suffix(']'))
        .ok_or_else(|| line.error(EXPECTED))?;
    let time_ms = words.find_map(|word| word.strip_suffix("ms")?.parse().ok());
    Ok(ArpReply {
        address: address.to_owned(),
        mac: mac.to_ascii_lowercase(),
        time_ms,
        unicast,
    })
}
