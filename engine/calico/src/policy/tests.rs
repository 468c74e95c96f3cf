use serde_json::{Value, json};

use super::*;
use crate::{cluster::Cluster, names::Direction};

mod changes;
mod hosts;
mod laws;

/// Pods a, b (namespace `x`, node n1) and c (namespace `y`, node n2), with the lists given over empty ones.
fn cluster(lists: &[Value]) -> Cluster {
    let pod = |name: &str, namespace: &str, node: &str, address: &str| {
        json!({"metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
            "spec": {"nodeName": node, "serviceAccountName": "default",
                "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]},
            "status": {"phase": "Running", "podIPs": [{"ip": address}]}})
    };
    let node = |name: &str, address: &str| {
        json!({"metadata": {"name": name, "annotations": {"projectcalico.org/IPv4Address": address,
            "projectcalico.org/Interfaces": json!([{"name": "eth0", "addresses": [address.split('/').next()]}]).to_string()}}})
    };
    let namespace = |name: &str| json!({"metadata": {"name": name, "labels": {"team": name}}});
    let list =
        |kind: &str, items: Vec<Value>| json!({"kind": format!("{kind}List"), "apiVersion": "v1", "items": items});
    let base = [
        list(
            "Pod",
            vec![
                pod("a", "x", "n1", "10.0.1.1"),
                pod("b", "x", "n1", "10.0.1.2"),
                pod("c", "y", "n2", "10.0.2.1"),
            ],
        ),
        list("Node", vec![node("n1", "192.0.2.1/24"), node("n2", "192.0.2.2/24")]),
        list("Namespace", vec![namespace("x"), namespace("y")]),
        list(
            "ServiceAccount",
            vec![json!({"metadata": {"name": "default", "namespace": "x", "labels": {"sa": "1"}}})],
        ),
        json!({"kind": "NetworkPolicyList", "apiVersion": "networking.k8s.io/v1", "items": []}),
        json!({"kind": "NetworkPolicyList", "apiVersion": "projectcalico.org/v3", "items": []}),
        list("GlobalNetworkPolicy", vec![]),
        list("Tier", vec![]),
    ];
    Cluster::load(lists.iter().chain(&base))
}

fn one(kind: &str, name: &str, spec: Value) -> Value {
    let namespaced = matches!(kind, "NetworkPolicy" | "NetworkSet" | "StagedNetworkPolicy" | "KNP");
    let (kind, version) = if kind == "KNP" {
        ("NetworkPolicy", "networking.k8s.io/v1")
    } else {
        (kind, "projectcalico.org/v3")
    };
    let mut metadata = json!({"name": name, "labels": {"set": name}});
    if namespaced && let Some(map) = metadata.as_object_mut() {
        map.insert("namespace".to_owned(), json!("x"));
    }
    json!({"kind": kind, "apiVersion": version, "metadata": metadata, "spec": spec})
}

fn judge(lists: &[Value], from: &str, to: &str, protocol: &str, port: u16) -> Verdict {
    let (index, errors) = PolicyIndex::new(&cluster(lists));
    assert_eq!(errors, []);
    let protocol = Protocol::parse(protocol).unwrap();
    let port = protocol.has_ports().then_some(port);
    let flow = Flow::new(Party::parse(from).unwrap(), Party::parse(to).unwrap(), protocol, port);
    index.verdict(&flow, &VerdictOptions::default())
}

fn decision(lists: &[Value], from: &str, to: &str, port: u16) -> Decision {
    judge(lists, from, to, "TCP", port).decision
}

use Decision::{Allow, Deny, Unknown};

#[test]
fn without_policy_the_profile_allows() {
    let verdict = judge(&[], "x/a", "y/c", "TCP", 80);
    assert_eq!(verdict.decision, Allow);
    assert_eq!(verdict.parts.len(), 2);
    assert!(
        verdict
            .parts
            .iter()
            .all(|part| part.deciding.element == Decided::Profile)
    );
    assert!(verdict.deciding.is_none());
}

#[test]
fn kubernetes_policy_isolates_one_direction() {
    let policy = one(
        "KNP",
        "p",
        json!({"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "a"}}}], "ports": [{"port": "http"}, {"port": 90, "endPort": 92}]}]}),
    );
    let lists = [policy];
    assert_eq!(decision(&lists, "x/a", "x/b", 8080), Allow);
    assert_eq!(decision(&lists, "x/a", "x/b", 91), Allow);
    assert_eq!(decision(&lists, "x/a", "x/b", 93), Deny);
    assert_eq!(decision(&lists, "y/c", "x/b", 8080), Deny);
    assert_eq!(decision(&lists, "x/b", "y/c", 8080), Allow);
    let verdict = judge(&lists, "y/c", "x/b", "TCP", 8080);
    let deciding = verdict.deciding.unwrap();
    assert_eq!(
        (deciding.element, deciding.tier.as_deref()),
        (Decided::EndOfTier, Some("default"))
    );
    let rule = &verdict.parts[1].tiers[0].policies[0].rules[0];
    assert_eq!(rule.failed_field, Some("source.selector"));
    assert!(verdict.changes[0].starts_with("rule 0 of `p` (`spec.ingress[0].from[0]`): source.selector wants"));
}

#[test]
fn ip_blocks_namespaces_and_types() {
    let lists = [one(
        "KNP",
        "p",
        json!({"podSelector": {}, "egress": [
        {"to": [{"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.9/32"]}}]},
        {"to": [{"namespaceSelector": {"matchLabels": {"team": "y"}}}], "ports": [{"protocol": "UDP"}]}]}),
    )];
    assert_eq!(decision(&lists, "x/a", "203.0.113.1", 443), Allow);
    assert_eq!(decision(&lists, "x/a", "203.0.113.9", 443), Deny);
    assert_eq!(decision(&lists, "x/a", "y/c", 53), Deny);
    assert_eq!(judge(&lists, "x/a", "y/c", "UDP", 53).decision, Allow);
    // Without `policyTypes` kube-apiserver would have filled in both.
    assert_eq!(decision(&lists, "203.0.113.1", "x/a", 80), Deny);
}

#[test]
fn tiers_orders_and_pass() {
    let tier =
        |name: &str, order: u32, action: &str| one("Tier", name, json!({"order": order, "defaultAction": action}));
    let policy = |name: &str, tier: &str, order: u32, action: &str| {
        one(
            "GlobalNetworkPolicy",
            name,
            json!({"tier": tier, "order": order, "selector": "app == 'b'",
            "types": ["Ingress"], "ingress": [{"action": action, "protocol": "TCP", "destination": {"ports": [80]}}]}),
        )
    };
    let deny_in_default = policy("late", "default", 1, "Deny");
    let lists = [
        tier("early", 10, "Deny"),
        policy("first", "early", 5, "Pass"),
        deny_in_default.clone(),
    ];
    assert_eq!(decision(&lists, "x/a", "x/b", 80), Deny);
    let deciding = judge(&lists, "x/a", "x/b", "TCP", 80).deciding.unwrap();
    assert_eq!((deciding.name.as_deref(), deciding.rule_index), (Some("late"), Some(0)));
    // The end of the early tier denies what no rule of it matches.
    assert_eq!(
        judge(&lists, "x/a", "x/b", "TCP", 81).deciding.unwrap().tier.as_deref(),
        Some("early")
    );
    let lists = [
        tier("early", 10, "Pass"),
        policy("first", "early", 5, "Allow"),
        deny_in_default.clone(),
    ];
    assert_eq!(decision(&lists, "x/a", "x/b", 80), Allow);
    assert_eq!(decision(&lists, "x/a", "x/b", 81), Deny);
    let lists = [policy("first", "absent", 5, "Allow"), deny_in_default];
    let verdict = judge(&lists, "x/a", "x/b", "TCP", 80);
    assert_eq!(verdict.decision, Deny);
    assert!(verdict.notes[0].contains("tier `absent`, which does not exist"));
}

#[test]
fn fields_of_rules() {
    let rule = |fields: Value| {
        let mut rule = json!({"action": "Allow"});
        rule.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        [one(
            "NetworkPolicy",
            "p",
            json!({"selector": "app == 'b'", "types": ["Ingress"], "ingress": [rule]}),
        )]
    };
    for (fields, tcp, udp, icmp) in [
        (json!({}), Allow, Allow, Allow),
        (json!({"notProtocol": "TCP"}), Deny, Allow, Allow),
        (json!({"protocol": 17}), Deny, Allow, Deny),
        (json!({"protocol": "ICMP", "icmp": {"type": 8}}), Deny, Deny, Allow),
        (
            json!({"protocol": "ICMP", "icmp": {"type": 8, "code": 1}}),
            Deny,
            Deny,
            Deny,
        ),
        (json!({"protocol": "ICMP", "notICMP": {"type": 8}}), Deny, Deny, Deny),
        (json!({"ipVersion": 6}), Deny, Deny, Deny),
        (
            json!({"protocol": "TCP", "destination": {"ports": ["80:90", "http"]}}),
            Allow,
            Deny,
            Deny,
        ),
        (
            json!({"protocol": "TCP", "destination": {"notPorts": [80]}}),
            Deny,
            Deny,
            Deny,
        ),
        (json!({"source": {"nets": ["10.0.1.0/24"]}}), Allow, Allow, Allow),
        (json!({"source": {"notNets": ["10.0.1.0/24"]}}), Deny, Deny, Deny),
        (json!({"source": {"notNets": ["fd00::/8"]}}), Deny, Deny, Deny),
        (json!({"source": {"selector": "app == 'a'"}}), Allow, Allow, Allow),
        (json!({"source": {"notSelector": "app == 'a'"}}), Deny, Deny, Deny),
        (
            json!({"source": {"selector": "app == 'a'", "namespaceSelector": "team == 'y'"}}),
            Deny,
            Deny,
            Deny,
        ),
        (json!({"source": {"namespaceSelector": "all()"}}), Allow, Allow, Allow),
        (json!({"source": {"namespaceSelector": "global()"}}), Deny, Deny, Deny),
        (
            json!({"source": {"serviceAccounts": {"names": ["default"], "selector": "sa == '1'"}}}),
            Allow,
            Allow,
            Allow,
        ),
        (
            json!({"source": {"serviceAccounts": {"names": ["other"]}}}),
            Deny,
            Deny,
            Deny,
        ),
        (json!({"http": {"methods": ["GET"]}}), Unknown, Unknown, Unknown),
        (
            json!({"protocol": "TCP", "http": {"methods": ["GET"]}}),
            Unknown,
            Deny,
            Deny,
        ),
        (
            json!({"protocol": "TCP", "source": {"ports": [80]}}),
            Unknown,
            Deny,
            Deny,
        ),
    ] {
        let lists = rule(fields.clone());
        let found = ["TCP", "UDP", "ICMP"].map(|protocol| judge(&lists, "x/a", "x/b", protocol, 80).decision);
        assert_eq!(found, [tcp, udp, icmp], "{fields}");
    }
}

#[test]
fn a_namespaced_rule_sees_its_own_namespace() {
    let rule = |spec: Value| {
        [one(
            "NetworkPolicy",
            "p",
            json!({"selector": "app == 'b'", "ingress": [{"action": "Allow", "source": spec}]}),
        )]
    };
    assert_eq!(decision(&rule(json!({"selector": "all()"})), "y/c", "x/b", 80), Deny);
    assert_eq!(
        decision(
            &rule(json!({"selector": "all()", "namespaceSelector": "all()"})),
            "y/c",
            "x/b",
            80
        ),
        Allow
    );
    let global = [one(
        "GlobalNetworkPolicy",
        "p",
        json!({"selector": "app == 'b'", "namespaceSelector": "team == 'x'",
        "serviceAccountSelector": "sa == '1'", "ingress": [{"action": "Allow", "source": {"selector": "app == 'c'"}}]}),
    )];
    assert_eq!(decision(&global, "y/c", "x/b", 80), Allow);
    assert_eq!(decision(&global, "x/a", "x/b", 80), Deny);
}

#[test]
fn network_sets_and_services() {
    let lists = [
        one("GlobalNetworkSet", "bad", json!({"nets": ["198.51.100.0/24"]})),
        one("NetworkSet", "own", json!({"nets": ["203.0.113.0/24"]})),
        one(
            "NetworkPolicy",
            "p",
            json!({"selector": "app == 'a'", "types": ["Egress"], "egress": [
            {"action": "Deny", "destination": {"selector": "set == 'bad'", "namespaceSelector": "global()"}},
            {"action": "Allow", "destination": {"selector": "set == 'own'"}},
            {"action": "Allow", "destination": {"services": {"name": "s"}}}]}),
        ),
        json!({"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
            "metadata": {"name": "s-1", "namespace": "x", "labels": {"kubernetes.io/service-name": "s"}},
            "endpoints": [{"addresses": ["10.0.1.2"]}], "ports": [{"port": 8080, "protocol": "TCP"}]}),
        json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "s", "namespace": "x"}, "spec": {"clusterIP": "10.96.0.9"}}),
    ];
    assert_eq!(
        judge(&lists, "x/a", "198.51.100.7", "TCP", 80)
            .deciding
            .unwrap()
            .rule_index,
        Some(0)
    );
    assert_eq!(decision(&lists, "x/a", "203.0.113.7", 80), Allow);
    assert_eq!(decision(&lists, "x/a", "10.0.1.2", 8080), Allow);
    assert_eq!(decision(&lists, "x/a", "x/b", 80), Deny);
    let verdict = judge(&lists, "x/a", "10.96.0.9", "TCP", 80);
    assert!(verdict.reason.unwrap().contains("cluster IP of service `x/s`"));
}

