use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    cluster::Cluster,
    object::Object,
    pool::{Block, IpamConfig},
};

fn block(cidr: &str, node: &str, owners: &[(&str, Value)]) -> Value {
    let size = 1usize << (32 - cidr.rsplit('/').next().unwrap().parse::<u32>().unwrap());
    let allocations: Vec<Value> = (0..size)
        .map(|at| if at < owners.len() { json!(at) } else { Value::Null })
        .collect();
    let attributes: Vec<Value> = owners
        .iter()
        .map(|(handle, secondary)| json!({"handle_id": handle, "secondary": secondary}))
        .collect();
    json!({"kind": "IPAMBlock", "metadata": {"name": cidr.replace(['.', '/'], "-")}, "spec": {"cidr": cidr,
        "affinity": format!("host:{node}"), "allocations": allocations, "attributes": attributes,
        "unallocated": (owners.len()..size).collect::<Vec<_>>()}})
}

fn pod_of(name: &str, node: &str) -> Value {
    json!({"namespace": "x", "pod": name, "node": node, "timestamp": "t"})
}

fn handle(name: &str, cidr: &str, count: i64) -> Value {
    json!({"kind": "IPAMHandle", "metadata": {"name": name}, "spec": {"handleID": name, "block": {cidr: count}, "deleted": false}})
}

fn affinity(node: &str, cidr: &str, state: &str) -> Value {
    json!({"kind": "BlockAffinity", "metadata": {"name": format!("{node}-{cidr}")},
        "spec": {"node": node, "cidr": cidr, "state": state, "deleted": "false"}})
}

fn pool(cidr: &str, size: u8, extra: Value) -> Value {
    let mut spec = json!({"cidr": cidr, "blockSize": size});
    if let Value::Object(extra) = extra {
        spec.as_object_mut().unwrap().extend(extra);
    }
    json!({"kind": "IPPool", "metadata": {"name": "p"}, "spec": spec})
}

fn node(name: &str, tunnel: Option<&str>) -> Value {
    let mut annotations = json!({"projectcalico.org/IPv4Address": "192.0.2.1/24"});
    if let Some(tunnel) = tunnel {
        annotations["projectcalico.org/IPv4VXLANTunnelAddr"] = json!(tunnel);
    }
    json!({"kind": "Node", "metadata": {"name": name, "annotations": annotations, "labels": {"zone": "a"}}})
}

fn pod(name: &str, node: &str, address: &str, phase: &str) -> Value {
    json!({"kind": "Pod", "metadata": {"name": name, "namespace": "x"}, "spec": {"nodeName": node},
        "status": {"phase": phase, "podIP": address}})
}

fn run(objects: &[Value]) -> AuditReport {
    let cluster = Cluster::load(objects);
    assert_eq!(cluster.left_out, []);
    audit(&AuditFacts::of(&cluster), &cluster.blocks)
}

fn kinds(objects: &[Value]) -> Vec<ProblemKind> {
    run(objects).problems.iter().map(|problem| problem.kind).collect()
}

fn sound() -> Vec<Value> {
    let cidr = "10.0.0.0/28";
    vec![
        pool("10.0.0.0/24", 28, Value::Null),
        node("n", Some("10.0.0.0")),
        block(
            cidr,
            "n",
            &[
                ("t", json!({"node": "n", "type": "vxlanTunnelAddress"})),
                ("a", pod_of("a", "n")),
            ],
        ),
        handle("t", cidr, 1),
        handle("a", cidr, 1),
        affinity("n", cidr, "confirmed"),
        pod("a", "n", "10.0.0.1", "Running"),
    ]
}

fn with(more: &[Value]) -> Vec<Value> {
    let mut objects = sound();
    objects.extend_from_slice(more);
    objects
}

fn without(kind: &str, name: &str) -> Vec<Value> {
    sound()
        .into_iter()
        .filter(|object| object["kind"] != kind || !object["metadata"]["name"].as_str().unwrap().starts_with(name))
        .collect()
}

#[test]
fn a_sound_cluster_has_no_problem() {
    let report = run(&sound());
    assert_eq!(report.problems, []);
    assert_eq!(
        (
            report.blocks,
            report.addresses,
            report.allocated,
            report.borrowed,
            report.pods
        ),
        (1, 16, 2, 0, 1)
    );
}

