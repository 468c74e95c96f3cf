//! Speed of the model, each next to what it is measured against, both in this run.
//!
//! `cargo bench -p runbook-calico`; with the argument `memory` only the streamed audit runs, and tells its peak.

#![allow(clippy::unwrap_used)]

#[path = "../../parsers/benches/beside/mod.rs"]
mod beside;

use beside::{both, limit, tell, time};
use cpu_time::ThreadTime;
use std::{collections::BTreeMap, io::Read, time::Duration};

use runbook_calico::{
    cluster::Cluster,
    ipam::{Audit, AuditFacts},
    object::read_list,
    policy::{Flow, Party, PolicyIndex, Protocol, VerdictOptions},
    pool::{BlockAffinity, IpPool},
    selector::Selector,
};
use serde_json::{Value, json};

const NODES: usize = 5_000;
const PODS: usize = 100_000;
const POLICIES: usize = 5_000;

fn node_of(pod: usize) -> usize {
    pod % NODES
}

fn address(pod: usize) -> String {
    let (node, at) = (node_of(pod), pod / NODES + 1);
    let block = node * 64 + at;
    format!("10.{}.{}.{}", block >> 16, block >> 8 & 255, block & 255)
}

fn block_cidr(node: usize) -> String {
    let block = node * 64;
    format!("10.{}.{}.{}/26", block >> 16, block >> 8 & 255, block & 255)
}

fn pod(at: usize) -> Value {
    json!({
        "metadata": {"name": format!("app-{}-5d8f6c7b9-{at:05}", at % 500), "namespace": format!("team-{}", at % 200),
            "uid": format!("00000000-0000-0000-0000-{at:012}"), "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": format!("app-{}", at % 500), "pod-template-hash": "5d8f6c7b9", "tier": format!("t{}", at % 3)},
            "annotations": {"cni.projectcalico.org/containerID": format!("{at:064x}"), "cni.projectcalico.org/podIP": format!("{}/32", address(at))}},
        "spec": {"nodeName": format!("node-{}", node_of(at)), "serviceAccountName": "default",
            "containers": [{"name": "main", "image": "registry.example/app:1", "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": address(at), "podIPs": [{"ip": address(at)}],
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]}
    })
}

fn handle(at: usize) -> Value {
    let name = format!("k8s-pod-network.{at:064x}");
    json!({"metadata": {"name": name}, "spec": {"handleID": name, "block": {block_cidr(node_of(at)): 1}, "deleted": false}})
}

fn block(node: usize) -> Value {
    let per_node = PODS / NODES;
    let allocations: Vec<Value> = (0..64)
        .map(|at| {
            if (1..=per_node).contains(&at) {
                json!(at - 1)
            } else {
                Value::Null
            }
        })
        .collect();
    let attributes: Vec<Value> = (0..per_node)
        .map(|at| {
            let pod = at * NODES + node;
            json!({"handle_id": format!("k8s-pod-network.{pod:064x}"), "secondary": {
                "namespace": format!("team-{}", pod % 200), "pod": format!("app-{}-5d8f6c7b9-{pod:05}", pod % 500),
                "node": format!("node-{node}"), "timestamp": "2026-01-01 00:00:00 +0000 UTC"}})
        })
        .collect();
    let free: Vec<usize> = (0..64).filter(|at| !(1..=per_node).contains(at)).collect();
    json!({"metadata": {"name": block_cidr(node).replace(['.', '/'], "-")}, "spec": {"cidr": block_cidr(node),
        "affinity": format!("host:node-{node}"), "allocations": allocations, "attributes": attributes, "unallocated": free,
        "deleted": false, "sequenceNumber": 1, "strictAffinity": false}})
}

fn node(at: usize) -> Value {
    json!({"metadata": {"name": format!("node-{at}"), "annotations": {"projectcalico.org/IPv4Address": format!("172.16.{}.{}/12", at >> 8, at & 255)}}})
}

fn affinity(at: usize) -> Value {
    json!({"metadata": {"name": format!("node-{at}-x")}, "spec": {"cidr": block_cidr(at), "node": format!("node-{at}"), "state": "confirmed", "deleted": "false"}})
}

/// A list that is made while it is read.
struct Made<F> {
    item: F,
    next: usize,
    count: usize,
    buffer: Vec<u8>,
    at: usize,
}