#[test]
fn staged_policies_are_told_and_not_enforced() {
    let lists = [one(
        "StagedNetworkPolicy",
        "s",
        json!({"selector": "app == 'b'", "types": ["Ingress"], "stagedAction": "Set"}),
    )];
    let verdict = judge(&lists, "x/a", "x/b", "TCP", 80);
    assert_eq!(verdict.decision, Allow);
    assert!(
        verdict.notes.iter().any(|note| note.contains("is staged")),
        "{:?}",
        verdict.notes
    );
    assert_eq!(verdict.parts[1].tiers[0].result, StepResult::NotEnforced);
}

#[test]
fn what_cannot_be_known_is_unknown() {
    let broken = one("NetworkPolicy", "p", json!({"selector": "app = 'b'"}));
    let verdict = judge(&[broken], "x/a", "x/b", "TCP", 80);
    assert_eq!(verdict.decision, Unknown);
    assert!(
        verdict
            .reason
            .unwrap()
            .contains("NetworkPolicy `x/p`: field `spec.selector`")
    );
    let (index, _) = PolicyIndex::new(&Cluster::default());
    let flow = Flow::new(Party::pod("x", "a"), Party::pod("x", "b"), Protocol::TCP, Some(80));
    assert!(
        index
            .verdict(&flow, &VerdictOptions::default())
            .reason
            .unwrap()
            .starts_with("lists were not given: Pod")
    );
    assert_eq!(
        judge(&[], "x/nobody", "x/b", "TCP", 80).reason.as_deref(),
        Some("no pod `x/nobody` on a node")
    );
    let same = json!({"metadata": {"name": "d", "namespace": "x"}, "kind": "Pod", "apiVersion": "v1",
        "spec": {"nodeName": "n1"}, "status": {"podIP": "10.0.1.2"}});
    assert!(
        judge(&[same], "x/a", "10.0.1.2", "TCP", 80)
            .reason
            .unwrap()
            .contains("is used by both")
    );
}