#[test]
fn every_kind_of_problem() {
    use ProblemKind::*;
    assert_eq!(kinds(&without("Pod", "a")), [LeakedAddress]);
    assert_eq!(kinds(&without("IPAMHandle", "a")), [MissingHandle]);
    assert_eq!(kinds(&without("BlockAffinity", "n")), []);
    let mut unclaimed = without("BlockAffinity", "n");
    unclaimed.extend([
        affinity("m", "10.0.0.32/28", "confirmed"),
        node("m", None),
        block("10.0.0.32/28", "m", &[]),
    ]);
    assert_eq!(kinds(&unclaimed), [AffinityMismatch]);
    assert_eq!(
        kinds(&without("Node", "n")),
        [AbsentNodeAddress, StaleAffinity, AbsentNodeBlock]
    );
    assert_eq!(kinds(&without("IPPool", "p")), [PodOutsidePools, BlockOutsidePools]);
    assert_eq!(kinds(&with(&[handle("gone", "10.0.0.0/28", 1)])), [OrphanHandle]);
    assert_eq!(
        kinds(&with(&[affinity("n", "10.0.0.16/28", "confirmed")])),
        [AffinityMismatch]
    );
    assert_eq!(
        kinds(&with(&[affinity("n", "10.0.0.16/28", "pending")])),
        [UnsettledAffinity]
    );
    assert_eq!(
        kinds(&with(&[pod("b", "n", "10.0.0.1", "Running")])),
        [DuplicatePodAddress]
    );
    assert_eq!(kinds(&with(&[pod("b", "n", "10.0.0.1", "Succeeded")])), []);
    assert_eq!(
        kinds(&with(&[pod("b", "n", "10.0.0.0", "Running")])),
        [PodHasTunnelAddress]
    );
    assert_eq!(kinds(&with(&[pod("b", "n", "10.0.0.9", "Running")])), [PodNotAllocated]);
    assert_eq!(
        kinds(&with(&[pod("b", "n", "172.17.0.2", "Running")])),
        [PodOutsidePools]
    );
    assert_eq!(kinds(&with(&[node("m", Some("10.0.0.5"))])), [TunnelNotAllocated]);
    let mut moved = without("Pod", "a");
    moved.extend([pod("a", "m", "10.0.0.1", "Running"), node("m", None)]);
    assert_eq!(kinds(&moved), [LeakedAddress]);
    let mut taken = without("Pod", "a");
    taken.push(pod("b", "n", "10.0.0.1", "Running"));
    assert_eq!(kinds(&taken), [LeakedAddress, PodNotOwner]);
    let mut finished = without("Pod", "a");
    finished.push(pod("a", "n", "10.0.0.1", "Succeeded"));
    assert_eq!(kinds(&finished), [FinishedPodAddress]);
    let mut inner = with(&[block("10.0.0.0/29", "n", &[])]);
    inner.push(affinity("n", "10.0.0.0/29", "confirmed"));
    assert_eq!(kinds(&inner), [OverlappingBlocks]);
    let other = block(
        "10.0.0.16/28",
        "n",
        &[
            ("h", json!({})),
            ("h", json!({"node": "n", "type": "ipipTunnelAddress"})),
        ],
    );
    assert_eq!(
        kinds(&with(&[
            other,
            handle("h", "10.0.0.16/28", 3),
            affinity("n", "10.0.0.16/28", "")
        ])),
        [UnownedAddress, StaleTunnelAddress, HandleCount]
    );
}

#[test]
fn a_leak_names_its_object_and_its_age() {
    let problem = run(&without("Pod", "a")).problems.remove(0);
    assert_eq!(problem.object, "IPAMBlock `10-0-0-0-28`");
    assert_eq!(
        (problem.conclusion, problem.since.as_deref(), problem.pod.as_deref()),
        ("IPAM-LEAK", Some("t"), Some("x/a"))
    );
    assert_eq!(
        problem.sentence,
        "10.0.0.1 is allocated to pod `x/a`, which does not exist"
    );
}

