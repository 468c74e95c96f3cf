//! Sessions that BGPPeers ask for, from both of their sides.

use std::{collections::BTreeMap, net::IpAddr};

use super::{
    BgpPeer, ExpectedSession, SessionKind, global_as, node_as, protocol_name,
    sessions::{View, listen_port},
};
use crate::node::Node;

/// What a BGPPeer becomes before a node looks at it.
#[derive(Debug, Clone)]
struct Target<'a> {
    resource: &'a BgpPeer,
    address: IpAddr,
    port: Option<u16>,
    remote_as: u32,
    reversed: bool,
    /// The BGPPeer names the address, and it is a node's.
    named_node: bool,
    /// The node behind the address.
    node: Option<&'a Node>,
}

pub(super) fn explicit(node: &Node, own: IpAddr, inputs: &View<'_>, ipv6: bool, sessions: &mut Vec<ExpectedSession>) {
    let mut targets: BTreeMap<(IpAddr, Option<u16>), (SessionKind, Target<'_>)> = BTreeMap::new();
    let mut resources: Vec<&BgpPeer> = inputs.peers.iter().filter(|peer| !peer.local_workload).collect();
    resources.sort_by(|a, b| a.name.cmp(&b.name));
    let is_global = |peer: &BgpPeer| peer.node.is_none() && peer.node_selector.is_none();
    // Global ones first: a node's own one to the same address is dropped. Reverse ones last.
    for pass in [SessionKind::Global, SessionKind::Node] {
        for resource in resources
            .iter()
            .filter(|peer| is_global(peer) == (pass == SessionKind::Global))
        {
            if pass == SessionKind::Node && !selects(resource, node) {
                continue;
            }
            for target in forward(resource, inputs, ipv6) {
                targets.entry((target.address, target.port)).or_insert((pass, target));
            }
        }
    }
    for resource in resources.iter().filter(|peer| peer.reverse_peering) {
        for target in reverse(resource, node, inputs, ipv6) {
            targets
                .entry((target.address, target.port))
                .or_insert((SessionKind::Node, target));
        }
    }
    for (kind, target) in targets.into_values() {
        if target.address != own && matches!(target.address, IpAddr::V6(_)) == ipv6 {
            sessions.push(session(node, own, kind, &target, inputs));
        }
    }
}

pub(super) fn selects(peer: &BgpPeer, node: &Node) -> bool {
    match (&peer.node_selector, &peer.node) {
        (Some(selector), _) => selector.matches(&node.labels),
        (None, Some(name)) => *name == node.name,
        (None, None) => true,
    }
}

/// Does a BGPPeer name a node as the other end?
pub(super) fn asks_for(resource: &BgpPeer, node: &Node, ipv6: bool) -> bool {
    match (&resource.peer_selector, resource.peer_ip) {
        (Some(selector), _) => selector.matches(&node.labels),
        (None, address) => address.is_some() && address == node.address(ipv6),
    }
}

fn forward<'a>(resource: &'a BgpPeer, inputs: &View<'a>, ipv6: bool) -> Vec<Target<'a>> {
    if let Some(selector) = &resource.peer_selector {
        return inputs
            .nodes
            .iter()
            .copied()
            .filter(|node| selector.matches(&node.labels))
            .filter_map(|node| node_target(resource, node, inputs, ipv6, false))
            .collect();
    }
    let Some(address) = resource.peer_ip else {
        return Vec::new();
    };
    let remote_as = resource.as_number.unwrap_or_else(|| global_as(inputs.configs));
    // A port that is not given is the listen port of the Calico node behind the address.
    let port = resource.peer_port.or_else(|| {
        nodes_at(address, remote_as, None, inputs)
            .first()
            .and_then(|node| listen_port(&node.name, inputs.configs))
    });
    let named = inputs.nodes.iter().find(|node| node.address(ipv6) == Some(address));
    vec![Target {
        resource,
        address,
        port,
        remote_as,
        reversed: false,
        named_node: named.is_some(),
        node: named.copied(),
    }]
}

fn reverse<'a>(resource: &'a BgpPeer, node: &Node, inputs: &View<'a>, ipv6: bool) -> Vec<Target<'a>> {
    let is_other_side = match (&resource.peer_selector, resource.peer_ip) {
        (Some(selector), _) => selector.matches(&node.labels),
        (None, Some(address)) => {
            let remote_as = resource.as_number.unwrap_or_else(|| global_as(inputs.configs));
            matches!(address, IpAddr::V6(_)) == ipv6
                && nodes_at(address, remote_as, resource.peer_port, inputs)
                    .iter()
                    .any(|found| found.name == node.name)
        }
        (None, None) => false,
    };
    if !is_other_side {
        return Vec::new();
    }
    inputs
        .nodes
        .iter()
        .copied()
        .filter(|peer| selects(resource, peer))
        .filter_map(|peer| node_target(resource, peer, inputs, ipv6, true))
        .collect()
}

fn node_target<'a>(
    resource: &'a BgpPeer,
    node: &'a Node,
    inputs: &View<'_>,
    ipv6: bool,
    reversed: bool,
) -> Option<Target<'a>> {
    Some(Target {
        resource,
        address: node.address(ipv6)?,
        port: listen_port(&node.name, inputs.configs),
        remote_as: node_as(node, inputs.configs),
        reversed,
        named_node: false,
        node: Some(node),
    })
}

/// The nodes that a BGPPeer's address, AS and port stand for.
fn nodes_at<'a>(address: IpAddr, remote_as: u32, port: Option<u16>, inputs: &View<'a>) -> Vec<&'a Node> {
    inputs
        .nodes
        .iter()
        .copied()
        .filter(|node| node.address(false) == Some(address) || node.address(true) == Some(address))
        .filter(|node| node_as(node, inputs.configs) == remote_as)
        .filter(|node| match (port, listen_port(&node.name, inputs.configs)) {
            (Some(port), Some(listen)) => port == listen,
            _ => true,
        })
        .collect()
}

fn session(node: &Node, own: IpAddr, kind: SessionKind, target: &Target<'_>, inputs: &View<'_>) -> ExpectedSession {
    let resource = target.resource;
    let peer = target.node;
    let local_as = resource
        .local_as_number
        .unwrap_or_else(|| node_as(node, inputs.configs));
    let cluster = node.route_reflector_cluster_id.as_ref();
    let peer_cluster = peer.and_then(|peer| peer.route_reflector_cluster_id.as_ref());
    ExpectedSession {
        name: protocol_name(kind, target.address, target.port),
        kind,
        node: node.name.clone(),
        peer_address: target.address,
        peer_port: target.port,
        peer_node: peer.map(|peer| peer.name.clone()),
        bgp_peer: Some(resource.name.clone()),
        reversed: target.reversed,
        local_as,
        remote_as: target.remote_as,
        peer_local_as: None,
        peer_expects_as: None,
        peer_has_session: None,
        passive: kind == SessionKind::Global && target.named_node && target.address.to_string() > own.to_string(),
        source_address: resource.use_node_ip.then_some(own),
        password: resource.password,
        filters: resource.filters.clone(),
        route_reflector_client: cluster.is_some() && local_as == target.remote_as && peer_cluster != cluster,
        next_hop_mode: resource
            .next_hop_mode
            .clone()
            .or_else(|| resource.keep_original_next_hop.then(|| "Keep".to_owned())),
        ttl_security: resource.ttl_security,
        allowed_local_as: resource.num_allowed_local_as_numbers,
    }
}