#[test]
fn a_policy_without_its_namespace_profile() {
    let ghost = json!({"metadata": {"name": "g", "namespace": "gone"}, "kind": "Pod", "apiVersion": "v1",
        "spec": {"nodeName": "n1"}, "status": {"podIP": "10.0.1.9"}});
    assert_eq!(
        judge(&[ghost], "x/a", "gone/g", "TCP", 80).deciding.unwrap().element,
        Decided::NoProfile
    );
}

#[test]
fn why_a_policy_has_no_effect() {
    let lists = [one(
        "KNP",
        "lock",
        json!({"podSelector": {"matchLabels": {"app": "bee"}}, "policyTypes": ["Ingress"]}),
    )];
    let (index, _) = PolicyIndex::new(&cluster(&lists));
    let why = why_policy(
        &index,
        "x/lock",
        index.endpoint("x", "b").unwrap(),
        Direction::Ingress,
        None,
    );
    assert_eq!((why.len(), why[0].selects, why[0].selected_count), (1, false, 0));
    assert_eq!(
        (
            why[0].failed_terms[0].has.as_deref(),
            why[0].failed_terms[0].wants.as_deref()
        ),
        (Some("b"), Some("bee"))
    );
    assert!(
        why_policy(
            &index,
            "y/lock",
            index.endpoint("x", "b").unwrap(),
            Direction::Ingress,
            None
        )
        .is_empty()
    );
}

#[test]
fn hostile_objects_are_left_out() {
    let lists = [
        one(
            "NetworkPolicy",
            "ports",
            json!({"ingress": [{"action": "Allow", "destination": {"ports": [80]}}]}),
        ),
        one("NetworkPolicy", "action", json!({"ingress": [{"action": "Maybe"}]})),
        one("GlobalNetworkSet", "nets", json!({"nets": ["10.0.0.0/8", "x"]})),
        one("Tier", "t", json!({"order": "first"})),
        json!({"items": [{"metadata": {"name": "?"}}]}),
    ];
    let cluster = cluster(&lists);
    let told: Vec<String> = cluster
        .left_out
        .iter()
        .map(|error| format!("{} {}", error.object, error.path))
        .collect();
    assert_eq!(
        told,
        [
            "NetworkPolicy `x/ports` spec.ingress[0].protocol",
            "NetworkPolicy `x/action` spec.ingress[0].action",
            "GlobalNetworkSet `nets` spec.nets[1]",
            "Tier `t` spec.order",
            "object `?` kind",
        ]
    );
}
