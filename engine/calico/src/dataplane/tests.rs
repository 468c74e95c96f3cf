use serde_json::{Value, json};

use super::*;
use crate::{cluster::Cluster, felix::FelixConfig, path::RouteKind, policy::PolicyIndex};

fn object(kind: &str, name: &str, body: Value) -> Value {
    let mut value = json!({"kind": kind, "apiVersion": "v1", "metadata": {"name": name}});
    value.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    value
}

fn node(name: &str, last: u8) -> Value {
    object(
        "Node",
        name,
        json!({"metadata": {"name": name, "annotations": {
        "projectcalico.org/IPv4Address": format!("192.0.2.{last}/24"),
        "projectcalico.org/IPv4IPIPTunnelAddr": format!("10.0.{last}.0"),
        "projectcalico.org/Interfaces": format!("[{{\"name\":\"ens3\",\"addresses\":[\"192.0.2.{last}\"]}}]")}}}),
    )
}

/// Node a with pod p, whose address comes from b's block; node b's own block; an IPIP pool.
fn cluster() -> Cluster {
    let allocation = json!([{"handle_id": "h", "secondary": {"namespace": "x", "pod": "p", "node": "c"}}]);
    Cluster::load(&[
        node("a", 1),
        node("b", 2),
        node("c", 3),
        object("Namespace", "x", json!({})),
        object(
            "Pod",
            "p",
            json!({"metadata": {"name": "p", "namespace": "x"}, "spec": {"nodeName": "c"},
            "status": {"podIP": "10.0.2.0"}}),
        ),
        object(
            "Pod",
            "waits",
            json!({"metadata": {"name": "waits", "namespace": "x"}, "spec": {"nodeName": "c"}}),
        ),
        object(
            "IPPool",
            "p",
            json!({"spec": {"cidr": "10.0.0.0/16", "ipipMode": "Always", "natOutgoing": true}}),
        ),
        object(
            "IPAMBlock",
            "k",
            json!({"spec": {"cidr": "10.0.2.0/30", "affinity": "host:b",
            "allocations": [0, null, null, null], "unallocated": [1, 2, 3], "attributes": allocation}}),
        ),
        object(
            "ClusterInformation",
            "default",
            json!({"spec": {"calicoVersion": "v3.30.0"}}),
        ),
    ])
}

fn expected(node: &str) -> ExpectedDataplane {
    let cluster = cluster();
    assert_eq!(cluster.left_out, []);
    let (index, _) = PolicyIndex::new(&cluster);
    expected_dataplane(
        &cluster,
        &index,
        cluster.node(node).unwrap(),
        &FelixConfig::default(),
        Some(1500),
        false,
    )
}

fn shown(expected: &ExpectedDataplane) -> Vec<String> {
    let route = |route: &crate::path::ExpectedRoute| {
        let via = route.via.map_or_else(String::new, |via| format!(" via {via}"));
        format!(
            "{:?} {}{via} {} {}",
            route.kind,
            route.dst,
            route.dev.as_deref().unwrap_or("-"),
            route.protos.join("|")
        )
    };
    expected.routes.iter().map(route).collect()
}

#[test]
fn borrowed_addresses_have_routes_of_their_own() {
    assert_eq!(
        shown(&expected("a")),
        [
            "Unicast 10.0.2.0/30 via 192.0.2.2 tunl0 bird",
            "Unicast 10.0.2.0/32 via 192.0.2.3 tunl0 bird"
        ]
    );
    assert_eq!(
        shown(&expected("b")),
        [
            "Blackhole 10.0.2.0/30 - bird",
            "Unicast 10.0.2.0/32 via 192.0.2.3 tunl0 bird"
        ]
    );
    let interface = crate::names::veth("cali", "x", "p");
    assert_eq!(
        shown(&expected("c")),
        [
            format!("Unicast 10.0.2.0/32 {interface} boot|80"),
            "Unicast 10.0.2.0/30 via 192.0.2.2 tunl0 bird".to_owned()
        ]
    );
}

#[test]
fn devices_sets_and_optional_chains() {
    let c = expected("c");
    let devices: Vec<(&str, Option<u32>)> = c
        .devices
        .iter()
        .map(|device| (device.name.as_str(), device.mtu))
        .collect();
    let interface = crate::names::veth("cali", "x", "p");
    assert_eq!(devices, [("tunl0", Some(1480)), (interface.as_str(), None)]);
    let hosts = c.sets.iter().find(|set| set.id == "all-hosts-net").unwrap();
    assert_eq!(hosts.members.as_ref().unwrap().len(), 3);
    let optional = c.chains.iter().filter(|chain| chain.optional).count();
    assert_eq!(optional, 2);
}

