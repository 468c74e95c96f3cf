//! Pools, blocks and addresses.

use super::Fault;
use crate::{
    Result, cluster,
    lab::Lab,
    machine::{self, wait_until},
    plan::NODES,
    sh,
};
use serde_json::{Value, json};
use std::time::Duration;

const CONTROLLERS: &str = "/apis/apps/v1/namespaces/kube-system/deployments/calico-kube-controllers";
const POOL: &str = "10.70.7.16/28";

fn batch_pool(lab: &Lab, block: u8) -> Result<()> {
    lab.apply(cluster::pool("batch", POOL, "Always", block))
}

fn no_batch_pool(lab: &Lab) -> Result<()> {
    lab.calicoctl(&["ipam", "configure", "--strictaffinity=false"], "")?;
    lab.calico_delete("ippool", &["batch"])
}

fn batch(lab: &Lab, numbers: std::ops::Range<usize>) -> Result<()> {
    numbers
        .into_iter()
        .try_for_each(|i| lab.spawn(&format!("batch-{i}"), NODES[i % 3].name, "batch"))
}

fn no_batch(lab: &Lab, numbers: std::ops::Range<usize>) -> Result<()> {
    let paths = numbers.map(|i| format!("batch-{i}")).collect::<Vec<_>>();
    for name in &paths {
        lab.api.delete(&format!("/api/v1/namespaces/store/pods/{name}"))?;
    }
    paths.iter().try_for_each(|name| lab.remove_pod(name))
}

/// Calls the IPAM plugin as the CNI plugin would: an address that belongs to a pod which is not there.
fn ipam(node: &str, command: &str, pod: &str, pool: &str) -> Result<()> {
    ipam_as(node, node, command, pod, pool)
}

fn ipam_as(name: &str, node: &str, command: &str, pod: &str, pool: &str) -> Result<()> {
    let config = json!({
        "cniVersion": "0.3.1", "name": "k8s-pod-network", "type": "calico", "nodename": name, "datastore_type": "kubernetes",
        "kubernetes": {"kubeconfig": "/etc/cni/net.d/calico-kubeconfig"},
        "ipam": {"type": "calico-ipam", "ipv4_pools": [pool]},
    });
    let script = format!(
        "printf %s \"$1\" | CNI_COMMAND={command} CNI_CONTAINERID={pod}-sandbox CNI_NETNS=/none CNI_IFNAME=eth0 \
        CNI_PATH=/opt/cni/bin CNI_ARGS='K8S_POD_NAMESPACE=store;K8S_POD_NAME={pod};IgnoreUnknown=1' /opt/cni/bin/calico-ipam"
    );
    sh::output(machine::enter(node, "sh -ec")?.args([&script, "sh", &config.to_string()])).map(drop)
}

/// Addresses of pods that are gone, on one node after the other.
fn leak(command: &str, count: usize, pool: &str) -> Result<()> {
    (0..count).try_for_each(|i| ipam(NODES[i % 3].name, command, &format!("gone-{i}"), pool))
}

fn selector(lab: &Lab, text: &str) -> Result<()> {
    ["tunnel", "plain"]
        .iter()
        .try_for_each(|pool| lab.calico_patch("ippool", pool, json!({"nodeSelector": text})))
}

fn allocated(lab: &Lab, prefix: &str) -> Result<usize> {
    let blocks = lab.api.list("/apis/crd.projectcalico.org/v1/ipamblocks")?;
    let mine = blocks
        .iter()
        .filter(|b| b["spec"]["cidr"].as_str().is_some_and(|c| c.starts_with(prefix)));
    Ok(mine
        .flat_map(|b| b["spec"]["allocations"].as_array().cloned().unwrap_or_default())
        .filter(|a: &Value| !a.is_null())
        .count())
}

