//! What would allow a flow, what that opens besides, and what can be said of a policy by itself.

use serde_json::{Value, json};

use super::super::*;
use super::{cluster, one};
use crate::names::Direction;

fn proposals(lists: &[Value], from: &str, to: &str, port: u16) -> Vec<Proposal> {
    let (index, _) = PolicyIndex::new(&cluster(lists));
    let flow = Flow::new(
        Party::parse(from).unwrap(),
        Party::parse(to).unwrap(),
        Protocol::TCP,
        Some(port),
    );
    let options = VerdictOptions::default();
    index.proposals(&index.verdict(&flow, &options), &options)
}

#[test]
fn a_rule_for_exactly_the_flow() {
    let lists = [one(
        "KNP",
        "lock",
        json!({"podSelector": {}, "policyTypes": ["Ingress"]}),
    )];
    let all = proposals(&lists, "y/c", "x/b", 80);
    assert_eq!(all.len(), 1);
    let edit = &all[0].edits[0];
    assert_eq!(
        (edit.name.as_str(), edit.direction, edit.selected_count),
        ("lock", Direction::Ingress, 2)
    );
    let rule = json!({"from": [{"podSelector": {"matchLabels": {"app": "c"}},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "y"}}}],
        "ports": [{"protocol": "TCP", "port": 80}]});
    assert_eq!(
        edit.patch,
        Some(json!([{"op": "add", "path": "/spec/ingress", "value": [rule]}]))
    );
    // The policy selects both pods of the namespace, so the other one opens as well.
    let opened = Opened {
        source: "y/c".to_owned(),
        destination: "x/a".to_owned(),
    };
    assert_eq!(
        (all[0].opens.as_slice(), all[0].opens_count, all[0].complete),
        (&[opened][..], 1, true)
    );
}

#[test]
fn mistakes_come_first() {
    let port = one(
        "KNP",
        "web",
        json!({"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"protocol": "TCP", "port": "web"}]}]}),
    );
    let all = proposals(&[port], "x/a", "x/b", 8080);
    assert_eq!(
        all.iter().map(|p| p.change).collect::<Vec<_>>(),
        [ProposalKind::CorrectPort, ProposalKind::AddRule]
    );
    assert!(all[0].edits[0].sentence.contains("`web`"), "{:?}", all[0].edits);
    // The corrected rule lets everybody in, the new one only `a`.
    assert_eq!((all[0].opens_count, all[1].opens_count), (1, 0));

    let typo = one(
        "NetworkPolicy",
        "in",
        json!({"selector": "app == 'b'", "types": ["Ingress"],
            "ingress": [{"action": "Allow", "source": {"selector": "app == 'aa'"}}]}),
    );
    let all = proposals(&[typo], "x/a", "x/b", 80);
    assert_eq!(all[0].change, ProposalKind::CorrectSelector);
    assert!(all[0].edits[0].sentence.contains("app=a"), "{:?}", all[0].edits);
}

#[test]
fn before_the_rule_that_denies() {
    let deny = one(
        "GlobalNetworkPolicy",
        "stop",
        json!({"selector": "app == 'b'", "types": ["Ingress"],
            "ingress": [{"action": "Log"}, {"action": "Deny", "protocol": "TCP"}]}),
    );
    let all = proposals(&[deny], "x/a", "x/b", 80);
    let patch = all[0].edits[0].patch.as_ref().unwrap();
    assert_eq!(
        (&patch[0]["path"], &patch[0]["value"]["source"]["selector"]),
        (&json!("/spec/ingress/1"), &json!("app == 'a'"))
    );
    assert_eq!(
        patch[0]["value"]["source"]["namespaceSelector"],
        "projectcalico.org/name == 'x'"
    );
}

#[test]
fn nothing_to_propose() {
    let lock = one("KNP", "lock", json!({"podSelector": {}, "policyTypes": ["Ingress"]}));
    // Allowed already, and an address that only a rule for everybody could mean.
    assert_eq!(proposals(&[], "x/a", "x/b", 80), []);
    let outside = proposals(&[lock], "203.0.113.9", "x/b", 80);
    let patch = outside[0].edits[0].patch.as_ref().unwrap();
    assert_eq!(patch[0]["value"][0]["from"][0]["ipBlock"]["cidr"], "203.0.113.9/32");
}

#[test]
fn reviews() {
    let broad = one(
        "KNP",
        "broad",
        json!({"podSelector": {"matchLabels": {"app": "bb"}}, "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"namespaceSelector": {}}, {"podSelector": {"matchLabels": {"app": "a"}}}]},
                {"ports": [{"port": 80}]}]}),
    );
    let ports = one(
        "KNP",
        "ports",
        json!({"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"protocol": "TCP", "port": "htttp"}]}, {"ports": [{"port": "http"}]}]}),
    );
    let (index, _) = PolicyIndex::new(&cluster(&[broad, ports]));
    let reviews = index.review();
    let of = |name: &str| reviews.iter().find(|review| review.name == name).unwrap();
    let broad = of("broad");
    assert_eq!(
        (broad.selected_count, broad.id.as_str()),
        (0, "KubernetesNetworkPolicy/x/broad")
    );
    assert_eq!(broad.selector_typo.as_ref().unwrap().nearest.as_deref(), Some("app=b"));
    let peers: Vec<_> = broad
        .rules
        .iter()
        .map(|rule| (rule.any_peer, rule.whole_namespace))
        .collect();
    assert_eq!(peers, [(false, true), (false, false), (true, false)]);
    let ports = of("ports");
    assert_eq!(ports.rules[0].unknown_port.as_deref(), Some("htttp"));
    assert_eq!(ports.rules[0].nearest_port.as_deref(), Some("http"));
    assert_eq!(ports.rules[1].unknown_port, None);
    // The reference finds this one and no other.
    assert_eq!(index.named(&ports.id).len(), 1);
    assert_eq!(index.named("x/ports"), index.named("ports"));
}