#[test]
fn differences_read_like_sentences() {
    let a = expected("a");
    let route = |dst: &str, via: &str, dev: &str, proto: &str| ProgrammedRoute {
        dst: dst.parse().unwrap(),
        kind: RouteKind::Unicast,
        via: via.parse().ok(),
        dev: Some(dev.to_owned()),
        proto: Some(proto.to_owned()),
        onlink: true,
    };
    let programmed = Programmed {
        routes: Some(vec![
            route("10.0.2.0/30", "192.0.2.9", "ens3", "bird"),
            route("10.0.9.0/26", "192.0.2.2", "tunl0", "bird"),
            route("172.16.0.0/24", "192.0.2.254", "ens3", "static"),
        ]),
        masquerades: Some(false),
        devices: Some(vec![ProgrammedDevice {
            name: "tunl0".to_owned(),
            mtu: Some(1500),
            ..ProgrammedDevice::default()
        }]),
        ..Programmed::default()
    };
    let found = diff(&a, &programmed);
    let sentences: Vec<&str> = found
        .differences
        .iter()
        .map(|difference| difference.sentence.as_str())
        .collect();
    assert_eq!(
        sentences,
        [
            "`a` has `10.0.2.0/30 via 192.0.2.9 dev ens3 proto bird onlink`, expected `10.0.2.0/30 via 192.0.2.2 dev tunl0 proto bird onlink` (block of node `b` through the IPIP tunnel)",
            "`a` has no route `10.0.2.0/32 via 192.0.2.3 dev tunl0 proto bird onlink` (address of block 10.0.2.0/30 that node `c` borrowed)",
            "`a` has `10.0.9.0/26 via 192.0.2.2 dev tunl0 proto bird onlink`, which no API object asks for",
            "`tunl0` of `a` has state down, expected up",
            "`tunl0` of `a` has MTU 1500, expected 1480",
            "`a` does not masquerade what leaves the pools, though a pool has natOutgoing",
        ]
    );
    assert!(found.not_compared.contains(&Section::Chains) && found.not_compared.contains(&Section::Sets));
}

#[test]
fn members_of_both_backends() {
    assert_eq!(member("10.0.0.1 . tcp . 80"), "10.0.0.1,tcp:80");
    assert_eq!(member("10.0.0.1/32"), "10.0.0.1");
    assert_eq!(member("10.0.0.0/24"), "10.0.0.0/24");
}

#[test]
fn ebpf_has_no_chains_to_compare() {
    let mut a = expected("a");
    a.ebpf = true;
    let programmed = Programmed {
        chains: Some((ChainFlavour::Iptables, std::collections::BTreeSet::new())),
        sets: Some(std::collections::BTreeMap::new()),
        masquerades: Some(false),
        ..Programmed::default()
    };
    let found = diff(&a, &programmed);
    assert_eq!(found.differences, []);
    assert_eq!(found.not_compared.len(), 8);
}

#[test]
fn policy_is_followed_from_the_hook_to_its_chain() {
    let pod = json!({"metadata": {"name": "p", "namespace": "x"}, "spec": {"nodeName": "a"}, "status": {"podIP": "10.0.1.1"}});
    let policy = json!({"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "metadata": {"name": "lock", "namespace": "x"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}});
    let (index, _) = PolicyIndex::new(&Cluster::load(&[
        node("a", 1),
        object("Namespace", "x", json!({})),
        object("Pod", "p", pod),
        policy,
    ]));
    let rule = |to: &str| FilterRule {
        to: vec![to.to_owned()],
        ..FilterRule::default()
    };
    let device = crate::names::veth("cali", "x", "p");
    let (toward, from) = (format!("cali-tw-{device}"), format!("cali-fw-{device}"));
    let chain = "cali-pi-knp/x/lock";
    let drop = FilterRule {
        drops: true,
        packets: Some(3),
        comments: vec![
            "cali:x".to_owned(),
            "End of tier default. Drop if no policies passed packet".to_owned(),
        ],
        ..FilterRule::default()
    };
    let mut rules = FilterRules {
        flavour: Some(ChainFlavour::Iptables),
        hooks: vec!["FORWARD".to_owned()],
        sets: Some(Default::default()),
        ..FilterRules::default()
    };
    for (name, chain_rules) in [
        ("FORWARD", vec![rule("cali-FORWARD")]),
        (
            "cali-FORWARD",
            vec![rule("cali-to-wl-dispatch"), rule("cali-from-wl-dispatch")],
        ),
        ("cali-to-wl-dispatch", vec![rule(&toward)]),
        ("cali-from-wl-dispatch", vec![rule(&from)]),
        // Policies of one group are asked from a chain between.
        (toward.as_str(), vec![rule("cali-gi-group"), drop]),
        ("cali-gi-group", vec![rule(chain)]),
        (from.as_str(), vec![]),
        (chain, vec![]),
    ] {
        rules.chains.insert(name.to_owned(), chain_rules);
    }
    let state = enforcement(&index, "a", &rules);
    assert!(state.hooked && state.endpoints.iter().all(|at| at.dispatched && at.lacks.is_empty()));
    assert_eq!(state.policies[0].chain.as_deref(), Some(chain));
    let told = &state.endpoints[0].drops[0];
    assert_eq!(
        (told.reason, told.tier.as_deref(), told.packets),
        (DropReason::EndOfTier, Some("default"), Some(3))
    );
    // The set of the rule's source is not there at all.
    assert_eq!((state.sets.len(), state.sets[0].present), (1, false));

    rules
        .chains
        .insert("cali-gi-group".to_owned(), vec![rule("cali-pi-knp/x/gone")]);
    rules.chains.insert("cali-pi-knp/x/gone".to_owned(), vec![]);
    let state = enforcement(&index, "a", &rules);
    assert_eq!(state.endpoints[0].lacks, ["KubernetesNetworkPolicy/x/lock"]);
    assert_eq!(state.endpoints[0].surplus, ["cali-pi-knp/x/gone"]);

    rules.chains.insert("FORWARD".to_owned(), vec![]);
    assert!(!enforcement(&index, "a", &rules).hooked);
    assert_eq!(enforcement(&index, "a", &FilterRules::default()).flavour, None);
}
