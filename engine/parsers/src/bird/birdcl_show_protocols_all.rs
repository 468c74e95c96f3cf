//! `birdcl show protocols all` of BIRD 1.6 and 2.

use super::birdcl_show_protocols::{Protocol, ROW, is_header, row};
use super::protocol_details::{Bgp, Channel, Detail, Details};
use super::reply::{Refusal, Reply};
use crate::ParseError;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowProtocolsAll<'a> {
    pub bird_version: Option<&'a str>,
    pub refusal: Option<Refusal<'a>>,
    pub protocols: Vec<ProtocolAll<'a>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProtocolAll<'a> {
    #[serde(flatten)]
    pub summary: Protocol<'a>,
    pub description: Option<&'a str>,
    /// One per address family in BIRD 2. BIRD 1.6 has no channels: its one table is shown as one without a name.
    pub channels: Vec<Channel<'a>>,
    /// For BGP only.
    pub bgp: Option<Bgp<'a>>,
    /// Lines about the protocol that have no field of their own.
    pub other: Vec<Detail<'a>>,
}

/// Reads the output of `birdcl show protocols all [NAME]`.
///
/// Shape: as `birdcl_show_protocols`, each with its channels (route counts, filters) and its BGP session. Timers are
/// in seconds. Lines without a field of their own are kept in `other` of the part they stand in.
pub fn parse(text: &str) -> Result<ShowProtocolsAll<'_>, ParseError> {
    let mut reply = Reply::new(text);
    let mut protocols: Vec<(Protocol<'_>, Details<'_>)> = Vec::new();
    let mut header = false;
    while let Some((number, line)) = reply.next() {
        if line.trim().is_empty() {
            continue;
        }
        if is_header(line) {
            header = true;
        } else if let Some(details) = line.strip_prefix(' ').and(protocols.last_mut()) {
            details.1.line(line);
        } else if let Some(summary) = row(line) {
            protocols.push((summary, Details::default()));
        } else if !reply.refuses(line) {
            return Err(ParseError::new(number, line, ROW));
        }
    }
    if !header && !reply.answered() {
        return Err(ParseError::new(
            1,
            text.lines().next().unwrap_or_default(),
            "`BIRD VERSION ready.`",
        ));
    }
    let protocols = protocols.into_iter().map(|(summary, details)| ProtocolAll {
        summary,
        description: details.description,
        channels: details.channels,
        bgp: details.bgp,
        other: details.other,
    });
    Ok(ShowProtocolsAll {
        bird_version: reply.version,
        refusal: reply.refusal,
        protocols: protocols.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAULTY: &str = "BIRD 1.6.8 ready.
name     proto    table    state  since       info
Mesh_198_18_0_2 BGP      master   start  15:23:58    Idle          BGP Error: Bad peer AS
  Description:    Connection to BGP peer
  Preference:     100
  Input filter:   ACCEPT
  Routes:         0 imported, 1 filtered, 0 exported, 0 preferred
  Route change stats:     received   rejected   filtered    ignored   accepted
    Import withdraws:            0          0        ---          0          7
  BGP state:          Idle
    Neighbor address: 198.18.0.2
    Neighbor AS:      64512
    Error wait:       5/10
    Last error:       BGP Error: Bad peer AS
    Something new:    yes
";

    #[test]
    fn a_failed_session_keeps_its_reason() {
        let got = parse(FAULTY).unwrap();
        let protocol = &got.protocols[0];
        let bgp = protocol.bgp.as_ref().unwrap();
        assert_eq!((bgp.state, bgp.neighbor_as), (Some("Idle"), Some(64512)));
        assert_eq!(bgp.last_error, Some("BGP Error: Bad peer AS"));
        assert_eq!(bgp.error_wait.as_ref().unwrap().of_s, Some(10.0));
        assert_eq!(
            bgp.other,
            [Detail {
                name: "Something new",
                value: "yes"
            }]
        );
        let channel = &protocol.channels[0];
        assert_eq!((channel.table, channel.routes.filtered), (None, Some(1)));
        let withdraws = channel.changes.import_withdraws.as_ref().unwrap();
        assert_eq!((withdraws.filtered, withdraws.accepted), (None, Some(7)));
    }

    proptest! {
        #[test]
        fn never_panics(lines in proptest::collection::vec("[ ]{0,6}(Channel|Routes|BGP state|Hold timer|Import updates)?[ :/0-9a-z,-]{0,40}", 0..8)) {
            let _ = parse(&format!("BIRD 2.0 ready.\nm BGP --- up 1:1 x\n{}", lines.join("\n")));
        }
    }
}
