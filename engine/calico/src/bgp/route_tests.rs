//! Imports, ways, blocks, and why a session is not there.

use serde_json::{Value, json};

use super::{
    tests::{config, node, nodes, peers},
    *,
};
use crate::{cluster::Cluster, object::read_list, path::PathOptions};

fn inputs<'a>(nodes: &'a [crate::node::Node], peers: &'a [BgpPeer], config: &'a BgpConfig) -> BgpInputs<'a> {
    BgpInputs {
        nodes,
        peers,
        configs: std::slice::from_ref(config),
    }
}

#[test]
fn imports() {
    let config = config(json!({}));
    let nodes = nodes();
    let peers = peers(&[(
        "tor",
        json!({"peerIP": "198.51.100.1", "asNumber": 65500, "filters": ["f"]}),
    )]);
    let mut session = expected_sessions(&nodes[0], &inputs(&nodes, &peers, &config), false).remove(0);
    assert_eq!(session.name, "Global_198_51_100_1");
    let filters = read_list::<BgpFilter>(&json!([{"metadata": {"name": "f"}, "spec": {"importV4": [
        {"action": "Accept", "matchOperator": "In", "cidr": "10.66.0.0/16", "prefixLength": {"max": 26}},
        {"action": "Reject", "matchOperator": "In", "cidr": "10.66.0.0/16"},
        {"action": "Accept", "matchOperator": "In", "cidr": "10.67.0.0/16", "asPathPrefix": [1]},
    ]}}]))
    .items;
    let judge = |session: &ExpectedSession, prefix: &str, path: &[u32]| {
        let verdict = import_verdict(prefix.parse().unwrap(), path, session, &filters);
        (verdict.decision, verdict.rule)
    };
    assert_eq!(
        judge(&session, "10.66.1.0/26", &[65500]),
        (ImportDecision::Accept, "bgp_filter")
    );
    assert_eq!(
        judge(&session, "10.66.1.7/32", &[65500]),
        (ImportDecision::Reject, "bgp_filter")
    );
    assert_eq!(
        judge(&session, "10.67.1.0/26", &[65500]),
        (ImportDecision::Unknown, "bgp_filter")
    );
    assert_eq!(
        judge(&session, "10.68.1.0/26", &[65500]),
        (ImportDecision::Accept, "default")
    );
    assert_eq!(
        judge(&session, "10.66.1.0/26", &[65500, 64512]),
        (ImportDecision::Reject, "as_loop")
    );
    session.allowed_local_as = 1;
    assert_eq!(
        judge(&session, "10.66.1.0/26", &[65500, 64512]),
        (ImportDecision::Accept, "bgp_filter")
    );
}

