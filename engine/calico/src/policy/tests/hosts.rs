//! Nodes, host endpoints and the policies of cluster admins.

use serde_json::{Value, json};

use super::super::*;
use super::{Allow, Deny, Unknown, decision, judge, one};

#[test]
fn hosts() {
    let isolated = one(
        "KNP",
        "p",
        json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
    );
    let lists = [isolated];
    let verdict = judge(&lists, "n1", "x/a", "TCP", 80);
    assert_eq!(
        (verdict.decision, verdict.parts[0].deciding.element),
        (Allow, Decided::HostToOwnPod)
    );
    assert_eq!(decision(&lists, "n2", "x/a", 80), Deny);
    let verdict = judge(&[], "x/a", "n1", "TCP", 80);
    assert_eq!(verdict.decision, Unknown);
    assert!(verdict.reason.unwrap().contains("defaultEndpointToHostAction"));
    let felix = one(
        "FelixConfiguration",
        "default",
        json!({"defaultEndpointToHostAction": "Drop"}),
    );
    assert_eq!(
        judge(std::slice::from_ref(&felix), "x/a", "n1", "TCP", 80)
            .deciding
            .unwrap()
            .element,
        Decided::EndpointToHostAction
    );
    assert_eq!(decision(&[felix], "x/a", "n2", 80), Allow);
}

#[test]
fn host_endpoints() {
    let endpoint = |profiles: Value| {
        one(
            "HostEndpoint",
            "h",
            json!({"node": "n2", "interfaceName": "eth0", "profiles": profiles}),
        )
    };
    let ssh = |extra: Value| {
        let mut spec = json!({"selector": "set == 'h'", "types": ["Ingress"], "order": 1,
            "ingress": [{"action": "Allow", "protocol": "TCP", "destination": {"ports": [8022]}}]});
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        one("GlobalNetworkPolicy", "ssh", spec)
    };
    // A named one without profiles drops; failsafe ports stay open.
    let bare = [endpoint(json!([]))];
    assert_eq!(
        judge(&bare, "n1", "n2", "TCP", 80).deciding.unwrap().element,
        Decided::NoProfile
    );
    assert_eq!(
        judge(&bare, "n1", "n2", "TCP", 22).parts[0].deciding.element,
        Decided::Failsafe
    );
    assert_eq!(
        decision(&[endpoint(json!(["projectcalico-default-allow"]))], "n1", "n2", 80),
        Allow
    );
    let with = [endpoint(json!(["projectcalico-default-allow"])), ssh(json!({}))];
    assert_eq!(decision(&with, "n1", "n2", 8022), Allow);
    assert_eq!(decision(&with, "n1", "n2", 80), Deny);
    // Pods' traffic passes unless the policy applies on forward.
    assert_eq!(decision(&with, "x/a", "y/c", 80), Allow);
    let forward = [endpoint(json!([])), ssh(json!({"applyOnForward": true}))];
    let verdict = judge(&forward, "x/a", "y/c", "TCP", 80);
    assert_eq!(
        (verdict.decision, verdict.parts[1].kind),
        (Deny, PartKind::HostEndpointForward)
    );
    assert_eq!(decision(&forward, "x/a", "y/c", 8022), Allow);
    // In a tunnel the packets do not pass eth0 as themselves.
    let pool = one("IPPool", "p", json!({"cidr": "10.0.0.0/16", "vxlanMode": "Always"}));
    let tunnelled = [endpoint(json!([])), ssh(json!({"applyOnForward": true})), pool];
    assert_eq!(decision(&tunnelled, "x/a", "y/c", 80), Allow);
    let untracked = [
        endpoint(json!([])),
        ssh(json!({"applyOnForward": true, "doNotTrack": true})),
    ];
    assert_eq!(decision(&untracked, "n1", "n2", 8022), Allow);
    assert_eq!(
        judge(&untracked, "n1", "n2", "TCP", 80).deciding.unwrap().element,
        Decided::NoProfile
    );
}

