use serde_json::{Value, json};

use super::*;
use crate::{
    node::Node,
    object::{Object, read_list},
    pool::{BlockAffinity, IpPool},
};

pub(super) fn node(name: &str, address: &str, extra: Value) -> Node {
    let mut annotations = json!({"projectcalico.org/IPv4Address": address});
    if let (Some(all), Value::Object(extra)) = (annotations.as_object_mut(), extra) {
        all.extend(extra);
    }
    let labels = json!({"kubernetes.io/hostname": name, "rr": (name == "rr").to_string()});
    Node::from_value(&json!({"metadata": {"name": name, "labels": labels, "annotations": annotations}})).unwrap()
}

pub(super) fn nodes() -> Vec<Node> {
    vec![
        node("a", "192.0.2.1/24", Value::Null),
        node("b", "192.0.2.2/24", json!({"projectcalico.org/ASNumber": "65001"})),
        node(
            "rr",
            "192.0.2.9/24",
            json!({"projectcalico.org/RouteReflectorClusterID": "1.0.0.1"}),
        ),
    ]
}

pub(super) fn peers(specs: &[(&str, Value)]) -> Vec<BgpPeer> {
    specs
        .iter()
        .map(|(name, spec)| BgpPeer::from_value(&json!({"metadata": {"name": name}, "spec": spec})).unwrap())
        .collect()
}

pub(super) fn config(spec: Value) -> BgpConfig {
    BgpConfig::from_value(&json!({"metadata": {"name": "default"}, "spec": spec})).unwrap()
}

fn sessions(of: &str, peers: &[BgpPeer], config: &BgpConfig) -> Vec<ExpectedSession> {
    let nodes = nodes();
    let inputs = BgpInputs {
        nodes: &nodes,
        peers,
        configs: std::slice::from_ref(config),
    };
    expected_sessions(nodes.iter().find(|node| node.name == of).unwrap(), &inputs, false)
}

fn names(sessions: &[ExpectedSession]) -> Vec<&str> {
    sessions.iter().map(|session| session.name.as_str()).collect()
}

#[test]
fn mesh_leaves_out_reflectors() {
    let config = config(json!({"asNumber": "64500"}));
    let a = sessions("a", &[], &config);
    assert_eq!(names(&a), ["Mesh_192_0_2_2"]);
    assert_eq!((a[0].local_as, a[0].remote_as, a[0].passive), (64500, 65001, true));
    assert_eq!(
        (a[0].peer_local_as, a[0].peer_expects_as, a[0].disagreement()),
        (Some(65001), Some(64500), None)
    );
    assert!(!sessions("b", &[], &config)[0].passive);
    assert!(sessions("rr", &[], &config).is_empty());
    assert!(sessions("a", &[], &self::config(json!({"nodeToNodeMeshEnabled": false}))).is_empty());
}

#[test]
fn peer_selector_makes_both_sides() {
    let config = config(json!({"nodeToNodeMeshEnabled": false}));
    let peers = peers(&[(
        "clients",
        json!({"nodeSelector": "rr == 'false'", "peerSelector": "rr == 'true'"}),
    )]);
    let a = sessions("a", &peers, &config);
    assert_eq!(names(&a), ["Node_192_0_2_9"]);
    let rr = sessions("rr", &peers, &config);
    assert_eq!(names(&rr), ["Node_192_0_2_1", "Node_192_0_2_2"]);
    assert!(rr[0].route_reflector_client && rr[0].reversed && !rr[1].route_reflector_client);
    assert_eq!(rr[1].disagreement(), None);
}

#[test]
fn global_peers_and_ports() {
    let config = config(json!({"nodeToNodeMeshEnabled": false, "listenPort": 1790}));
    let peers = peers(&[
        (
            "tor",
            json!({"peerIP": "198.51.100.1:1179", "asNumber": 65500, "password": {"secretKeyRef": {}}}),
        ),
        (
            "again",
            json!({"node": "a", "peerIP": "198.51.100.1:1179", "asNumber": 1}),
        ),
        ("six", json!({"peerIP": "[fd00::1]:179", "asNumber": 65500})),
    ]);
    let a = sessions("a", &peers, &config);
    assert_eq!(names(&a), ["Global_198_51_100_1_port_1179"]);
    assert_eq!(
        (a[0].remote_as, a[0].password, a[0].peer_node.is_none()),
        (65500, true, true)
    );
    assert_eq!(
        protocol_name(SessionKind::Global, "fd00::1".parse().unwrap(), None),
        "Global_fd00__1"
    );
}

#[test]
fn both_sides_name_each_other() {
    let config = config(json!({"nodeToNodeMeshEnabled": false}));
    let peers = peers(&[
        ("a-to-b", json!({"node": "a", "peerIP": "192.0.2.2", "asNumber": 64513})),
        ("b-to-a", json!({"node": "b", "peerIP": "192.0.2.1", "asNumber": 64512})),
    ]);
    let a = sessions("a", &peers, &config);
    assert_eq!(names(&a), ["Node_192_0_2_2"]);
    assert_eq!(
        a[0].disagreement().unwrap(),
        "`a` expects AS 64513 of `b`, which uses 65001"
    );
    let diff = diff_sessions(
        &a,
        &[SeenSession {
            name: "Node_192_0_2_2".into(),
            state: Some("Established".into()),
            ..SeenSession::default()
        }],
    );
    assert_eq!(diff.len(), 1);
    let one_sided = sessions("a", &peers[..1], &config);
    assert_eq!(
        one_sided[0].disagreement().unwrap(),
        "node `b` has no session back to `a`"
    );
}

