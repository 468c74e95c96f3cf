use std::{collections::BTreeMap, net::IpAddr};

use serde::Serialize;

use super::{BgpConfig, BgpPeer};
use crate::node::Node;

/// AS number of a cluster that sets none.
const DEFAULT_AS: u32 = 64512;

/// All that decides about sessions.
#[derive(Debug, Clone, Copy)]
pub struct BgpInputs<'a> {
    pub nodes: &'a [Node],
    pub peers: &'a [BgpPeer],
    /// Every BGPConfiguration, `default` and `node.<name>`.
    pub configs: &'a [BgpConfig],
}

/// Where a session comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    Mesh,
    Global,
    Node,
}

/// A session that BIRD on a node should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedSession {
    /// BIRD's protocol name, `Mesh_198_18_0_2`.
    pub name: String,
    pub kind: SessionKind,
    pub node: String,
    pub peer_address: IpAddr,
    pub peer_port: Option<u16>,
    /// The node behind the address; none for an outside router.
    pub peer_node: Option<String>,
    /// The BGPPeer that asks for it; none for the mesh.
    pub bgp_peer: Option<String>,
    /// Made from the BGPPeer's other side.
    pub reversed: bool,
    pub local_as: u32,
    pub remote_as: u32,
    /// The AS the other node uses towards us; none for an outside router.
    pub peer_local_as: Option<u32>,
    /// What the other node expects of us; none where it has no such session.
    pub peer_expects_as: Option<u32>,
    /// Whether the other node has the session back; none for an outside router.
    pub peer_has_session: Option<bool>,
    /// Waits for the other side to dial.
    pub passive: bool,
    pub source_address: Option<IpAddr>,
    pub password: bool,
    pub filters: Vec<String>,
    pub route_reflector_client: bool,
    pub next_hop_mode: Option<String>,
}

impl ExpectedSession {
    pub fn internal(&self) -> bool {
        self.local_as == self.remote_as
    }

    /// In words, why the two sides cannot agree; none where they can, or where the other is outside.
    pub fn disagreement(&self) -> Option<String> {
        let peer = self.peer_node.as_deref()?;
        if self.peer_has_session == Some(false) {
            return Some(format!("node `{peer}` has no session back to `{}`", self.node));
        }
        if let Some(actual) = self.peer_local_as.filter(|actual| *actual != self.remote_as) {
            return Some(format!(
                "`{}` expects AS {} of `{peer}`, which uses {actual}",
                self.node, self.remote_as
            ));
        }
        let expected = self.peer_expects_as.filter(|expected| *expected != self.local_as)?;
        Some(format!(
            "`{peer}` expects AS {expected} of `{}`, which uses {}",
            self.node, self.local_as
        ))
    }
}

/// The cluster's AS number.
pub fn global_as(configs: &[BgpConfig]) -> u32 {
    config(configs, "default")
        .and_then(|config| config.as_number)
        .unwrap_or(DEFAULT_AS)
}

/// A node's AS number: its annotation, else the cluster's.
pub fn node_as(node: &Node, configs: &[BgpConfig]) -> u32 {
    node.as_number.unwrap_or_else(|| global_as(configs))
}

/// Returns BIRD's protocol name: dots and colons become underscores.
pub fn protocol_name(kind: SessionKind, address: IpAddr, port: Option<u16>) -> String {
    let prefix = match kind {
        SessionKind::Mesh => "Mesh",
        SessionKind::Global => "Global",
        SessionKind::Node => "Node",
    };
    let mut name = format!("{prefix}_{}", address.to_string().replace(['.', ':'], "_"));
    if let Some(port) = port {
        name.push_str(&format!("_port_{port}"));
    }
    name
}

/// Returns the sessions of `node` over one family, sorted by protocol name.
///
/// For each, what the other node has configured is told too, so that a mismatch shows before any
/// node is asked.
pub fn expected_sessions(node: &Node, inputs: &BgpInputs<'_>, ipv6: bool) -> Vec<ExpectedSession> {
    let mut sessions = own_sessions(node, inputs, ipv6);
    let Some(own) = node.address(ipv6) else { return sessions };
    for session in &mut sessions {
        let Some(peer) = inputs
            .nodes
            .iter()
            .find(|peer| Some(&peer.name) == session.peer_node.as_ref())
        else {
            continue;
        };
        let back: Vec<ExpectedSession> = own_sessions(peer, inputs, ipv6)
            .into_iter()
            .filter(|back| back.peer_address == own)
            .collect();
        // A mesh session answers a mesh session first.
        let back = back
            .iter()
            .find(|back| back.kind == session.kind)
            .or_else(|| back.first());
        session.peer_has_session = Some(back.is_some());
        session.peer_expects_as = back.map(|back| back.remote_as);
        session.peer_local_as = Some(back.map_or_else(|| node_as(peer, inputs.configs), |back| back.local_as));
    }
    sessions
}

