use super::{
    BgpInputs, BgpPeer, node_as,
    peering::{asks_for, selects},
    sessions::config,
};
use crate::{
    node::Node,
    selector::{Selector, explain},
};

/// Returns, in words, what keeps `node` from having a session with `peer` over one family.
///
/// The mesh first, then every BGPPeer that nearly asks for it. Empty where nothing near was found.
pub fn why_no_session(node: &Node, peer: &Node, inputs: &BgpInputs<'_>, ipv6: bool) -> Vec<String> {
    let family = if ipv6 { "IPv6" } else { "IPv4" };
    let mut why = Vec::new();
    for end in [node, peer] {
        if end.address(ipv6).is_none() {
            why.push(format!(
                "node `{}` has no annotation `projectcalico.org/{family}Address`: calico-node has not registered it",
                end.name
            ));
        }
    }
    if !why.is_empty() {
        return why;
    }
    if node.address(ipv6) == peer.address(ipv6) {
        return vec![format!("`{}` and `{}` registered one address", node.name, peer.name)];
    }
    why.extend(no_mesh(node, peer, inputs));
    for resource in inputs.peers.iter().filter(|resource| !resource.local_workload) {
        why.extend(nearly(resource, node, peer, inputs, ipv6));
    }
    why
}

fn no_mesh(node: &Node, peer: &Node, inputs: &BgpInputs<'_>) -> Option<String> {
    if config(inputs.configs, "default").is_some_and(|config| !config.node_to_node_mesh_enabled) {
        return Some("the node-to-node mesh is off (BGPConfiguration `default`)".to_owned());
    }
    let reflector = [node, peer]
        .into_iter()
        .find(|end| end.route_reflector_cluster_id.is_some())?;
    Some(format!(
        "node `{}` is a route reflector, which the mesh leaves out",
        reflector.name
    ))
}

/// Why a BGPPeer that concerns one of the two asks for no session of `node` with `peer`.
fn nearly(resource: &BgpPeer, node: &Node, peer: &Node, inputs: &BgpInputs<'_>, ipv6: bool) -> Option<String> {
    let name = &resource.name;
    let selected = selects(resource, node);
    let wanted = asks_for(resource, peer, ipv6);
    if selected && !wanted {
        let selector = resource.peer_selector.as_ref()?;
        return Some(format!(
            "BGPPeer `{name}` selects `{}`; its peerSelector `{}` does not select `{}`{}",
            node.name,
            selector.text(),
            peer.name,
            failing(selector, peer)
        ));
    }
    if !selected && wanted {
        let text = match (&resource.node_selector, &resource.node) {
            (Some(selector), _) => format!(
                "its nodeSelector `{}` does not select `{}`{}",
                selector.text(),
                node.name,
                failing(selector, node)
            ),
            (None, Some(other)) => format!("it is for node `{other}`, not for `{}`", node.name),
            (None, None) => return None,
        };
        return Some(format!("BGPPeer `{name}` peers with `{}`; {text}", peer.name));
    }
    // The other side's BGPPeer would make this one by itself.
    if selects(resource, peer) && asks_for(resource, node, ipv6) {
        if !resource.reverse_peering {
            return Some(format!(
                "BGPPeer `{name}` asks for the other direction only (reversePeering: Manual)"
            ));
        }
        let own = node_as(node, inputs.configs);
        let asked = resource.as_number.unwrap_or_else(|| super::global_as(inputs.configs));
        if resource.peer_ip.is_some() && asked != own {
            return Some(format!(
                "BGPPeer `{name}` peers with `{}` as AS {asked}, which uses {own}: no session back is made from it",
                node.name
            ));
        }
    }
    None
}

/// The terms that fail, with what the labels say instead.
fn failing(selector: &Selector, node: &Node) -> String {
    let terms = explain(selector, &node.labels);
    let words: Vec<String> = terms
        .iter()
        .map(|term| {
            let near = match (&term.has, &term.similar_label) {
                (Some(has), _) => format!("the label is `{has}`"),
                (None, Some(similar)) => format!("there is a label `{similar}`"),
                (None, None) => "there is no such label".to_owned(),
            };
            format!("`{}`: {near}", term.term)
        })
        .collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(" ({})", words.join("; "))
    }
}
