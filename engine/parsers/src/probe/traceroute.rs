//! `traceroute`: who forwards on the way to a host.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Traceroute {
    pub target: Option<String>,
    pub address: Option<String>,
    pub max_hops: Option<u32>,
    pub packet_bytes: Option<u32>,
    pub hops: Vec<RouteHop>,
    /// The target itself answered.
    pub reached: bool,
    /// What the tool itself said, `connect: Network is unreachable` for example.
    pub errors: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RouteHop {
    pub hop: u32,
    pub probes: Vec<RouteProbe>,
}

/// One packet; without an address nobody answered in time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RouteProbe {
    pub address: Option<String>,
    pub name: Option<String>,
    pub time_ms: Option<f64>,
    /// As printed: `!H` host, `!N` network, `!P` protocol unreachable, `!X` prohibited, `!F-1400` fragmentation needed.
    pub note: Option<String>,
}

/// Reads `traceroute`, with or without `-n`, `-I`, `-T`; of the Linux package or busybox.
///
/// Shape: [`Traceroute`].
pub fn parse(text: &str) -> Result<Traceroute, ParseError> {
    let text = clean(text);
    let mut found = Traceroute::default();
    for line in lines(&text) {
        let trimmed = line.text.trim_start();
        if let Some(rest) = trimmed
            .strip_prefix("traceroute to ")
            .or(trimmed.strip_prefix("traceroute6 to "))
        {
            header(&mut found, line, rest)?;
        } else if trimmed.starts_with(|c: char| c.is_ascii_digit()) {
            let hop = hop(line)?;
            let last = |probe: &RouteProbe| probe.address.is_some() && probe.address == found.address;
            found.reached |= hop.probes.iter().any(last);
            found.hops.push(hop);
        } else if let Some((who, _)) = trimmed.split_once(": ").filter(|(who, _)| TALKERS.contains(who)) {
            let said = if who == "traceroute" {
                trimmed.trim_start_matches("traceroute: ")
            } else {
                trimmed
            };
            found.errors.push(said.to_owned());
        } else {
            return Err(line.error("`traceroute to TARGET ...` or a hop: `N  ADDRESS  TIME ms ...`"));
        }
    }
    Ok(found)
}

/// In front of what the tool says about itself: its name, or the call that failed.
const TALKERS: &[&str] = &[
    "traceroute",
    "connect",
    "send",
    "sendto",
    "setsockopt",
    "bind",
    "socket",
];

/// `10.65.200.7 (10.65.200.7), 30 hops max, 60 byte packets`
fn header(found: &mut Traceroute, line: Line<'_>, rest: &str) -> Result<(), ParseError> {
    const EXPECTED: &str = "`traceroute to TARGET (ADDRESS), N hops max, N byte packets`";
    let mut parts = rest.split(", ");
    let target = parts.next().unwrap_or_default();
    let (name, address) = target.split_once(" (").ok_or_else(|| line.error(EXPECTED))?;
    found.target = Some(name.to_owned());
    found.address = Some(address.trim_end_matches(')').to_owned());
    for part in parts {
        // Standard error may follow without a line end.
        let (number, what) = part.split_once(' ').ok_or_else(|| line.error(EXPECTED))?;
        match what {
            "hops max" => found.max_hops = Some(line.number(number, what)?),
            _ if what.starts_with("byte packets") => {
                found.packet_bytes = Some(line.number(number, what)?);
                let glued = what.trim_start_matches("byte packets").trim();
                found.errors.extend((!glued.is_empty()).then(|| glued.to_owned()));
            }
            _ => return Err(line.error(EXPECTED)),
        }
    }
    Ok(())
}

/// ` 2  gw.example (192.0.2.1)  0.262 ms  0.047 ms !H *`: a time belongs to the address before it.
fn hop(line: Line<'_>) -> Result<RouteHop, ParseError> {
    const EXPECTED: &str = "a hop: `N  ADDRESS  TIME ms ...`";
    let mut words = line.words().peekable();
    let mut found = RouteHop {
        hop: line.number(words.next().unwrap_or_default(), "the hop")?,
        probes: Vec::new(),
    };
    let (mut name, mut address): (Option<&str>, Option<&str>) = (None, None);
    while let Some(word) = words.next() {
        if word == "*" {
            found.probes.push(RouteProbe::default());
        } else if words.peek() == Some(&"ms") {
            words.next();
            let time_ms = Some(line.number(word, "a time")?);
            let owned = |word: Option<&str>| word.map(str::to_owned);
            found.probes.push(RouteProbe {
                address: owned(address),
                name: owned(name),
                time_ms,
                note: None,
            });
        } else if word.starts_with('!') {
            let probe = found.probes.last_mut().ok_or_else(|| line.error(EXPECTED))?;
            probe.note = Some(word.to_owned());
        } else if let Some(inner) = word.strip_prefix('(').and_then(|w| w.strip_suffix(')')) {
            (name, address) = (address, Some(inner));
        } else if words.peek().is_some() && !word.starts_with('[') {
            (name, address) = (None, Some(word));
        } else {
            return Err(line.error(EXPECTED));
        }
    }
    Ok(found)
}
