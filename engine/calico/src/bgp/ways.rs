//! The way that a route of one node can take to another: direct, over reflectors, or over routers outside.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::IpAddr,
};

use serde::Serialize;

use super::{
    BgpInputs, ExpectedSession,
    sessions::{View, own_sessions},
};
use crate::node::Node;

/// One session that the route crosses, from the side that tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    pub from: String,
    /// The next node; none for a router outside.
    pub to: Option<String>,
    pub to_address: IpAddr,
    /// The teller's session, by its name in BIRD.
    pub session: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WayKind {
    /// A session between the two.
    Direct,
    /// Over other nodes of the cluster.
    Relayed,
    /// Both have sessions with routers outside; what those pass on is not known.
    Outside,
    /// No chain of sessions leads there.
    None,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    pub kind: WayKind,
    /// For `Outside`: the teller's sessions outwards, then the receiver's.
    pub hops: Vec<Hop>,
}

/// How a node has the route that it may pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Learned {
    Own,
    External,
    FromClient,
    Internal,
}

/// Nodes that are asked for their sessions before the search is given up.
const MOST: usize = 500;

/// Returns the shortest way of a route of `from` to `to` over one family.
///
/// BGP passes on what a node has itself or learned from another AS to everybody; what it learned inside of the AS only to
/// another AS, and, where it is a reflector, from its clients to all and from others to its clients.
pub fn way(from: &Node, to: &Node, inputs: &BgpInputs<'_>, ipv6: bool) -> Way {
    let nodes: Vec<&Node> = inputs.nodes.iter().collect();
    let view = inputs.view(&nodes);
    let by_name: HashMap<&str, &Node> = nodes.iter().map(|node| (node.name.as_str(), *node)).collect();
    let mut seen: HashSet<(&str, Learned)> = HashSet::from([(from.name.as_str(), Learned::Own)]);
    let mut queue: VecDeque<(&Node, Learned, Vec<Hop>)> = VecDeque::from([(from, Learned::Own, vec![])]);
    let mut asked = 0;
    while let Some((node, learned, hops)) = queue.pop_front() {
        asked += 1;
        if asked > MOST {
            break;
        }
        for session in own_sessions(node, &view, ipv6) {
            if !passes(learned, &session) {
                continue;
            }
            let Some(peer) = session.peer_node.as_deref().and_then(|name| by_name.get(name)) else {
                continue;
            };
            let Some(back) = back(node, peer, &view, ipv6) else {
                continue;
            };
            let mut hops = hops.clone();
            hops.push(hop(node, &session));
            if peer.name == to.name {
                let kind = if hops.len() == 1 {
                    WayKind::Direct
                } else {
                    WayKind::Relayed
                };
                return Way { kind, hops };
            }
            let learned = match (back.internal(), back.route_reflector_client) {
                (false, _) => Learned::External,
                (true, true) => Learned::FromClient,
                (true, false) => Learned::Internal,
            };
            if seen.insert((peer.name.as_str(), learned)) {
                queue.push_back((peer, learned, hops));
            }
        }
    }
    outside(from, to, &view, ipv6)
}

fn passes(learned: Learned, session: &ExpectedSession) -> bool {
    match learned {
        Learned::Own | Learned::External | Learned::FromClient => true,
        Learned::Internal => !session.internal() || session.route_reflector_client,
    }
}

fn back(node: &Node, peer: &Node, view: &View<'_>, ipv6: bool) -> Option<ExpectedSession> {
    let own = node.address(ipv6)?;
    let both = [node, peer];
    let pair = View { nodes: &both, ..*view };
    own_sessions(peer, &pair, ipv6)
        .into_iter()
        .find(|back| back.peer_address == own)
}

fn hop(node: &Node, session: &ExpectedSession) -> Hop {
    Hop {
        from: node.name.clone(),
        to: session.peer_node.clone(),
        to_address: session.peer_address,
        session: session.name.clone(),
    }
}

fn outside(from: &Node, to: &Node, view: &View<'_>, ipv6: bool) -> Way {
    let outward = |node: &Node| -> Vec<Hop> {
        own_sessions(node, view, ipv6)
            .iter()
            .filter(|session| session.peer_node.is_none())
            .map(|session| hop(node, session))
            .collect()
    };
    let (mut hops, arriving) = (outward(from), outward(to));
    if hops.is_empty() || arriving.is_empty() {
        return Way {
            kind: WayKind::None,
            hops: vec![],
        };
    }
    hops.extend(arriving);
    Way {
        kind: WayKind::Outside,
        hops,
    }
}