#[test]
fn admin_policies() {
    let cnp = |tier: &str, rules: Value| {
        json!({"kind": "ClusterNetworkPolicy", "apiVersion": "policy.networking.k8s.io/v1alpha2", "metadata": {"name": "p"},
            "spec": {"tier": tier, "priority": 5, "subject": {"namespaces": {"matchLabels": {"team": "x"}}}, "ingress": rules}})
    };
    let from = json!([{"namespaces": {"matchLabels": {"team": "y"}}}]);
    let deny = cnp(
        "Admin",
        json!([{"action": "Deny", "from": from, "protocols": [{"tcp": {"destinationPort": {"number": 80}}}]}]),
    );
    assert_eq!(decision(std::slice::from_ref(&deny), "y/c", "x/b", 80), Deny);
    assert_eq!(decision(&[deny], "y/c", "x/b", 81), Allow);
    let baseline = cnp("Baseline", json!([{"action": "Deny", "from": from}]));
    let allow = one(
        "KNP",
        "k",
        json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}),
    );
    assert_eq!(decision(std::slice::from_ref(&baseline), "y/c", "x/b", 80), Deny);
    assert_eq!(decision(&[baseline, allow.clone()], "y/c", "x/b", 80), Allow);
    let odd = cnp("Admin", json!([{"action": "Pass", "from": [{"nodes": {}}]}]));
    assert_eq!(decision(&[odd], "y/c", "x/b", 80), Deny);
    let odd = cnp("Admin", json!([{"action": "Accept", "from": [{"nodes": {}}]}]));
    assert_eq!(decision(&[odd], "y/c", "x/b", 80), Allow);
    let anp = json!({"kind": "AdminNetworkPolicy", "apiVersion": "policy.networking.k8s.io/v1alpha1", "metadata": {"name": "p"},
        "spec": {"priority": 5, "subject": {"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "b"}}}},
            "ingress": [{"action": "Deny", "from": from, "ports": [{"portRange": {"start": 80, "end": 90, "protocol": "TCP"}}]}]}});
    assert_eq!(decision(&[anp, allow], "y/c", "x/b", 85), Deny);
}

#[test]
fn a_node_speaks_through_the_tunnel_with_its_address() {
    let pool = one("IPPool", "p", json!({"cidr": "10.0.0.0/16", "vxlanMode": "Always"}));
    let rule = json!([{"action": "Allow", "source": {"nets": ["10.0.9.9/32"]}}]);
    let policy = one(
        "GlobalNetworkPolicy",
        "p",
        json!({"selector": "app == 'c'", "types": ["Ingress"], "ingress": rule}),
    );
    let node = json!({"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n9", "annotations": {
        "projectcalico.org/IPv4Address": "192.0.2.9/24", "projectcalico.org/IPv4VXLANTunnelAddr": "10.0.9.9"}}});
    assert_eq!(decision(&[pool, policy.clone(), node.clone()], "n9", "y/c", 80), Allow);
    assert_eq!(decision(&[policy, node], "n9", "y/c", 80), Deny);
}

#[test]
fn another_host_sees_the_node_behind_nat_outgoing() {
    let pool = |nat: bool| one("IPPool", "p", json!({"cidr": "10.0.0.0/16", "natOutgoing": nat}));
    let endpoint = one("HostEndpoint", "h", json!({"node": "n2", "interfaceName": "eth0"}));
    let policy = one(
        "GlobalNetworkPolicy",
        "p",
        json!({"selector": "set == 'h'", "types": ["Ingress"],
        "ingress": [{"action": "Allow", "source": {"nets": ["192.0.2.1/32"]}}]}),
    );
    assert_eq!(
        decision(&[pool(true), endpoint.clone(), policy.clone()], "x/a", "n2", 8080),
        Allow
    );
    assert_eq!(decision(&[pool(false), endpoint, policy], "x/a", "n2", 8080), Deny);
}
