//! Calico's programs, the CNI plugin, the way to the API server, Services.

use super::Fault;
use crate::{machine, plan::CONTROL_ADDRESS};
use serde_json::json;

const CONTROLLERS: &str = "/apis/apps/v1/namespaces/kube-system/deployments/calico-kube-controllers";
const CATALOG: &str = "/api/v1/namespaces/store/services/catalog";

pub const ALL: &[Fault] = &[
    Fault {
        name: "felix-stopped-new-pod",
        what: "Felix does not run on a node; a pod made afterwards has no chains",
        runbook: "pod-connectivity",
        args: "--src {cart} --dst {reports}",
        first: &["FELIX-DOWN"],
        also: &["FELIX-NOT-READY", "DENY-UNKNOWN-INTERFACE", "FELIX-STALE"],
        blind: &[],
        inject: |l| {
            l.sv("birch", "down", "felix")?;
            l.spawn("reports", "birch", "tunnel")
        },
        bites: |l| Ok(l.has_address("reports")? && l.lost("cart", "reports")?),
        heal: |l| {
            l.sv("birch", "up", "felix")?;
            l.remove_pod("reports")
        },
    },
    Fault {
        name: "felix-stopped-new-policy",
        what: "Felix does not run on a node; a policy made afterwards is not programmed there",
        runbook: "policy-no-effect",
        args: "--src {cart} --dst {orders} --port 8080/tcp --policy store/deny-orders",
        first: &["FELIX-DOWN", "FELIX-STALE"],
        also: &["FELIX-NOT-READY", "FELIX-DOWN", "FELIX-STALE"],
        blind: &[],
        inject: |l| {
            l.sv("birch", "down", "felix")?;
            l.apply(json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": "deny-orders", "namespace": "store"},
                "spec": {"podSelector": {"matchLabels": {"app": "orders"}}, "policyTypes": ["Ingress"]},
            }))
        },
        bites: |l| Ok(l.in_calico("birch", "sv status felix")?.starts_with("down")),
        heal: |l| {
            l.api
                .delete("/apis/networking.k8s.io/v1/namespaces/store/networkpolicies/deny-orders")?;
            l.sv("birch", "up", "felix")
        },
    },
    Fault {
        name: "apiserver-unreachable-one-node",
        what: "a node cannot reach the API server; a policy made meanwhile is not programmed there",
        runbook: "policy-no-effect",
        args: "--src {cart} --dst {orders} --port 8080/tcp --policy store/lock-orders",
        first: &["API-UNREACHABLE"],
        also: &["FELIX-STALE", "FELIX-NOT-READY"],
        blind: &[],
        inject: |l| {
            let rule = format!("ip daddr {CONTROL_ADDRESS} tcp dport 6443 counter reject with tcp reset");
            l.firewall("birch", "output", &[&rule])?;
            // What is on its way must not arrive either.
            l.firewall(
                "birch",
                "input",
                &[&format!("ip saddr {CONTROL_ADDRESS} tcp sport 6443 counter drop")],
            )?;
            l.apply(json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": "lock-orders", "namespace": "store"},
                "spec": {"podSelector": {"matchLabels": {"app": "orders"}}, "policyTypes": ["Ingress"]},
            }))
        },
        bites: |l| {
            let unreachable = machine::run("birch", &format!("nc -zw1 {CONTROL_ADDRESS} 6443")).is_err();
            Ok(unreachable && !l.refuses("cart", "orders")?)
        },
        heal: |l| {
            l.api
                .delete("/apis/networking.k8s.io/v1/namespaces/store/networkpolicies/lock-orders")?;
            l.no_firewall("birch")
        },
    },
    Fault {
        name: "rbac-missing",
        what: "the binding of calico-node is gone, and one of them was restarted",
        runbook: "check-cluster",
        args: "",
        first: &["RBAC-MISSING"],
        also: &["FELIX-DOWN", "FELIX-NOT-READY", "CNI-AUTH"],
        blind: &[],
        inject: |l| {
            l.api
                .delete("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/calico-node")?;
            machine::script(
                "birch",
                "pkill -KILL -P $(pgrep -f 'lab-node kubelet' | head -1) runsvdir",
            )
            .map(drop)
        },
        bites: |l| {
            // Killed once, it cannot start again.
            let pods = l.api.list("/api/v1/namespaces/kube-system/pods?fieldSelector=spec.nodeName=birch&labelSelector=k8s-app=calico-node")?;
            Ok(pods
                .iter()
                .any(|p| p["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 1))
        },
        heal: |l| {
            let mut binding = crate::rbac::binding("ClusterRoleBinding", "calico-node", "calico-node", "");
            binding["subjects"] =
                json!([{"kind": "ServiceAccount", "name": "calico-node", "namespace": "kube-system"}]);
            l.apply(binding)
        },
    },
    Fault {
        name: "kube-controllers-down",
        what: "calico-kube-controllers does not run",
        runbook: "check-cluster",
        args: "",
        first: &["KUBE-CONTROLLERS-DOWN"],
        also: &["IPAM-GC-OFF"],
        blind: &[],
        inject: |l| l.api.merge(CONTROLLERS, &json!({"spec": {"replicas": 0}})).map(drop),
        bites: |l| Ok(l.api.get(CONTROLLERS)?["status"]["availableReplicas"].is_null()),
        heal: |l| l.api.merge(CONTROLLERS, &json!({"spec": {"replicas": 1}})).map(drop),
    },
    Fault {
        name: "cni-token-invalid",
        what: "the token of the CNI plugin is not accepted any more",
        runbook: "pod-connectivity",
        args: "--src {stock}",
        first: &["CNI-AUTH"],
        also: &[],
        blind: &[],
        inject: |l| {
            l.on(
                "alder",
                "sed -i.good s/token:.*/token:nonsense/ /etc/cni/net.d/calico-kubeconfig",
            )?;
            l.on(
                "alder",
                "sed -i s/token:nonsense/token:\\x20nonsense/ /etc/cni/net.d/calico-kubeconfig",
            )?;
            l.spawn("stock", "alder", "plain")
        },
        bites: |l| l.no_sandbox("stock"),
        heal: |l| {
            l.on(
                "alder",
                "mv /etc/cni/net.d/calico-kubeconfig.good /etc/cni/net.d/calico-kubeconfig",
            )?;
            l.remove_pod("stock")
        },
    },
    Fault {
        name: "datastore-locked",
        what: "the datastore is locked for a migration",
        runbook: "pod-connectivity",
        args: "--src {stock}",
        first: &["CNI-DATASTORE-LOCKED"],
        also: &[],
        blind: &[],
        inject: |l| {
            l.calicoctl(&["datastore", "migrate", "lock"], "")?;
            l.spawn("stock", "alder", "plain")
        },
        bites: |l| l.no_sandbox("stock"),
        heal: |l| {
            l.calicoctl(&["datastore", "migrate", "unlock"], "")?;
            l.remove_pod("stock")
        },
    },
    Fault {
        name: "service-no-endpoints",
        what: "the selector of a Service matches no pod",
        runbook: "service-access",
        args: "--src {web} --service store/catalog:80",
        first: &["SVC-NO-ENDPOINTS"],
        also: &[],
        blind: &[],
        inject: |l| {
            l.api
                .merge(CATALOG, &json!({"spec": {"selector": {"app": "catalog-v2"}}}))
                .map(drop)
        },
        bites: |l| l.refuses("web", "10.96.71.5:80"),
        heal: |l| {
            l.api
                .merge(CATALOG, &json!({"spec": {"selector": {"app": "catalog"}}}))
                .map(drop)
        },
    },
    Fault {
        name: "service-wrong-target-port",
        what: "a Service leads to a port where nothing listens",
        runbook: "service-access",
        args: "--src {web} --service store/catalog:80",
        first: &["SVC-WRONG-TARGET-PORT"],
        also: &["DENY-END-OF-TIER"],
        blind: &[],
        inject: |l| {
            l.api
                .merge(
                    CATALOG,
                    &json!({"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8081, "protocol": "TCP"}]}}),
                )
                .map(drop)
        },
        bites: |l| l.refuses("web", "10.96.71.5:80"),
        heal: |l| {
            l.api
                .merge(
                    CATALOG,
                    &json!({"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]}}),
                )
                .map(drop)
        },
    },
    Fault {
        name: "node-ip-wrong",
        what: "a node registered the address of another interface, which the others do not reach",
        runbook: "pod-cross-node",
        args: "--src {web} --dst {catalog}",
        first: &["NODE-IP-AUTODETECT"],
        also: &[
            "BGP-DOWN",
            "REMOTE-ROUTE-MISSING",
            "BGP-TCP-BLOCKED",
            "NODE-UNREACHABLE",
        ],
        blind: &[],
        inject: |l| {
            ["alder", "cedar"]
                .iter()
                .try_for_each(|n| l.on(n, "ip link set eth1 down"))?;
            l.calico_patch("node", "birch", json!({"bgp": {"ipv4Address": "198.18.10.12/24"}}))
        },
        bites: |l| l.lost("web", "catalog"),
        heal: |l| {
            ["alder", "cedar"]
                .iter()
                .try_for_each(|n| l.on(n, "ip link set eth1 up"))?;
            l.calico_patch("node", "birch", json!({"bgp": {"ipv4Address": "198.18.8.12/24"}}))
        },
    },
];