fn made<F: Fn(usize) -> Value>(count: usize, item: F) -> Made<F> {
    Made {
        item,
        next: 0,
        count,
        buffer: b"{\"items\":[".to_vec(),
        at: 0,
    }
}

impl<F: Fn(usize) -> Value> Read for Made<F> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.buffer.len() {
            if self.next > self.count {
                return Ok(0);
            }
            self.buffer.clear();
            self.at = 0;
            if self.next == self.count {
                self.buffer.extend_from_slice(b"]}");
            } else {
                if self.next > 0 {
                    self.buffer.push(b',');
                }
                self.buffer.extend(serde_json::to_vec(&(self.item)(self.next)).unwrap());
            }
            self.next += 1;
        }
        let count = out.len().min(self.buffer.len() - self.at);
        out[..count].copy_from_slice(&self.buffer[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn bytes<F: Fn(usize) -> Value>(count: usize, item: F) -> Vec<u8> {
    let mut all = Vec::new();
    made(count, item).read_to_end(&mut all).unwrap();
    all
}

fn facts() -> AuditFacts {
    let mut facts = AuditFacts::default();
    let pool = json!({"metadata": {"name": "p"}, "spec": {"cidr": "10.0.0.0/8"}});
    facts.pools(read_list::<IpPool>(&pool).items);
    facts.affinities((0..NODES).flat_map(|at| read_list::<BlockAffinity>(&affinity(at)).items));
    facts.read_nodes(made(NODES, node)).unwrap();
    facts
}

/// What anyone would write who parses the lists into structs.
mod plain {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    #[derive(Deserialize)]
    pub(crate) struct List<T> {
        pub(crate) items: Vec<T>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    pub(crate) struct Object<S, T> {
        metadata: Metadata,
        #[serde(bound(deserialize = "S: Deserialize<'de>"))]
        spec: S,
        status: Option<T>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    pub(crate) struct Metadata {
        name: String,
        namespace: Option<String>,
        annotations: Option<BTreeMap<String, String>>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct PodSpec {
        node_name: Option<String>,
        host_network: Option<bool>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    pub(crate) struct PodStatus {
        phase: Option<String>,
        #[serde(rename = "podIPs")]
        pod_ips: Option<Vec<BTreeMap<String, String>>>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    pub(crate) struct HandleSpec {
        #[serde(rename = "handleID")]
        handle_id: String,
        block: BTreeMap<String, i64>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    pub(crate) struct BlockSpec {
        cidr: String,
        affinity: Option<String>,
        allocations: Vec<Option<i64>>,
        unallocated: Vec<i64>,
        attributes: Vec<Attribute>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    pub(crate) struct Attribute {
        handle_id: Option<String>,
        secondary: BTreeMap<String, String>,
    }
}

fn audit_speed() {
    let (pods, handles, blocks) = (bytes(PODS, pod), bytes(PODS, handle), bytes(NODES, block));
    let audit = || {
        let mut facts = facts();
        facts.read_pods_slice(&pods).unwrap();
        facts.read_handles_slice(&handles).unwrap();
        let mut audit = Audit::new(&facts);
        audit.read_blocks_slice(&blocks).unwrap();
        let report = audit.finish();
        assert_eq!(report.problems, []);
        report
    };
    let plain = || {
        let pods: plain::List<plain::Object<plain::PodSpec, plain::PodStatus>> = serde_json::from_slice(&pods).unwrap();
        let handles: plain::List<plain::Object<plain::HandleSpec, Value>> = serde_json::from_slice(&handles).unwrap();
        let blocks: plain::List<plain::Object<plain::BlockSpec, Value>> = serde_json::from_slice(&blocks).unwrap();
        (pods.items.len(), handles.items.len(), blocks.items.len())
    };
    let (ours, other) = both(3, audit, plain);
    // The bench makes pools, affinities and nodes anew each time, which is no part of either side.
    let made = (0..3).map(|_| time(&mut facts)).min().unwrap_or_default();
    tell(
        "IPAM audit of 5,000 nodes and 100,000 pods",
        ours.saturating_sub(made),
        "serde_json into structs",
        other,
        1.5,
    );
}

fn audit_memory() {
    let mut facts = facts();
    facts.read_pods(made(PODS, pod)).unwrap();
    facts.read_handles(made(PODS, handle)).unwrap();
    let mut audit = Audit::new(&facts);
    audit.read_blocks(made(NODES, block)).unwrap();
    assert_eq!(audit.finish().problems, []);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let megabytes = peak.and_then(|kb| kb.parse::<f64>().ok()).map(|kb| kb / 1024.0);
    limit(
        "the same, streamed: peak memory",
        "MiB",
        megabytes.unwrap_or(f64::NAN),
        64.0,
    );
}

fn verdict_speed() {
    let list = |kind: &str, version: &str, items: Vec<Value>| json!({"kind": format!("{kind}List"), "apiVersion": version, "items": items});
    let policy = |at: usize| {
        json!({"metadata": {"name": format!("p{at}"), "namespace": format!("team-{}", at % 200)}, "spec": {
            "podSelector": {"matchLabels": {"app": format!("app-{}", at % 500)}}, "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": format!("app-{}", (at + 1) % 500)}}}], "ports": [{"port": "http"}]}]}})
    };
    let lists = [
        list("Pod", "v1", (0..PODS).map(pod).collect()),
        list("Node", "v1", (0..NODES).map(node).collect()),
        list(
            "Namespace",
            "v1",
            (0..200)
                .map(|at| json!({"metadata": {"name": format!("team-{at}")}}))
                .collect(),
        ),
        list(
            "NetworkPolicy",
            "networking.k8s.io/v1",
            (0..POLICIES).map(policy).collect(),
        ),
        list("NetworkPolicy", "projectcalico.org/v3", vec![]),
        list("GlobalNetworkPolicy", "projectcalico.org/v3", vec![]),
    ];
    let start = ThreadTime::now();
    let cluster = Cluster::load(&lists);
    let (index, _) = PolicyIndex::new(&cluster);
    eprintln!("index of 100,000 pods and 5,000 policies: {:.1?}", start.elapsed());
    let target = |at: usize| {
        let endpoint = &index.endpoints[at];
        Party::pod(&endpoint.namespace, &endpoint.pod)
    };
    let flow = |from: usize, to: usize| Flow::new(target(from), target(to), Protocol::TCP, Some(8080));
    let told = VerdictOptions::default();
    let start = ThreadTime::now();
    for at in 0..1000 {
        std::hint::black_box(index.verdict(&flow(at * 97 % PODS, at * 31 % PODS), &told));
    }
    let seconds = |time: Duration| time.as_secs_f64();
    let work = "one verdict of 100,000 pods and 5,000 policies";
    limit(work, "s", seconds(start.elapsed()) / 1000.0, 0.001);
    let (namespace, pod) = (&index.endpoints[7].namespace, &index.endpoints[7].pod);
    let start = ThreadTime::now();
    assert_eq!(index.reach(namespace, pod, Protocol::TCP, Some(8080)).len(), PODS);
    limit("all 100,000 verdicts into one pod", "s", seconds(start.elapsed()), 1.0);
}

fn selector_speed() {
    let labels: Vec<BTreeMap<String, String>> = (0..PODS)
        .map(|at| {
            [("app", at % 500), ("tier", at % 3), ("zone", at % 7)]
                .map(|(key, value)| (key.to_owned(), format!("{key}-{value}")))
                .into_iter()
                .collect()
        })
        .collect();
    let selector =
        Selector::parse("app == 'app-7' || (tier in {'tier-1', 'tier-2'} && zone != 'zone-3' && has(app))").unwrap();
    let ours = || labels.iter().filter(|labels| selector.matches(*labels)).count();
    let other = || {
        labels
            .iter()
            .filter(|labels| {
                let get = |key: &str| labels.get(key).map(String::as_str);
                get("app") == Some("app-7")
                    || (matches!(get("tier"), Some("tier-1" | "tier-2"))
                        && get("zone") != Some("zone-3")
                        && get("app").is_some())
            })
            .count()
    };
    let (ours, other) = both(15, ours, other);
    tell("a selector over 100,000 label sets", ours, "a closure", other, 2.0);
}

fn main() {
    if std::env::args().any(|argument| argument == "memory") {
        audit_memory();
        return;
    }
    selector_speed();
    verdict_speed();
    audit_speed();
}
