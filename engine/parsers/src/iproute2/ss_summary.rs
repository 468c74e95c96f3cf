//! `ss -s`: how many sockets there are.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// Counts of sockets in this network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SocketSummary {
    pub total: u64,
    pub tcp: u64,
    pub tcp_established: u64,
    pub tcp_closed: u64,
    pub tcp_orphaned: u64,
    pub tcp_timewait: u64,
    pub transports: Vec<Transport>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Transport {
    /// `RAW`, `UDP`, `TCP`, `INET` (their sum), `FRAG`.
    pub name: String,
    pub total: u64,
    pub ipv4: u64,
    pub ipv6: u64,
}

/// Reads `ss -s`.
///
/// Shape: [`SocketSummary`].
pub fn parse(text: &str) -> Result<SocketSummary, ParseError> {
    let text = clean(text);
    let mut found = SocketSummary::default();
    let mut seen = false;
    for line in lines(&text) {
        seen = true;
        if let Some(total) = line.text.strip_prefix("Total: ") {
            // Old versions add the number in the kernel's cache: `12 (kernel 20)`.
            found.total = line.number(total.split(' ').next().unwrap_or(total), "Total")?;
        } else if let Some(rest) = line.text.strip_prefix("TCP: ") {
            tcp(&mut found, line, rest)?;
        } else if !line.text.starts_with("Transport") {
            found.transports.push(transport(line)?);
        }
    }
    if seen {
        Ok(found)
    } else {
        Err(ParseError::new(1, "", "`Total: N`"))
    }
}

/// `452 (estab 2, closed 447, orphaned 0, timewait 1)`
fn tcp(found: &mut SocketSummary, line: Line<'_>, rest: &str) -> Result<(), ParseError> {
    let (total, states) = rest
        .split_once('(')
        .ok_or_else(|| line.error("`TCP: N (estab N, closed N, ...)`"))?;
    found.tcp = line.number(total.trim(), "TCP")?;
    for state in states.trim_end().trim_end_matches(')').split(", ") {
        let (name, count) = state.split_once(' ').ok_or_else(|| line.error("`NAME N`"))?;
        // `timewait 0/0` in old versions.
        let count = line.number(count.split('/').next().unwrap_or(count), name)?;
        match name {
            "estab" => found.tcp_established = count,
            "closed" => found.tcp_closed = count,
            "orphaned" => found.tcp_orphaned = count,
            "timewait" => found.tcp_timewait = count,
            "synrecv" => {}
            _ => return Err(line.error(format!("estab, closed, orphaned or timewait, not `{name}`"))),
        }
        if name == "timewait" {
            break;
        }
    }
    Ok(())
}

fn transport(line: Line<'_>) -> Result<Transport, ParseError> {
    let mut words = line.words();
    let name = words.text("a transport")?;
    // The old kernel cache line and the transports have the same shape, with `-` for what is not counted.
    let mut count = |what: &str| match words.value(what)? {
        "-" => Ok(0),
        word => line.number(word, what),
    };
    Ok(Transport {
        total: count(&name)?,
        ipv4: count("the total")?,
        ipv6: count("IP")?,
        name,
    })
}