#[test]
fn streamed_and_read_audits_agree() {
    let objects = with(&[pod("b", "n", "10.0.0.1", "Running"), handle("gone", "10.0.0.0/28", 1)]);
    let cluster = Cluster::load(&objects);
    let list = |kind: &str| {
        let items: Vec<&Value> = objects.iter().filter(|object| object["kind"] == kind).collect();
        serde_json::to_vec(&json!({"kind": format!("{kind}List"), "items": items, "metadata": {"x": [1]}})).unwrap()
    };
    let mut facts = AuditFacts::default();
    facts.pools(cluster.pools.clone());
    facts.affinities(cluster.affinities.clone());
    facts.read_pods(list("Pod").as_slice()).unwrap();
    facts.read_nodes(list("Node").as_slice()).unwrap();
    facts.read_handles_slice(&list("IPAMHandle")).unwrap();
    let mut audit = Audit::new(&facts);
    audit.read_blocks(list("IPAMBlock").as_slice()).unwrap();
    let report = audit.finish();
    assert_eq!(report, run(&objects));
    assert_eq!(report.problems.len(), 2);
    let error = facts
        .read_pods(br#"{"items": [{"metadata": {"name": "a"}}, {"metadata": 1}]}"#.as_slice())
        .unwrap_err();
    assert_eq!(error.item, 1);
}

#[test]
fn structure() {
    let mut value = block("10.0.0.0/30", "n", &[("a", json!({}))]);
    assert_eq!(block_faults(&Block::from_value(&value).unwrap()), [] as [&str; 0]);
    value["spec"]["allocations"] = json!([0, 7, null]);
    value["spec"]["unallocated"] = json!([2, 2, 0, 9]);
    value["spec"]["attributes"] = json!([{"handle_id": "a"}, {"handle_id": "b"}]);
    let faults = block_faults(&Block::from_value(&value).unwrap());
    assert_eq!(faults.len(), 6, "{faults:?}");
}

#[test]
fn capacity() {
    let cluster = Cluster::load(&with(&[
        json!({"kind": "IPReservation", "metadata": {"name": "r"}, "spec": {"reservedCIDRs": ["10.0.0.0/31", "10.0.0.0/30", "192.0.2.0/24"]}}),
    ]));
    let pool = &pool_capacity(&cluster.pools, &cluster.blocks, &cluster.reservations)[0];
    assert_eq!((pool.addresses, pool.used, pool.reserved, pool.free), (256, 2, 2, 252));
    assert_eq!((pool.blocks, pool.blocks_free, pool.free_in_blocks), (16, 15, 14));
    let node = &node_capacity(&cluster.nodes, &cluster.blocks, &IpamConfig::default())[0];
    assert_eq!(
        (node.blocks, node.free, node.borrowed, node.reachable),
        (1, 14, 0, Some(320))
    );
}

#[test]
fn borrowed_is_lent_by_another() {
    let owners = [("a", pod_of("a", "n")), ("b", pod_of("b", "m"))];
    let cluster = Cluster::load(&[node("n", None), node("m", None), block("10.0.0.0/30", "n", &owners)]);
    let nodes = node_capacity(&cluster.nodes, &cluster.blocks, &IpamConfig::default());
    let shares: Vec<_> = nodes
        .iter()
        .map(|n| (n.used, n.borrowed, n.lent, n.reachable))
        .collect();
    assert_eq!(shares, [(2, 0, 1, Some(80)), (0, 1, 0, None)]);
}

#[test]
fn a_pod_that_is_being_deleted_is_no_rival() {
    let mut leaving = pod("old", "n", "10.0.0.0", "Running");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let both = |handed_to: &str| {
        run(&[
            pool("10.0.0.0/24", 30, Value::Null),
            node("n", None),
            block("10.0.0.0/30", "n", &[("a", pod_of(handed_to, "n"))]),
            affinity("n", "10.0.0.0/30", "confirmed"),
            handle("a", "10.0.0.0/30", 1),
            leaving.clone(),
            pod("new", "n", "10.0.0.0", "Running"),
        ])
    };
    assert_eq!(both("new").problems, []);
    assert_eq!(both("old").problems, []);
    // IPAM knows neither: that is wrong all the same.
    assert!(both("third").counts.contains_key(&ProblemKind::PodNotOwner));
}

#[test]
fn choices() {
    let choice =
        |objects: &[Value], requested: &[&str]| choose(&Cluster::load(objects), "n", Some("x"), requested, false);
    let name = |choice: &Choice| match choice.conclusion {
        Some(conclusion) => conclusion.to_owned(),
        None => serde_json::to_value(choice.outcome)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned(),
    };
    let own = choice(&sound(), &[]);
    assert_eq!(
        (own.outcome, own.address),
        (Outcome::OwnBlock, Some("10.0.0.2".parse().unwrap()))
    );
    let full: Vec<(&str, Value)> = (0..4).map(|_| ("a", pod_of("a", "n"))).collect();
    let one_block = |extra: Value| {
        vec![
            pool("10.0.0.0/29", 30, extra),
            node("n", None),
            block("10.0.0.0/30", "n", &full),
        ]
    };
    assert_eq!(name(&choice(&one_block(Value::Null), &[])), "new_block");
    let mut two = one_block(Value::Null);
    two.push(block("10.0.0.4/30", "m", &[("a", pod_of("a", "m"))]));
    assert_eq!(name(&choice(&two, &[])), "borrow");
    let config = |spec: Value| json!({"kind": "IPAMConfiguration", "metadata": {"name": "default"}, "spec": spec});
    two.push(config(json!({"strictAffinity": true})));
    assert_eq!(name(&choice(&two, &[])), "IPAM-STRICT-NO-BLOCK");
    // Another node's block that lies empty is taken over, borrowing or not.
    let mut empty = one_block(Value::Null);
    empty.push(block("10.0.0.4/30", "m", &[]));
    empty.push(config(json!({"strictAffinity": true})));
    let taken = choice(&empty, &[]);
    assert_eq!(
        (name(&taken).as_str(), taken.owner.as_deref()),
        ("new_block", Some("m"))
    );
    // Blocks of a pool that the pod may not use do not count towards the limit.
    let mut elsewhere = vec![pool("10.0.0.0/29", 30, Value::Null), node("n", None)];
    elsewhere.push(block("10.9.0.0/30", "n", &full));
    elsewhere.push(config(json!({"strictAffinity": true, "maxBlocksPerHost": 1})));
    assert_eq!(name(&choice(&elsewhere, &[])), "new_block");
    let mut limited = one_block(Value::Null);
    limited.push(config(json!({"strictAffinity": true, "maxBlocksPerHost": 1})));
    assert_eq!(name(&choice(&limited, &[])), "IPAM-BLOCK-LIMIT");
    let mut exhausted = one_block(Value::Null);
    exhausted.push(block("10.0.0.4/30", "m", &full));
    assert_eq!(name(&choice(&exhausted, &[])), "IPAM-POOL-EXHAUSTED");
    for extra in [
        json!({"nodeSelector": "zone == 'b'"}),
        json!({"allowedUses": ["Tunnel"]}),
        json!({"assignmentMode": "Manual"}),
        json!({"namespaceSelector": "team == 'z'"}),
    ] {
        let outcome = choice(&one_block(extra), &[]);
        assert_eq!(name(&outcome), "IPAM-NO-POOL-FOR-NODE");
    }
    assert_eq!(
        name(&choice(&one_block(json!({"nodeSelector": "zone == 'b'"})), &["p"])),
        "new_block"
    );
    assert_eq!(
        name(&choice(&one_block(json!({"disabled": true})), &[])),
        "IPAM-POOL-DISABLED"
    );
    assert_eq!(name(&choice(&sound(), &["q"])), "IPAM-POOL-DISABLED");
    // A good one beside it does not help.
    assert_eq!(name(&choice(&sound(), &["p", "q"])), "IPAM-POOL-DISABLED");
}

proptest! {
    #[test]
    fn used_free_and_reserved_make_up_the_pool(used in 0usize..16, reserved in 0u8..=4) {
        let owners: Vec<(&str, Value)> = (0..used).map(|_| ("a", pod_of("a", "n"))).collect();
        let cluster = Cluster::load(&[
            pool("10.0.0.0/24", 28, Value::Null),
            block("10.0.0.0/28", "n", &owners),
            json!({"kind": "IPReservation", "metadata": {"name": "r"},
                "spec": {"reservedCIDRs": [format!("10.0.0.0/{}", 32 - reserved)]}}),
        ]);
        let pool = &pool_capacity(&cluster.pools, &cluster.blocks, &cluster.reservations)[0];
        prop_assert_eq!(pool.used + pool.free + pool.reserved, pool.addresses);
    }

    #[test]
    fn odd_blocks_never_panic(allocations in proptest::collection::vec(proptest::option::of(-3i64..70), 0..70),
        unallocated in proptest::collection::vec(-3i64..70, 0..70), length in 0u8..=32) {
        let value = json!({"metadata": {"name": "b"}, "spec": {"cidr": format!("10.0.0.0/{length}"), "affinity": "host:n",
            "allocations": allocations, "unallocated": unallocated, "attributes": [{"handle_id": "a", "secondary": null}]}});
        let block = Block::from_value(&value).unwrap();
        prop_assert!(audit(&AuditFacts::default(), [&block]).blocks == 1);
    }
}
