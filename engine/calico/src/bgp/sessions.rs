use std::net::IpAddr;

use serde::Serialize;

use super::{BgpConfig, BgpPeer, peering};
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

/// The same with the nodes that matter: a session depends on its two ends only.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) nodes: &'a [&'a Node],
    pub(super) peers: &'a [BgpPeer],
    pub(super) configs: &'a [BgpConfig],
}

impl<'a> BgpInputs<'a> {
    pub(super) fn view(&self, nodes: &'a [&'a Node]) -> View<'a> {
        View {
            nodes,
            peers: self.peers,
            configs: self.configs,
        }
    }
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
    /// Hops that the other side may be away; none where TTLs are not looked at.
    pub ttl_security: Option<u8>,
    /// How often our own AS may stand in a path that we take.
    pub allowed_local_as: u32,
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
    let nodes: Vec<&Node> = inputs.nodes.iter().collect();
    let mut sessions = own_sessions(node, &inputs.view(&nodes), ipv6);
    let by_name: std::collections::HashMap<&str, &Node> =
        nodes.iter().map(|node| (node.name.as_str(), *node)).collect();
    for session in &mut sessions {
        let Some(peer) = session.peer_node.as_deref().and_then(|name| by_name.get(name)) else {
            continue;
        };
        let back = session_back(session, node, peer, inputs, ipv6);
        session.peer_has_session = Some(back.is_some());
        session.peer_expects_as = back.as_ref().map(|back| back.remote_as);
        session.peer_local_as = Some(back.map_or_else(|| node_as(peer, inputs.configs), |back| back.local_as));
    }
    sessions
}

/// Returns the session that `peer` has with `node`: the other end of `session`, one of `node`.
fn session_back(
    session: &ExpectedSession,
    node: &Node,
    peer: &Node,
    inputs: &BgpInputs<'_>,
    ipv6: bool,
) -> Option<ExpectedSession> {
    let own = node.address(ipv6)?;
    let both = [node, peer];
    let mut back = own_sessions(peer, &inputs.view(&both), ipv6);
    back.retain(|back| back.peer_address == own);
    // A mesh session answers a mesh session first.
    let at = back.iter().position(|back| back.kind == session.kind).unwrap_or(0);
    (at < back.len()).then(|| back.swap_remove(at))
}

pub(super) fn own_sessions(node: &Node, view: &View<'_>, ipv6: bool) -> Vec<ExpectedSession> {
    let mut sessions = Vec::new();
    if let Some(own) = node.address(ipv6) {
        mesh(node, own, view, ipv6, &mut sessions);
        peering::explicit(node, own, view, ipv6, &mut sessions);
    }
    sessions.sort_by(|a, b| a.name.cmp(&b.name));
    sessions
}

pub(super) fn config<'a>(configs: &'a [BgpConfig], name: &str) -> Option<&'a BgpConfig> {
    configs.iter().find(|config| config.name == name)
}

pub(super) fn listen_port(node: &str, configs: &[BgpConfig]) -> Option<u16> {
    config(configs, &format!("node.{node}"))
        .and_then(|config| config.listen_port)
        .or_else(|| config(configs, "default").and_then(|config| config.listen_port))
}

fn mesh(node: &Node, own: IpAddr, inputs: &View<'_>, ipv6: bool, sessions: &mut Vec<ExpectedSession>) {
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
            ttl_security: None,
            allowed_local_as: 0,
        });
    }
}
