//! `nc -zv`: does a port answer?

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// What `nc` says; it goes to standard error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Nc {
    /// `succeeded` when one attempt did, else that of the last one; `None` when nothing was printed (UDP, or no `-v`).
    pub outcome: Option<String>,
    pub attempts: Vec<Attempt>,
}

/// One address and port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Attempt {
    pub host: Option<String>,
    pub port: Option<u16>,
    /// `tcp` or `udp`, when printed. A UDP port *succeeds* when nothing objects: that proves little.
    pub protocol: Option<String>,
    /// `succeeded`, `refused`, `timed_out`, `host_unreachable`, `net_unreachable`, `not_permitted`, `unresolved`,
    /// `reset`, `other`.
    pub outcome: String,
    pub text: String,
}

/// Reads `nc -zv HOST PORT` of OpenBSD, traditional, busybox and Ncat flavour.
///
/// Shape: [`Nc`]. A port that does not answer is an answer.
pub fn parse(text: &str) -> Result<Nc, ParseError> {
    let text = clean(text);
    let mut nc = Nc::default();
    for line in lines(&text) {
        if !passed_over(line.text) {
            nc.attempts.push(attempt(line)?);
        }
    }
    let succeeded = nc.attempts.iter().find(|a| a.outcome == "succeeded");
    nc.outcome = succeeded.or(nc.attempts.last()).map(|a| a.outcome.clone());
    Ok(nc)
}

/// Greetings, sums, and what the traditional one says about reverse lookups.
fn passed_over(text: &str) -> bool {
    text.starts_with("Ncat: Version ")
        || text.contains("bytes sent, ")
        || text.contains("inverse host lookup failed")
        || text.contains("forward host lookup failed: Unknown host") && text.starts_with("DNS fwd/rev mismatch")
        || text.trim_start().starts_with("sent ") && text.contains(", rcvd ")
        || text.starts_with("Ncat: UDP packet sent")
}

fn attempt(line: Line<'_>) -> Result<Attempt, ParseError> {
    let text = line.text.trim_start();
    let outcome = outcome(text).ok_or_else(|| line.error("what `nc -zv` says about a port"))?;
    let mut found = Attempt {
        outcome: outcome.to_owned(),
        text: text.to_owned(),
        ..Attempt::default()
    };
    if let Some(rest) = text.strip_prefix("Connection to ") {
        // `192.0.2.1 22 port [tcp/ssh] succeeded!`; newer ones put the address in parentheses before the port.
        let mut words = rest.split_whitespace();
        found.host = words.next().map(str::to_owned);
        found.port = words.find_map(|w| w.parse().ok());
        found.protocol = protocol(rest, '[');
    } else if let Some(rest) = text.strip_prefix("nc: connect to ") {
        // `192.0.2.1 port 8080 (tcp) failed: Connection refused`
        found.host = rest.split_whitespace().next().map(str::to_owned);
        found.port = rest
            .split_once(" port ")
            .and_then(|(_, p)| p.split_whitespace().next()?.parse().ok());
        found.protocol = protocol(rest, '(');
    } else if let Some(target) = text.strip_prefix("Ncat: Connected to ") {
        let (host, port) = target.trim_end_matches('.').rsplit_once(':').unwrap_or((target, ""));
        (found.host, found.port) = (Some(host.to_owned()), port.parse().ok());
    } else if let Some((host, rest)) = text.trim_start_matches("nc: ").split_once(" (")
        && let Some((address, _)) = rest.split_once(')')
        && let Some((_, port)) = address.rsplit_once(':')
    {
        // busybox: `host (192.0.2.1:80) open`
        (found.host, found.port) = (Some(host.to_owned()), port.parse().ok());
    } else if let Some((_, rest)) = text.split_once('[')
        && let Some((host, rest)) = rest.split_once("] ")
    {
        // traditional: `(UNKNOWN) [192.0.2.1] 22 (ssh) open`
        found.host = Some(host.to_owned());
        found.port = rest.split_whitespace().next().and_then(|p| p.parse().ok());
    }
    Ok(found)
}

/// `tcp` of `[tcp/ssh]` or `(tcp)`.
fn protocol(text: &str, open: char) -> Option<String> {
    let mut inside = text.split(open).skip(1);
    inside
        .find_map(|part| ["tcp", "udp"].into_iter().find(|p| part.starts_with(p)))
        .map(str::to_owned)
}

fn outcome(text: &str) -> Option<&'static str> {
    const OUTCOMES: &[(&str, &str)] = &[
        ("succeeded!", "succeeded"),
        ("Ncat: Connected to ", "succeeded"),
        ("onnection refused", "refused"),
        ("imed out", "timed_out"),
        ("TIMEOUT", "timed_out"),
        ("No route to host", "host_unreachable"),
        ("Host is unreachable", "host_unreachable"),
        ("etwork is unreachable", "net_unreachable"),
        ("Operation not permitted", "not_permitted"),
        ("ermission denied", "not_permitted"),
        ("onnection reset", "reset"),
        ("getaddrinfo", "unresolved"),
        ("Could not resolve hostname", "unresolved"),
        ("bad address", "unresolved"),
        ("host lookup failed", "unresolved"),
    ];
    if text.ends_with(" open") {
        return Some("succeeded");
    }
    let known = OUTCOMES
        .iter()
        .find(|(words, _)| text.contains(words))
        .map(|(_, outcome)| *outcome);
    known.or_else(|| (text.starts_with("nc: ") || text.starts_with("Ncat: ")).then_some("other"))
}