#[test]
fn ways_direct_reflected_and_outside() {
    let off = config(json!({"nodeToNodeMeshEnabled": false}));
    let same_as = |name: &str, address: &str| node(name, address, Value::Null);
    let all = vec![
        same_as("a", "192.0.2.1/24"),
        same_as("b", "192.0.2.2/24"),
        nodes().remove(2),
    ];
    let kinds = |specs: &[(&str, Value)], config: &BgpConfig| {
        let peers = peers(specs);
        let way = way(&all[0], &all[1], &inputs(&all, &peers, config), false);
        (
            way.kind,
            way.hops.iter().map(|hop| hop.session.clone()).collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        kinds(&[], &config(json!({}))),
        (WayKind::Direct, vec!["Mesh_192_0_2_2".into()])
    );
    assert_eq!(kinds(&[], &off), (WayKind::None, vec![]));
    let reflected = [(
        "clients",
        json!({"nodeSelector": "rr == 'false'", "peerSelector": "rr == 'true'"}),
    )];
    assert_eq!(
        kinds(&reflected, &off),
        (WayKind::Relayed, vec!["Node_192_0_2_9".into(), "Node_192_0_2_2".into()])
    );
    let tor = [("tor", json!({"peerIP": "198.51.100.1", "asNumber": 65500}))];
    let (kind, hops) = kinds(&tor, &off);
    assert_eq!((kind, hops.len()), (WayKind::Outside, 2));
    // A node that is no reflector does not pass on what it learned inside of its AS.
    let chain = [
        ("x", json!({"node": "a", "peerIP": "192.0.2.9"})),
        ("y", json!({"node": "b", "peerIP": "192.0.2.9"})),
    ];
    let mut plain = all.clone();
    plain[2].route_reflector_cluster_id = None;
    let peers = peers(&chain);
    assert_eq!(
        way(&plain[0], &plain[1], &inputs(&plain, &peers, &off), false).kind,
        WayKind::None
    );
}

#[test]
fn why_there_is_no_session() {
    let off = config(json!({"nodeToNodeMeshEnabled": false}));
    let nodes = nodes();
    let why = |from: usize, to: usize, specs: &[(&str, Value)]| {
        let peers = peers(specs);
        why_no_session(&nodes[from], &nodes[to], &inputs(&nodes, &peers, &off), false)
    };
    assert_eq!(
        why(0, 1, &[]),
        ["the node-to-node mesh is off (BGPConfiguration `default`)"]
    );
    let typo = [(
        "p",
        json!({"nodeSelector": "rrr == 'false'", "peerSelector": "rr == 'true'"}),
    )];
    assert_eq!(
        why(0, 2, &typo)[1],
        "BGPPeer `p` peers with `rr`; its nodeSelector `rrr == 'false'` does not select `a` (`rrr == \"false\"`: there is a label `rr`)"
    );
    let manual = [(
        "p",
        json!({"node": "b", "peerIP": "192.0.2.1", "reversePeering": "Manual"}),
    )];
    assert!(why(0, 1, &manual)[1].contains("reversePeering: Manual"));
    let other_as = [("p", json!({"node": "a", "peerIP": "192.0.2.2", "asNumber": 64513}))];
    assert!(why(1, 0, &other_as)[1].contains("as AS 64513, which uses 65001"));
    let mut unregistered = nodes.clone();
    unregistered[1].ipv4 = None;
    let reasons = why_no_session(
        &unregistered[0],
        &unregistered[1],
        &inputs(&unregistered, &[], &off),
        false,
    );
    assert!(reasons[0].contains("has not registered"));
}

fn list(kind: &str, items: Value) -> Value {
    json!({"kind": format!("{kind}List"), "apiVersion": "crd.projectcalico.org/v1", "items": items})
}

fn cluster(affinity_of: &str, state: &str) -> Cluster {
    let nodes = ["a", "b"].iter().enumerate().map(|(at, name)| {
        let address = format!("192.0.2.{}/24", at + 1);
        json!({"metadata": {"name": name, "annotations": {"projectcalico.org/IPv4Address": address}}})
    });
    let attribute = json!({"handle_id": "h", "secondary": {"namespace": "shop", "pod": "web-0", "node": "b"}});
    let block = json!({"metadata": {"name": "x"}, "spec": {"cidr": "10.66.1.0/26", "affinity": "host:a",
        "allocations": [0, null], "unallocated": [1], "attributes": [attribute]}});
    let affinity =
        json!({"metadata": {"name": "y"}, "spec": {"cidr": "10.66.1.0/26", "node": affinity_of, "state": state}});
    Cluster::load(&[
        json!({"kind": "NodeList", "apiVersion": "v1", "items": nodes.collect::<Vec<_>>()}),
        list(
            "IPPool",
            json!([{"metadata": {"name": "p"}, "spec": {"cidr": "10.66.0.0/16"}}]),
        ),
        list("IPAMBlock", json!([block])),
        list("BlockAffinity", json!([affinity])),
    ])
}

#[test]
fn blocks_and_their_claims() {
    let good = block_routes(&cluster("a", "confirmed"));
    assert_eq!((good[0].contradiction.as_deref(), good[0].in_progress), (None, false));
    assert_eq!(good[0].borrowed[0].pod, "shop/web-0");
    let foreign = block_routes(&cluster("b", "confirmed"));
    assert_eq!(
        foreign[0].contradiction.as_deref(),
        Some("the IPAMBlock 10.66.1.0/26 belongs to `a`, the affinity to `b`")
    );
    let pending = block_routes(&cluster("a", "pending"));
    assert!(pending[0].in_progress && pending[0].contradiction.is_some());
}

#[test]
fn routes_that_a_node_lacks() {
    let cluster = cluster("a", "confirmed");
    let blocks = block_routes(&cluster);
    let missing = |node: &str, routes: &[(&str, &str)]| -> Vec<(String, Option<String>)> {
        let routes: Vec<SeenRoute> = routes
            .iter()
            .map(|(prefix, kind)| SeenRoute {
                prefix: prefix.parse().unwrap(),
                kind: (*kind).to_owned(),
            })
            .collect();
        let node = cluster.node(node).unwrap();
        missing_routes(&cluster, &blocks, node, &routes, &PathOptions::default())
            .into_iter()
            .map(|found| (found.prefix.to_string(), found.instead))
            .collect()
    };
    assert_eq!(missing("b", &[("10.66.1.0/26", "unicast")]), []);
    assert_eq!(
        missing("b", &[("10.66.1.0/26", "blackhole")]),
        [("10.66.1.0/26".to_owned(), Some("blackhole".to_owned()))]
    );
    // The block's own node needs the way to the address that another one borrowed.
    assert_eq!(missing("a", &[]), [("10.66.1.0/32".to_owned(), None)]);
}
