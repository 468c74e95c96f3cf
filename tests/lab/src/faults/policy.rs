//! Policies that block too much, or nothing.

use super::Fault;
use crate::{Result, lab::Lab};
use serde_json::{Value, json};

fn kubernetes(lab: &Lab, name: &str, spec: Value) -> Result<()> {
    let metadata = json!({"name": name, "namespace": "store"});
    lab.apply(
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}),
    )
}

fn gone(lab: &Lab, name: &str) -> Result<()> {
    lab.api.delete(&format!(
        "/apis/networking.k8s.io/v1/namespaces/store/networkpolicies/{name}"
    ))
}

pub const ALL: &[Fault] = &[
    Fault {
        name: "policy-blocks-dns",
        what: "egress is allowed to pods of the own namespace alone: no DNS",
        runbook: "policy-blocks",
        args: "--src {web} --dst {kube-dns} --port 53/udp",
        first: &["DENY-DNS"],
        also: &["DENY-END-OF-TIER"],
        blind: &[],
        inject: |l| {
            kubernetes(
                l,
                "only-inside",
                json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {}}]}]}),
            )
        },
        bites: |l| {
            Ok(l.in_pod(
                "web",
                &format!(
                    "dig +time=1 +tries=1 @{} catalog.store.svc.cluster.local",
                    l.pod_ip("kube-dns")?
                ),
            )
            .is_err())
        },
        heal: |l| gone(l, "only-inside"),
    },
    Fault {
        name: "policy-named-port",
        what: "a policy allows a named port that the pod calls otherwise",
        runbook: "policy-blocks",
        args: "--src {cart} --dst {ledger} --port 8080/tcp",
        first: &["DENY-NAMED-PORT", "DENY-END-OF-TIER"],
        also: &["DENY-NAMED-PORT", "DENY-END-OF-TIER"],
        blind: &[],
        inject: |l| {
            kubernetes(
                l,
                "ledger-web",
                json!({
                    "podSelector": {"matchLabels": {"app": "ledger"}}, "policyTypes": ["Ingress"],
                    "ingress": [{"ports": [{"protocol": "TCP", "port": "web"}]}],
                }),
            )
        },
        bites: |l| l.refuses("cart", "ledger"),
        heal: |l| gone(l, "ledger-web"),
    },
    Fault {
        name: "policy-order-wrong",
        what: "a deny stands before the allow",
        runbook: "policy-blocks",
        args: "--src {cart} --dst {orders} --port 8080/tcp",
        first: &["DENY-EXPLICIT"],
        also: &[],
        blind: &[],
        inject: |l| {
            let name = |name: &str| json!({"name": name, "namespace": "store"});
            let allow = json!([{"action": "Allow", "protocol": "TCP", "destination": {"ports": [8080]}}]);
            let deny = json!([{"action": "Deny", "source": {"selector": "app == 'cart'"}}, {"action": "Allow"}]);
            let spec = |order: u32, rules: Value| json!({"order": order, "selector": "app == 'orders'", "types": ["Ingress"], "ingress": rules});
            l.calico_apply("NetworkPolicy", name("orders-allow"), spec(200, allow))?;
            l.calico_apply("NetworkPolicy", name("orders-deny"), spec(100, deny))
        },
        bites: |l| l.refuses("cart", "orders"),
        heal: |l| l.calico_delete("networkpolicy", &["orders-allow", "orders-deny", "-n", "store"]),
    },
    Fault {
        name: "policy-source-typo",
        what: "the selector of the allowed source has a typo",
        runbook: "policy-blocks",
        args: "--src {cart} --dst {ledger} --port 8080/tcp",
        first: &["DENY-SELECTOR-TYPO", "DENY-END-OF-TIER"],
        also: &["DENY-SELECTOR-TYPO", "DENY-END-OF-TIER"],
        blind: &[],
        inject: |l| {
            l.calico_apply("NetworkPolicy", json!({"name": "ledger-ingress", "namespace": "store"}), json!({
            "selector": "app == 'ledger'", "types": ["Ingress"],
            "ingress": [{"action": "Allow", "protocol": "TCP", "source": {"selector": "app == 'car'"}, "destination": {"ports": [8080]}}],
        }))
        },
        bites: |l| l.refuses("cart", "ledger"),
        heal: |l| l.calico_delete("networkpolicy", &["ledger-ingress", "-n", "store"]),
    },
    Fault {
        name: "policy-global-deny",
        what: "a global policy with a low order denies before the namespace's allow",
        runbook: "policy-blocks",
        args: "--src {cart} --dst {orders} --port 8080/tcp",
        first: &["DENY-EXPLICIT"],
        also: &[],
        blind: &[],
        inject: |l| {
            kubernetes(
                l,
                "allow-orders",
                json!({"podSelector": {"matchLabels": {"app": "orders"}}, "policyTypes": ["Ingress"], "ingress": [{}]}),
            )?;
            l.calico_apply("GlobalNetworkPolicy", json!({"name": "quarantine"}), json!({
                "order": 5, "selector": "app == 'orders'", "types": ["Ingress"], "ingress": [{"action": "Deny", "protocol": "TCP"}],
            }))
        },
        bites: |l| l.refuses("cart", "orders"),
        heal: |l| {
            gone(l, "allow-orders")?;
            l.calico_delete("globalnetworkpolicy", &["quarantine"])
        },
    },
    Fault {
        name: "policy-wrong-label",
        what: "a policy selects a label that no pod has",
        runbook: "policy-no-effect",
        args: "--src {cart} --dst {orders} --port 8080/tcp --policy store/lock-orders",
        first: &["POL-SELECTOR-MISS"],
        also: &[],
        blind: &[],
        inject: |l| {
            kubernetes(
                l,
                "lock-orders",
                json!({"podSelector": {"matchLabels": {"app": "orders-svc"}}, "policyTypes": ["Ingress"]}),
            )
        },
        bites: |_| Ok(true),
        heal: |l| gone(l, "lock-orders"),
    },
    Fault {
        name: "host-endpoint-blocks",
        what: "a host endpoint with a policy that allows ssh alone",
        runbook: "policy-blocks",
        args: "--src 198.18.8.11 --dst 198.18.8.12 --port 10256/tcp",
        first: &["DENY-HOST-ENDPOINT"],
        also: &["DENY-END-OF-TIER", "DENY-EXPLICIT"],
        blind: &[],
        inject: |l| {
            l.calico_apply(
                "HostEndpoint",
                json!({"name": "birch-eth0", "labels": {"host": "worker"}}),
                json!({"node": "birch", "interfaceName": "eth0", "expectedIPs": ["198.18.8.12"]}),
            )?;
            l.calico_apply(
                "GlobalNetworkPolicy",
                json!({"name": "hosts-ssh-only"}),
                json!({
                    "order": 50, "selector": "host == 'worker'", "types": ["Ingress"],
                    "ingress": [{"action": "Allow", "protocol": "TCP", "destination": {"ports": [22]}}],
                }),
            )
        },
        bites: |_| Ok(crate::machine::run("alder", "nc -zw1 198.18.8.12 10256").is_err()),
        heal: |l| {
            l.calico_delete("hostendpoint", &["birch-eth0"])?;
            l.calico_delete("globalnetworkpolicy", &["hosts-ssh-only"])
        },
    },
];