fn own_sessions(node: &Node, inputs: &BgpInputs<'_>, ipv6: bool) -> Vec<ExpectedSession> {
    let mut sessions = Vec::new();
    if let Some(own) = node.address(ipv6) {
        mesh(node, own, inputs, ipv6, &mut sessions);
        explicit(node, own, inputs, ipv6, &mut sessions);
    }
    sessions.sort_by(|a, b| a.name.cmp(&b.name));
    sessions
}

fn config<'a>(configs: &'a [BgpConfig], name: &str) -> Option<&'a BgpConfig> {
    configs.iter().find(|config| config.name == name)
}

fn listen_port(node: &str, configs: &[BgpConfig]) -> Option<u16> {
    config(configs, &format!("node.{node}"))
        .and_then(|config| config.listen_port)
        .or_else(|| config(configs, "default").and_then(|config| config.listen_port))
}

fn mesh(node: &Node, own: IpAddr, inputs: &BgpInputs<'_>, ipv6: bool, sessions: &mut Vec<ExpectedSession>) {
    let default = config(inputs.configs, "default");
    if default.is_some_and(|config| !config.node_to_node_mesh_enabled) || node.route_reflector_cluster_id.is_some() {
        return;
    }
    for peer in inputs.nodes {
        let Some(address) = peer.address(ipv6).filter(|address| *address != own) else {
            continue;
        };
        if peer.route_reflector_cluster_id.is_some() {
            continue;
        }
        sessions.push(ExpectedSession {
            name: protocol_name(SessionKind::Mesh, address, None),
            kind: SessionKind::Mesh,
            node: node.name.clone(),
            peer_address: address,
            peer_port: listen_port(&peer.name, inputs.configs),
            peer_node: Some(peer.name.clone()),
            bgp_peer: None,
            reversed: false,
            local_as: node_as(node, inputs.configs),
            remote_as: node_as(peer, inputs.configs),
            peer_local_as: None,
            peer_expects_as: None,
            peer_has_session: None,
            passive: address.to_string() > own.to_string(),
            source_address: Some(own),
            password: default.is_some_and(|config| config.mesh_password),
            filters: Vec::new(),
            route_reflector_client: false,
            next_hop_mode: None,
        });
    }
}

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
}

fn explicit(node: &Node, own: IpAddr, inputs: &BgpInputs<'_>, ipv6: bool, sessions: &mut Vec<ExpectedSession>) {
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
            sessions.push(session(node, own, kind, &target, inputs, ipv6));
        }
    }
}

fn selects(peer: &BgpPeer, node: &Node) -> bool {
    match (&peer.node_selector, &peer.node) {
        (Some(selector), _) => selector.matches(&node.labels),
        (None, Some(name)) => *name == node.name,
        (None, None) => true,
    }
}

fn forward<'a>(resource: &'a BgpPeer, inputs: &BgpInputs<'_>, ipv6: bool) -> Vec<Target<'a>> {
    if let Some(selector) = &resource.peer_selector {
        return inputs
            .nodes
            .iter()
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
    let named_node = inputs.nodes.iter().any(|node| node.address(ipv6) == Some(address));
    vec![Target {
        resource,
        address,
        port,
        remote_as,
        reversed: false,
        named_node,
    }]
}

fn reverse<'a>(resource: &'a BgpPeer, node: &Node, inputs: &BgpInputs<'_>, ipv6: bool) -> Vec<Target<'a>> {
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
        .filter(|peer| selects(resource, peer))
        .filter_map(|peer| node_target(resource, peer, inputs, ipv6, true))
        .collect()
}

fn node_target<'a>(
    resource: &'a BgpPeer,
    node: &Node,
    inputs: &BgpInputs<'_>,
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
    })
}

/// The nodes that a BGPPeer's address, AS and port stand for.
fn nodes_at<'a>(address: IpAddr, remote_as: u32, port: Option<u16>, inputs: &BgpInputs<'a>) -> Vec<&'a Node> {
    inputs
        .nodes
        .iter()
        .filter(|node| node.address(false) == Some(address) || node.address(true) == Some(address))
        .filter(|node| node_as(node, inputs.configs) == remote_as)
        .filter(|node| match (port, listen_port(&node.name, inputs.configs)) {
            (Some(port), Some(listen)) => port == listen,
            _ => true,
        })
        .collect()
}

fn session(
    node: &Node,
    own: IpAddr,
    kind: SessionKind,
    target: &Target<'_>,
    inputs: &BgpInputs<'_>,
    ipv6: bool,
) -> ExpectedSession {
    let resource = target.resource;
    let peer = inputs
        .nodes
        .iter()
        .find(|peer| peer.address(ipv6) == Some(target.address));
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
    }
}
