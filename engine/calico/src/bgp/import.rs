use ipnet::IpNet;
use serde::Serialize;

use super::{BgpFilter, ExpectedSession, FilterAction, FilterOutcome, PeerType, RouteFacts, evaluate_filters};

/// Whether a prefix is taken from a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportDecision {
    Accept,
    Reject,
    Unknown,
}

/// The decision and the rule that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportVerdict {
    pub prefix: IpNet,
    pub decision: ImportDecision,
    /// `as_loop`, `bgp_filter` or `default`.
    pub rule: &'static str,
    pub because: String,
}

/// Returns what `session`'s node does with a prefix that its peer tells it with the path `as_path`.
///
/// BIRD looks for its own AS first; then the session's BGPFilters decide, and without one everything is taken.
pub fn import_verdict(
    prefix: IpNet,
    as_path: &[u32],
    session: &ExpectedSession,
    filters: &[BgpFilter],
) -> ImportVerdict {
    let verdict = |decision, rule, because: String| ImportVerdict {
        prefix,
        decision,
        rule,
        because,
    };
    let seen = as_path.iter().filter(|number| **number == session.local_as).count();
    if seen > session.allowed_local_as as usize {
        let because = format!(
            "our own AS {} is {seen} times in the path, {} allowed",
            session.local_as, session.allowed_local_as
        );
        return verdict(ImportDecision::Reject, "as_loop", because);
    }
    let facts = RouteFacts {
        prefix,
        from_peer: true,
        interface: None,
        peer_type: if session.internal() {
            PeerType::Ibgp
        } else {
            PeerType::Ebgp
        },
    };
    match evaluate_filters(&session.filters, filters, false, &facts) {
        FilterOutcome::Decided { action, filter, rule } => {
            let decision = match action {
                FilterAction::Accept => ImportDecision::Accept,
                FilterAction::Reject => ImportDecision::Reject,
            };
            let because = format!("import rule {rule} of BGPFilter `{filter}`: {action:?}");
            verdict(decision, "bgp_filter", because)
        }
        FilterOutcome::Unknown { filter, rule, reason } => {
            let because = format!("import rule {rule} of BGPFilter `{filter}`: {reason}");
            verdict(ImportDecision::Unknown, "bgp_filter", because)
        }
        FilterOutcome::NoMatch => verdict(
            ImportDecision::Accept,
            "default",
            "no filter of the session concerns it: Calico takes everything".to_owned(),
        ),
    }
}
