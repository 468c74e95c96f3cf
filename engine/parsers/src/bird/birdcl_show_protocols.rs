//! `birdcl show protocols` of BIRD 1.6 and 2.

use super::reply::{Refusal, Reply, since, word};
use crate::ParseError;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowProtocols<'a> {
    /// From the greeting: `1.6.8`, `2.0.12`, `v0.3.3+birdv1.6.8`.
    pub bird_version: Option<&'a str>,
    /// Why there is no table, where there is none.
    pub refusal: Option<Refusal<'a>>,
    pub protocols: Vec<Protocol<'a>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Protocol<'a> {
    /// `Mesh_10_0_0_12`, `Node_10_0_0_12`, `kernel1`.
    pub name: &'a str,
    /// `BGP`, `Kernel`, `Static`, `Device`, `Direct`.
    pub proto: &'a str,
    /// `null` where BIRD prints `---`: BIRD 2 has one table per channel.
    pub table: Option<&'a str>,
    /// `up`, `start`, `down`, `feed`, `flush`, `stop`.
    pub state: &'a str,
    /// As printed: a time of today, or a date. It is the time of the last change of state.
    pub since: &'a str,
    pub info: Option<&'a str>,
    /// State of the BGP session: `Established`, `Idle`, `Connect`, `Active`, `Passive`, `OpenSent`, `OpenConfirm`, `Down`.
    pub bgp_state: Option<&'a str>,
    /// The last error, which BIRD keeps showing after its cause is gone: judge `state` and `since` too.
    pub last_error: Option<&'a str>,
}

pub(super) const ROW: &str = "name, protocol, table, state, since, info";

/// Reads the output of `birdcl show protocols`.
///
/// Shape: one entry per protocol, in BIRD's order. Answers read from the control socket itself are understood too.
pub fn parse(text: &str) -> Result<ShowProtocols<'_>, ParseError> {
    let mut reply = Reply::new(text);
    let mut protocols = Vec::new();
    let mut header = false;
    while let Some((number, line)) = reply.next() {
        if line.trim().is_empty() {
            continue;
        }
        if is_header(line) {
            header = true;
        } else if !reply.refuses(line) {
            protocols.push(row(line).ok_or_else(|| ParseError::new(number, line, ROW))?);
        }
    }
    if !header && !reply.answered() {
        return Err(ParseError::new(
            1,
            text.lines().next().unwrap_or_default(),
            "`BIRD VERSION ready.`",
        ));
    }
    Ok(ShowProtocols {
        bird_version: reply.version,
        refusal: reply.refusal,
        protocols,
    })
}

pub(super) fn is_header(line: &str) -> bool {
    line.split_ascii_whitespace()
        .map(str::to_ascii_lowercase)
        .eq(["name", "proto", "table", "state", "since", "info"])
}

/// `Mesh_198_18_0_2 BGP      master   start  15:23:58    Idle          BGP Error: Bad peer AS`
pub(super) fn row(line: &str) -> Option<Protocol<'_>> {
    if line.starts_with(char::is_whitespace) {
        return None;
    }
    let (name, rest) = word(line);
    let (proto, rest) = word(rest);
    let (table, rest) = word(rest);
    let (state, rest) = word(rest);
    let known = matches!(state, "up" | "start" | "down" | "feed" | "flush" | "stop");
    let (since, info) = since(rest);
    if !known || since.is_empty() {
        return None;
    }
    let info = Some(info.trim()).filter(|i| !i.is_empty());
    let (bgp_state, last_error) = match info {
        Some(info) if proto == "BGP" => {
            let (state, error) = word(info);
            (Some(state), Some(error.trim()).filter(|e| !e.is_empty()))
        }
        _ => (None, None),
    };
    let table = Some(table).filter(|t| *t != "---");
    Some(Protocol {
        name,
        proto,
        table,
        state,
        since,
        info,
        bgp_state,
        last_error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_socket_itself() {
        let text = "0001 BIRD v0.3.3+birdv1.6.8 ready.\n2002-name     proto    table    state  since       info\n\
                    1002-kernel1  Kernel   master   up     2026-11-24 15:33:12    \n Mesh_1 BGP --- start Nov24 Active  Socket: x\n0000 \n";
        let got = parse(text).unwrap();
        assert_eq!(got.bird_version, Some("v0.3.3+birdv1.6.8"));
        assert_eq!(got.protocols[0].since, "2026-11-24 15:33:12");
        let mesh = &got.protocols[1];
        assert_eq!((mesh.table, mesh.since), (None, "Nov24"));
        assert_eq!((mesh.bgp_state, mesh.last_error), (Some("Active"), Some("Socket: x")));
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let got = parse("Unable to connect to server control socket (/run/bird.ctl): Connection refused\n").unwrap();
        assert_eq!(got.refusal.unwrap().kind, super::super::reply::RefusalKind::NoDaemon);
    }

    #[test]
    fn silence_is_not_an_answer() {
        assert!(parse("").is_err());
        assert_eq!(parse("BIRD 1.6.8 ready.\nMesh_1 BGP up\n").unwrap_err().line, 2);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}", row in "(0000[ -])?[ A-Za-z0-9:_-]{0,80}") {
            let _ = parse(&text);
            let _ = parse(&format!("BIRD 1.6.8 ready.\n{row}\n"));
        }
    }
}