#[test]
fn reverse_peering_needs_the_as_to_match() {
    let config = config(json!({"nodeToNodeMeshEnabled": false}));
    let spec = |mode: &str| json!({"node": "a", "peerIP": "192.0.2.2", "asNumber": 65001, "reversePeering": mode});
    assert_eq!(
        names(&sessions("b", &peers(&[("p", spec("Auto"))]), &config)),
        ["Node_192_0_2_1"]
    );
    assert!(sessions("b", &peers(&[("p", spec("Manual"))]), &config).is_empty());
}

#[test]
fn diff_of_states() {
    let a = sessions("a", &[], &config(json!({})));
    let seen = |name: &str, state: &str| SeenSession {
        name: name.to_owned(),
        state: Some(state.to_owned()),
        error: Some("Socket: Connection refused".to_owned()),
        neighbor_as: Some(64512),
        ..SeenSession::default()
    };
    let problems = |seen: &[SeenSession]| {
        diff_sessions(&a, seen)
            .iter()
            .map(|diff| diff.problem)
            .collect::<Vec<_>>()
    };
    assert_eq!(problems(&[]), [SessionProblem::NotConfigured]);
    let diff = diff_sessions(&a, &[seen("Mesh_192_0_2_2", "Active"), seen("Global_1", "Idle")]);
    assert_eq!(
        diff.iter().map(|diff| diff.sentence.as_str()).collect::<Vec<_>>(),
        [
            "`Mesh_192_0_2_2` dials AS 64512, the API objects say 65001",
            "`Mesh_192_0_2_2` to 192.0.2.2 (node `b`) is Active, not Established, `Socket: Connection refused`",
            "BIRD has a protocol `Global_1` that no BGPPeer and no mesh asks for",
        ]
    );
}

#[test]
fn exports() {
    let pools = read_list::<IpPool>(&json!([
        {"metadata": {"name": "p"}, "spec": {"cidr": "10.66.0.0/16"}},
        {"metadata": {"name": "off"}, "spec": {"cidr": "10.67.0.0/16", "disableBGPExport": true}},
    ]))
    .items;
    let affinities = read_list::<BlockAffinity>(&json!([
        {"metadata": {"name": "x"}, "spec": {"cidr": "10.66.1.0/26", "node": "a", "state": "confirmed", "deleted": "false"}},
        {"metadata": {"name": "y"}, "spec": {"cidr": "10.66.2.0/26", "node": "a", "state": "pending"}},
    ]))
    .items;
    let filters = read_list::<BgpFilter>(&json!([{"metadata": {"name": "f"}, "spec": {"exportV4": [
        {"action": "Reject", "matchOperator": "In", "cidr": "10.66.3.0/24", "prefixLength": {"max": 25}},
        {"action": "Accept", "matchOperator": "Equal", "cidr": "192.0.2.0/24"},
        {"action": "Accept", "matchOperator": "In", "cidr": "10.68.0.0/16", "communities": {"operator": "All"}},
    ]}}]))
    .items;
    let config = config(json!({"serviceClusterIPs": [{"cidr": "10.96.0.0/16"}]}));
    let mut session = sessions("a", &[], &config).remove(0);
    session.filters = vec!["missing".to_owned(), "f".to_owned()];
    for (prefix, origin, decision, rule) in [
        ("10.66.1.0/26", Origin::Local, ExportDecision::Export, "own_block"),
        (
            "10.66.1.7/32",
            Origin::Local,
            ExportDecision::Reject,
            "inside_own_block",
        ),
        ("10.66.2.0/26", Origin::Local, ExportDecision::Export, "pool"),
        (
            "10.67.2.0/26",
            Origin::Local,
            ExportDecision::Reject,
            "disable_bgp_export",
        ),
        ("10.66.3.0/25", Origin::Local, ExportDecision::Reject, "bgp_filter"),
        ("10.66.3.0/26", Origin::Local, ExportDecision::Export, "pool"),
        ("192.0.2.0/24", Origin::Local, ExportDecision::Export, "bgp_filter"),
        ("10.68.0.0/24", Origin::Local, ExportDecision::Unknown, "bgp_filter"),
        ("10.96.0.1/32", Origin::Local, ExportDecision::Export, "service"),
        ("172.16.0.0/24", Origin::Local, ExportDecision::Reject, "not_calico"),
    ] {
        let prefix = prefix.parse().unwrap();
        let verdict = export_verdict(prefix, origin, &session, &pools, &affinities, &filters, Some(&config));
        assert_eq!((&verdict.decision, verdict.rule), (&decision, rule), "{verdict:?}");
    }
    session.local_as = session.remote_as;
    for (origin, rule) in [(Origin::Tunnel, "tunnel_to_ibgp"), (Origin::Peer, "ibgp_no_reflection")] {
        let prefix = "10.66.9.0/26".parse().unwrap();
        let verdict = export_verdict(prefix, origin, &session, &pools, &affinities, &filters, None);
        assert_eq!(verdict.rule, rule);
    }
}

#[test]
fn bad_objects() {
    let read = read_list::<BgpPeer>(&json!([
        {"metadata": {"name": "a"}, "spec": {"peerIP": "tor-1"}},
        {"metadata": {"name": "b"}, "spec": {"asNumber": "many"}},
        {"metadata": {"name": "c"}, "spec": {"nodeSelector": "rack in"}},
    ]));
    let paths: Vec<&str> = read.left_out.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["spec.peerIP", "spec.asNumber", "spec.nodeSelector"]);
    let filter = json!({"metadata": {"name": "f"}, "spec": {"importV4": [{"action": "Accept", "cidr": "10.0.0.0/8"}]}});
    assert_eq!(
        BgpFilter::from_value(&filter).unwrap_err().path,
        "spec.importV4[0].matchOperator"
    );
}