pub const ALL: &[Fault] = &[
    Fault {
        name: "ip-pool-exhausted",
        what: "every address of a /28 is taken",
        runbook: "ip-exhausted",
        args: "--pod store/batch-16",
        first: &["IPAM-POOL-EXHAUSTED"],
        also: &["POOL-NEAR-EXHAUSTION"],
        blind: &[],
        inject: |l| {
            batch_pool(l, 30)?;
            batch(l, 0..16)?;
            wait_until("16 addresses are taken", Duration::from_secs(60), || {
                Ok(allocated(l, "10.70.7.")? == 16)
            })?;
            batch(l, 16..17)
        },
        bites: |l| l.no_sandbox("batch-16"),
        heal: |l| {
            no_batch(l, 0..17)?;
            no_batch_pool(l)
        },
    },
    Fault {
        name: "ip-exhausted-by-leak",
        what: "a /28 is full, half of it with addresses of pods that are gone",
        runbook: "ip-exhausted",
        args: "--pod store/batch-8",
        first: &["IPAM-LEAK", "IPAM-POOL-EXHAUSTED"],
        also: &["IPAM-LEAK", "IPAM-POOL-EXHAUSTED", "IPAM-HANDLE-LEAK"],
        blind: &[],
        inject: |l| {
            batch_pool(l, 30)?;
            leak("ADD", 8, "batch")?;
            batch(l, 0..8)?;
            wait_until("16 addresses are taken", Duration::from_secs(60), || {
                Ok(allocated(l, "10.70.7.")? == 16)
            })?;
            batch(l, 8..9)
        },
        bites: |l| l.no_sandbox("batch-8"),
        heal: |l| {
            no_batch(l, 0..9)?;
            leak("DEL", 8, "batch")?;
            no_batch_pool(l)
        },
    },
    Fault {
        name: "ip-strict-affinity",
        what: "two nodes own the pool's only blocks, and the third may not borrow",
        runbook: "ip-exhausted",
        args: "--pod store/batch-2",
        first: &["IPAM-STRICT-NO-BLOCK"],
        also: &[],
        blind: &[],
        inject: |l| {
            l.calicoctl(&["ipam", "configure", "--strictaffinity=true"], "")?;
            batch_pool(l, 29)?;
            batch(l, 0..2)?;
            wait_until("two blocks are taken", Duration::from_secs(30), || {
                Ok(allocated(l, "10.70.7.")? == 2)
            })?;
            batch(l, 2..3)
        },
        bites: |l| l.no_sandbox("batch-2"),
        heal: |l| {
            no_batch(l, 0..3)?;
            no_batch_pool(l)
        },
    },
    Fault {
        name: "ipam-leak",
        what: "four addresses belong to pods that are gone",
        runbook: "check-cluster",
        args: "",
        first: &["IPAM-LEAK"],
        also: &["IPAM-HANDLE-LEAK"],
        blind: &[],
        inject: |_| leak("ADD", 4, "tunnel"),
        bites: |_| Ok(true),
        heal: |_| leak("DEL", 4, "tunnel"),
    },
    Fault {
        name: "ippool-disabled",
        what: "the pool that a pod asks for is disabled",
        runbook: "ip-exhausted",
        args: "--pod {stock}",
        first: &["IPAM-POOL-DISABLED"],
        also: &["IPAM-NO-POOL-FOR-NODE", "CNI-CONFIG"],
        blind: &[],
        inject: |l| {
            l.calico_patch("ippool", "plain", json!({"disabled": true}))?;
            l.spawn("stock", "alder", "plain")
        },
        bites: |l| l.no_sandbox("stock"),
        heal: |l| {
            l.calico_patch("ippool", "plain", json!({"disabled": false}))?;
            l.remove_pod("stock")
        },
    },
    Fault {
        name: "pool-node-selector",
        what: "no pool selects a node",
        runbook: "ip-exhausted",
        args: "--pod {stock}",
        first: &["IPAM-NO-POOL-FOR-NODE"],
        also: &[],
        blind: &[],
        inject: |l| {
            selector(l, "topology.kubernetes.io/zone == 'hall-1'")?;
            let mut pod = cluster::pod("store", "stock", "cedar", "tunnel");
            pod["metadata"]["annotations"] = json!({});
            l.apply(pod)
        },
        bites: |l| l.no_sandbox("stock"),
        heal: |l| {
            selector(l, "all()")?;
            l.remove_pod("stock")
        },
    },
    Fault {
        name: "pool-overlaps-node-network",
        what: "a pool covers the network of the nodes",
        runbook: "check-cluster",
        args: "",
        first: &["CIDR-OVERLAP-NODE"],
        also: &[],
        blind: &[],
        inject: |l| l.apply(cluster::pool("wide", "198.18.8.0/24", "Always", 26)),
        bites: |_| Ok(true),
        heal: |l| l.calico_delete("ippool", &["wide"]),
    },
    Fault {
        name: "duplicate-pod-ip",
        what: "a pod that asked for an address outside of IPAM has that of another",
        runbook: "ip-conflict",
        args: "--ip {ip:orders}",
        first: &["DUP-POD-POD"],
        also: &["IP-NOT-ALLOCATED", "ROUTE-CONFLICT"],
        blind: &[],
        inject: |l| {
            machine::script(
                "cedar",
                "cp /etc/cni/net.d/10-calico.conflist /run/conflist; sed -i 's/\"type\": \"calico\",/&\"feature_control\":{\"ip_addrs_no_ipam\":true},/' /etc/cni/net.d/10-calico.conflist",
            )?;
            let mut pod = cluster::pod("store", "legacy", "cedar", "plain");
            pod["metadata"]["annotations"] =
                json!({"cni.projectcalico.org/ipAddrsNoIpam": format!("[\"{}\"]", l.pod_ip("orders")?)});
            l.apply(pod)
        },
        bites: |l| l.has_address("legacy"),
        heal: |l| {
            l.remove_pod("legacy")?;
            l.on("cedar", "cp /run/conflist /etc/cni/net.d/10-calico.conflist")
        },
    },
    Fault {
        name: "qos-bandwidth-annotation",
        what: "a pod is limited to 5 Mbit/s by its annotation",
        runbook: "net-throughput",
        args: "--src {web} --dst {media}",
        first: &["QOS-LIMIT"],
        also: &["QUEUEING"],
        blind: &[],
        inject: |l| {
            let mut pod = cluster::pod("store", "media", "birch", "tunnel");
            pod["metadata"]["annotations"]["kubernetes.io/ingress-bandwidth"] = "5M".into();
            l.apply(pod)
        },
        bites: |l| l.has_address("media"),
        heal: |l| l.remove_pod("media"),
    },
    Fault {
        name: "ipam-stale-affinity",
        what: "a node is gone whose block and address are still there, and nothing cleans up",
        runbook: "check-cluster",
        args: "",
        first: &["IPAM-STALE-AFFINITY", "IPAM-STALE-NODE", "KUBE-CONTROLLERS-DOWN"],
        also: &[
            "IPAM-STALE-AFFINITY",
            "IPAM-STALE-NODE",
            "KUBE-CONTROLLERS-DOWN",
            "IPAM-GC-OFF",
            "IPAM-LEAK",
        ],
        blind: &[],
        inject: |l| {
            l.api.merge(CONTROLLERS, &json!({"spec": {"replicas": 0}}))?;
            wait_until("kube-controllers is gone", Duration::from_secs(30), || {
                Ok(l.pod("calico-kube-controllers").is_err())
            })?;
            l.apply(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "fir", "labels": {"kubernetes.io/os": "none"}}}))?;
            ipam_as("fir", "cedar", "ADD", "ghost-0", "tunnel")?;
            l.api.delete("/api/v1/nodes/fir")
        },
        bites: |l| l.block("fir", "tunnel").map(|_| true),
        heal: |l| {
            ipam_as("fir", "cedar", "DEL", "ghost-0", "tunnel")?;
            l.api.merge(CONTROLLERS, &json!({"spec": {"replicas": 1}})).map(drop)
        },
    },
];
