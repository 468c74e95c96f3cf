//! What the probes of calico-node print (`calico-node -felix-ready -bird-ready`), also as the kubelet quotes them in events.

use crate::ParseError;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalicoNodeProbe<'a> {
    /// Whether the probe passed: it prints nothing then. It passes with no BGP peer, and soon after the start with one.
    pub passed: bool,
    /// Why it failed; one reason, as the probe stops at the first.
    pub reason: Option<Reason<'a>>,
    /// From the log line that the probe prints on the way.
    pub peers_established: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason<'a> {
    pub kind: ReasonKind,
    /// `felix`, `bird`, `bird6` or `bird/confd`, in lower case.
    pub component: String,
    /// Addresses of the peers without a session.
    pub peers: Vec<&'a str>,
    /// The service that does not run: `bird`, `confd`, `felix`.
    pub service: Option<&'a str>,
    /// What the health server of Felix answered.
    pub http_status: Option<u16>,
    /// The text behind `calico/node is not ready: `.
    pub message: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    BgpNotEstablished,
    GracefulRestart,
    /// BIRD's control socket does not answer: BIRD is not running.
    SocketUnreachable,
    /// `/var/lib/calico/nodename` is missing: calico-node never finished its start.
    NodenameMissing,
    /// Felix answers and is not well.
    BadStatus,
    /// Nobody listens on Felix' health port.
    NoAnswer,
    ServiceNotRunning,
    Other,
}

const MARK: &str = "calico/node is not ready: ";
const ESTABLISHED: &str = "Number of node(s) with BGP peering established = ";

/// Reads what a readiness or liveness probe of calico-node printed, or the message of the event about it.
///
/// An empty text is a passed probe: look at the exit code too. Log lines before the reason are skipped.
pub fn parse(text: &str) -> Result<CalicoNodeProbe<'_>, ParseError> {
    let peers_established = text.split(ESTABLISHED).nth(1).and_then(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    });
    let reason = text.find(MARK).map(|at| reason(text[at + MARK.len()..].trim()));
    for (index, line) in text.lines().enumerate() {
        let known = line.trim().is_empty() || line.contains(MARK) || line.contains(ESTABLISHED);
        // Behind the mark everything belongs to the reason.
        if line.contains(MARK) {
            break;
        }
        if !known {
            return Err(ParseError::new(
                index + 1,
                line,
                "nothing, or `calico/node is not ready: REASON`",
            ));
        }
    }
    Ok(CalicoNodeProbe {
        passed: reason.is_none(),
        reason,
        peers_established,
    })
}

/// `BIRD is not ready: BGP not established with 198.18.0.1,198.18.0.3`
fn reason(message: &str) -> Reason<'_> {
    let (component, text) = message.split_once(" is not ").unwrap_or(("", message));
    let mut reason = Reason {
        kind: ReasonKind::Other,
        component: component.to_lowercase(),
        peers: Vec::new(),
        service: None,
        http_status: None,
        message,
    };
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    reason.kind = if let Some(peers) = after("BGP not established with ") {
        reason.peers = peers.split([',', ' ', '\n']).filter(|p| !p.is_empty()).collect();
        ReasonKind::BgpNotEstablished
    } else if text.contains("raceful restart") {
        ReasonKind::GracefulRestart
    } else if text.contains("nodename file") {
        ReasonKind::NodenameMissing
    } else if text.contains("error querying BIRD") {
        ReasonKind::SocketUnreachable
    } else if let Some(status) = after("probe reporting ") {
        reason.http_status = status.get(..3).and_then(|s| s.parse().ok());
        ReasonKind::BadStatus
    } else if let Some((service, _)) = after("service ").and_then(|s| s.split_once(" is not running")) {
        reason.service = Some(service);
        ReasonKind::ServiceNotRunning
    } else if text.contains("Get \"http") {
        ReasonKind::NoAnswer
    } else {
        ReasonKind::Other
    };
    reason
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_event_of_the_kubelet_is_understood() {
        let text = "Readiness probe failed: 2026-08-22 10:22:31.123 [INFO][57] confd/health.go 180: \
                    Number of node(s) with BGP peering established = 1\ncalico/node is not ready: BIRD is not ready: \
                    BGP not established with 192.0.2.2,192.0.2.3\n";
        let got = parse(text).unwrap();
        assert_eq!((got.passed, got.peers_established), (false, Some(1)));
        assert_eq!(got.reason.unwrap().peers, ["192.0.2.2", "192.0.2.3"]);
    }

    #[test]
    fn every_reason_has_its_kind() {
        let kind = |text: &str| parse(&format!("{MARK}{text}")).unwrap().reason.unwrap().kind;
        assert_eq!(
            kind("BIRD is not ready: graceful restart in progress"),
            ReasonKind::GracefulRestart
        );
        assert_eq!(
            kind("BIRD is not ready: failed to stat() nodename file: x"),
            ReasonKind::NodenameMissing
        );
        assert_eq!(
            kind("felix is not ready: readiness probe reporting 503"),
            ReasonKind::BadStatus
        );
        assert_eq!(
            kind("bird/confd is not live: service confd is not running. Out"),
            ReasonKind::ServiceNotRunning
        );
        assert_eq!(
            kind("Felix is not live: Get \"http://localhost:9099/liveness\": x"),
            ReasonKind::NoAnswer
        );
        assert!(parse("").unwrap().passed);
        assert!(parse("command terminated with exit code 137").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(calico/node is not ready: |probe reporting |service |[a-zé0-9, \n]){0,12}") {
            let _ = parse(&text);
        }
    }
}
