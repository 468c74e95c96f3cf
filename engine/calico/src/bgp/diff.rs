use std::net::IpAddr;

use serde::Serialize;

use super::ExpectedSession;

/// A BGP protocol as BIRD shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenSession {
    pub name: String,
    /// `Established`, `Active`, `Idle`, …; none where BIRD shows none.
    pub state: Option<String>,
    /// Text after the state, or `Last error`.
    pub error: Option<String>,
    pub neighbor_address: Option<IpAddr>,
    pub neighbor_as: Option<u32>,
}

/// What is wrong with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionProblem {
    NotConfigured,
    NotExpected,
    NotEstablished,
    /// BIRD dials another AS than the API objects say: confd is stale.
    NeighborAs,
    /// The two nodes' configurations contradict each other.
    Disagreement,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionDiff {
    pub session: String,
    pub problem: SessionProblem,
    pub state: Option<String>,
    pub sentence: String,
}

/// Compares the sessions that should be with BIRD's; empty where they agree.
pub fn diff_sessions(expected: &[ExpectedSession], seen: &[SeenSession]) -> Vec<SessionDiff> {
    let mut diffs = Vec::new();
    let mut push = |session: &str, problem, state: Option<&String>, sentence: String| {
        diffs.push(SessionDiff {
            session: session.to_owned(),
            problem,
            state: state.cloned(),
            sentence,
        });
    };
    for session in expected {
        let name = &session.name;
        let peer = session
            .peer_node
            .as_deref()
            .map_or_else(String::new, |node| format!(" (node `{node}`)"));
        if let Some(sentence) = session.disagreement() {
            push(name, SessionProblem::Disagreement, None, sentence);
        }
        let Some(found) = seen.iter().find(|found| found.name == *name) else {
            let sentence = format!("BIRD has no protocol `{name}` to {}{peer}", session.peer_address);
            push(name, SessionProblem::NotConfigured, None, sentence);
            continue;
        };
        if let Some(neighbor) = found.neighbor_as.filter(|neighbor| *neighbor != session.remote_as) {
            let sentence = format!(
                "`{name}` dials AS {neighbor}, the API objects say {}",
                session.remote_as
            );
            push(name, SessionProblem::NeighborAs, found.state.as_ref(), sentence);
        }
        if found.state.as_deref() != Some("Established") {
            let state = found.state.as_deref().unwrap_or("without a state");
            let error = found.error.as_deref().filter(|error| !error.is_empty());
            let error = error.map_or_else(String::new, |error| format!(", `{error}`"));
            let sentence = format!(
                "`{name}` to {}{peer} is {state}, not Established{error}",
                session.peer_address
            );
            push(name, SessionProblem::NotEstablished, found.state.as_ref(), sentence);
        }
    }
    for found in seen
        .iter()
        .filter(|found| !expected.iter().any(|session| session.name == found.name))
    {
        // Sessions with pods are asked for by other means.
        if !found.name.starts_with("Local_Workload_") {
            let sentence = format!(
                "BIRD has a protocol `{}` that no BGPPeer and no mesh asks for",
                found.name
            );
            push(&found.name, SessionProblem::NotExpected, found.state.as_ref(), sentence);
        }
    }
    diffs
}
