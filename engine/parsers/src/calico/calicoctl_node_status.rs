//! `calicoctl node status`.

use super::table::{cells, is_border};
use crate::{ParseError, Unparsed};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct NodeStatus<'a> {
    /// Whether it found the processes of calico-node. Some versions do not know the names of newer ones: a `false` with
    /// sessions below it is the tool's mistake.
    pub running: Option<bool>,
    pub peers: Vec<Peer<'a>>,
    /// What it said instead of a table: `No IPv6 peers found.`, `INFO: BIRDv4 process: 'bird' is not running.`
    pub messages: Vec<&'a str>,
    pub unparsed: Vec<Unparsed>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Peer<'a> {
    /// `4` or `6`.
    pub ip_version: u8,
    pub address: &'a str,
    /// `node-to-node mesh`, `node specific`, `global`.
    pub kind: &'a str,
    /// `up`, `start`, `down`, as BIRD's protocol.
    pub state: &'a str,
    /// A time of today, or a date.
    pub since: &'a str,
    pub info: &'a str,
    /// `Established`, `Idle`, `Connect`, `Active`, `Passive`, ...
    pub bgp_state: Option<&'a str>,
    /// It stays after its cause is gone: judge `state` and `since` too.
    pub last_error: Option<&'a str>,
}

/// Reads the output of `calicoctl node status`, which asks BIRD on the node it runs on.
pub fn parse(text: &str) -> Result<NodeStatus<'_>, ParseError> {
    let mut status = NodeStatus::default();
    let mut ip_version = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let known = match line {
            "IPv4 BGP status" => ip_version.replace(4).is_none_or(|v| v != 4),
            "IPv6 BGP status" => ip_version.replace(6).is_none_or(|v| v != 6),
            "Calico process is running." => status.running.replace(true).is_none(),
            "Calico process is not running." => status.running.replace(false).is_none(),
            _ if line.is_empty() || is_border(line) || line.starts_with("| PEER ADDRESS ") => true,
            _ if line.starts_with("No IPv") || line.starts_with("INFO:") || line.starts_with("None of the BGP") => {
                status.messages.push(line);
                true
            }
            _ => match (cells(line), ip_version) {
                (Some(cells), Some(version)) => {
                    let peer = peer(&cells, version);
                    status
                        .peers
                        .push(peer.ok_or_else(|| ParseError::new(index + 1, line, EXPECTED))?);
                    true
                }
                _ => false,
            },
        };
        if !known {
            status.unparsed.push(Unparsed::new(index + 1, line));
        }
    }
    if status.running.is_none() && ip_version.is_none() && status.messages.is_empty() {
        return Err(ParseError::new(
            1,
            text.lines().next().unwrap_or_default(),
            "`Calico process is running.`",
        ));
    }
    Ok(status)
}

const EXPECTED: &str = "peer address, peer type, state, since, info";

fn peer<'a>(cells: &[&'a str], ip_version: u8) -> Option<Peer<'a>> {
    let [address, kind, state, since, info] = *cells else {
        return None;
    };
    let (bgp_state, error) = info.split_once(' ').unwrap_or((info, ""));
    Some(Peer {
        ip_version,
        address,
        kind,
        state,
        since,
        info,
        bgp_state: Some(bgp_state).filter(|s| !s.is_empty()),
        last_error: Some(error.trim()).filter(|e| !e.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_failed_session_keeps_its_reason() {
        let got = parse("Calico process is not running.\n\nIPv6 BGP status\n| 2001:db8::2 | global | start | 2026-11-24 | Idle BGP Error: Bad peer AS |\n").unwrap();
        let peer = &got.peers[0];
        assert_eq!(
            (peer.ip_version, peer.bgp_state, peer.last_error),
            (6, Some("Idle"), Some("BGP Error: Bad peer AS"))
        );
        assert_eq!(got.running, Some(false));
        assert!(parse("").is_err() && parse("IPv4 BGP status\n| a | b |\n").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(IPv4 BGP status|\\||\\+-|[a-z ]{1,9}|\n){0,20}") {
            let _ = parse(&text);
        }
    }
}
