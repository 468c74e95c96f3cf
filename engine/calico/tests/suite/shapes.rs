use runbook_calico::{
    bgp::{BgpInputs, expected_exports, expected_sessions},
    dataplane::expected_dataplane,
    ipam::{AuditFacts, audit, choose, node_capacity, pool_capacity},
    path::{PathOptions, expected},
    policy::{Flow, Party, PolicyIndex, Protocol, VerdictOptions},
    pool::overlaps,
};
use serde::Serialize;
use serde_json::Value;

use crate::data::{healthy, recorded};

/// Keys that are data: labels, annotations, counts per kind.
const OPEN: [&str; 5] = ["labels", "annotations", "counts", "secondary", "blocks"];

fn check(value: &Value, path: &str) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let snake = key
                    .chars()
                    .all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_');
                assert!(snake, "{path}.{key}");
                if !OPEN.contains(&key.as_str()) {
                    check(value, &format!("{path}.{key}"));
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check(item, path)),
        _ => {}
    }
}

fn shape(name: &str, value: impl Serialize) {
    check(&serde_json::to_value(value).unwrap(), name);
}

#[test]
fn everything_serialises_to_snake_case_maps() {
    let cluster = recorded(healthy).remove(0).cluster();
    let (index, _) = PolicyIndex::new(&cluster);
    shape("pools", &cluster.pools);
    shape("nodes", &cluster.nodes);
    shape("pods", &cluster.pods);
    shape("blocks", &cluster.blocks);
    shape("affinities", &cluster.affinities);
    shape("handles", &cluster.handles);
    shape("tiers", &cluster.tiers);
    shape("policies", &index.policies);
    shape("endpoints", &index.endpoints);
    shape("felix", cluster.felix("kworker-1").unwrap());
    shape("bgp_configs", &cluster.bgp_configs);
    shape("audit", audit(&AuditFacts::of(&cluster), &cluster.blocks));
    shape(
        "capacity",
        pool_capacity(&cluster.pools, &cluster.blocks, &cluster.reservations),
    );
    shape(
        "node_capacity",
        node_capacity(&cluster.nodes, &cluster.blocks, &cluster.ipam_config.clone().unwrap()),
    );
    shape("choice", choose(&cluster, "kworker-1", Some("shop"), &[], false));
    shape(
        "overlaps",
        overlaps(&cluster.pools, &cluster.nodes, &cluster.service_cidrs),
    );
    let block = cluster.blocks[0].cidr;
    shape(
        "path",
        expected(
            &cluster.nodes[0],
            &cluster.nodes[1],
            block,
            &cluster.pools[0],
            &PathOptions::default(),
        ),
    );
    let felix = cluster.felix("kworker-1").unwrap();
    shape(
        "dataplane",
        expected_dataplane(&cluster, &index, &cluster.nodes[0], &felix, None, false),
    );
    let inputs = BgpInputs {
        nodes: &cluster.nodes,
        peers: &cluster.bgp_peers,
        configs: &cluster.bgp_configs,
    };
    let sessions = expected_sessions(&cluster.nodes[0], &inputs, false);
    shape("exports", expected_exports(&cluster, &index.endpoints, &sessions[0]));
    shape("sessions", sessions);
    let pods = |at: usize| Party::pod(&index.endpoints[at].namespace, &index.endpoints[at].pod);
    let flow = Flow::new(pods(0), pods(5), Protocol::TCP, Some(8080));
    shape("verdict", index.verdict(&flow, &VerdictOptions::default()));
}

#[test]
fn healthy_clusters_have_no_overlap() {
    for world in recorded(healthy) {
        let cluster = world.cluster();
        assert_eq!(
            overlaps(&cluster.pools, &cluster.nodes, &cluster.service_cidrs),
            [],
            "{}",
            world.name
        );
    }
}
