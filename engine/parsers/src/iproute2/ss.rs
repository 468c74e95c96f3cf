//! `ss`: sockets, who holds them, and how their connections fare.

use super::ss_info::{self, TcpInfo};
use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;
use std::collections::BTreeMap;

/// One socket.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Socket {
    /// `tcp`, `udp`, ...; not printed when the command asked for one kind only.
    pub netid: Option<String>,
    /// `LISTEN`, `ESTAB`, `SYN-SENT`, `TIME-WAIT`, `UNCONN`, ...; not printed when the command asked for one state.
    pub state: Option<String>,
    /// Bytes that the program has not read; for `LISTEN` connections that wait to be accepted.
    pub recv_q: u64,
    /// Bytes that the other side has not acknowledged; for `LISTEN` the limit of waiting connections.
    pub send_q: u64,
    pub local_address: String,
    /// `None` for any.
    pub local_port: Option<u16>,
    /// Device the socket is bound to.
    pub local_dev: Option<String>,
    pub peer_address: String,
    pub peer_port: Option<u16>,
    pub processes: Vec<Holder>,
    /// `on`, `keepalive`, `timewait`, ...; needs `-o`.
    pub timer: Option<Timer>,
    /// Needs `-i`.
    pub tcp: Option<TcpInfo>,
    /// Everything else, by its name: `ino`, `sk`, `uid`, `cgroup`, `v6only`, `skmem`.
    pub other: BTreeMap<String, String>,
}

/// A process that holds the socket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Holder {
    pub name: String,
    pub pid: u32,
    pub fd: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Timer {
    pub name: String,
    /// As printed: `608ms`, `59sec`, `1min42sec`.
    pub expires: String,
    pub retransmits: u32,
}

const NETIDS: &[&str] = &["tcp", "udp", "raw", "sctp", "dccp", "mptcp", "icmp6"];

const STATES: &[&str] = &[
    "LISTEN",
    "ESTAB",
    "SYN-SENT",
    "SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "CLOSE-WAIT",
    "LAST-ACK",
    "CLOSING",
    "CLOSED",
    "UNCONN",
    "CLOSE",
    "NEW-SYN-RECV",
    "BOUND-INACTIVE",
];

/// Reads `ss` for TCP and UDP, with any of `-t -u -l -a -n -p -i -o -e -m -H`.
///
/// Shape: a list of [`Socket`]. A filter that matches nothing gives an empty list.
pub fn parse(text: &str) -> Result<Vec<Socket>, ParseError> {
    let text = clean(text);
    let mut sockets: Vec<Socket> = Vec::new();
    for line in lines(&text) {
        if line.text.contains("Recv-Q") && line.text.contains("Local Address:Port") {
            continue;
        }
        match sockets.last_mut().filter(|_| line.indented()) {
            Some(socket) => ss_info::read(socket, line)?,
            None => sockets.push(socket(line)?),
        }
    }
    Ok(sockets)
}

fn socket(line: Line<'_>) -> Result<Socket, ParseError> {
    const EXPECTED: &str = "a socket: `[NETID] [STATE] RECV-Q SEND-Q LOCAL:PORT PEER:PORT ...`";
    let mut found = Socket::default();
    let (before, holders, after) = split_holders(line.text);
    found.processes = holders
        .map(|text| read_holders(line, text))
        .transpose()?
        .unwrap_or_default();
    let mut words = before.split_whitespace().chain(after.split_whitespace()).peekable();
    found.netid = words.next_if(|w| NETIDS.contains(w)).map(str::to_owned);
    found.state = words.next_if(|w| STATES.contains(w)).map(str::to_owned);
    let mut next = || words.next().ok_or_else(|| line.error(EXPECTED));
    found.recv_q = line.number(next()?, "Recv-Q")?;
    found.send_q = line.number(next()?, "Send-Q")?;
    let (address, dev, port) = endpoint(next()?).ok_or_else(|| line.error(EXPECTED))?;
    (found.local_address, found.local_dev, found.local_port) = (address, dev, port);
    let (address, _, port) = endpoint(next()?).ok_or_else(|| line.error(EXPECTED))?;
    (found.peer_address, found.peer_port) = (address, port);
    for word in words {
        ss_info::word(&mut found, line, word)?;
    }
    Ok(found)
}

/// Names of processes may hold blanks, so their list is taken out before the line is split into words.
fn split_holders(text: &str) -> (&str, Option<&str>, &str) {
    match text.split_once("users:((") {
        Some((before, rest)) => {
            let (list, after) = rest.split_once("))").unwrap_or((rest, ""));
            (before, Some(list), after)
        }
        None => (text, None, ""),
    }
}

/// `"bird",pid=60,fd=9),("x",pid=1,fd=2`
fn read_holders(line: Line<'_>, list: &str) -> Result<Vec<Holder>, ParseError> {
    const EXPECTED: &str = "`users:((\"NAME\",pid=N,fd=N),...)`";
    let holders = list.split("),(").map(|one| {
        let (name, rest) = one.strip_prefix('"')?.rsplit_once("\",pid=")?;
        let (pid, fd) = rest.split_once(",fd=")?;
        Some(Holder {
            name: name.to_owned(),
            pid: pid.parse().ok()?,
            fd: fd.parse().ok()?,
        })
    });
    holders.collect::<Option<Vec<_>>>().ok_or_else(|| line.error(EXPECTED))
}

/// `10.0.0.1:179`, `[::]:22`, `*:5201`, `0.0.0.0%lo:5353`, `0.0.0.0:*`
fn endpoint(word: &str) -> Option<(String, Option<String>, Option<u16>)> {
    let (address, port) = word.rsplit_once(':')?;
    let port = match port {
        "*" => None,
        port => Some(port.parse().ok()?),
    };
    let (address, dev) = address.split_once('%').map_or((address, None), |(a, d)| (a, Some(d)));
    let dev = dev.map(|d| d.trim_end_matches(']').to_owned());
    Some((address.trim_matches(['[', ']']).to_owned(), dev, port))
}
