//! Real objects with one value replaced: nothing panics, and what is left out is told.

use proptest::prelude::*;
use runbook_calico::{
    bgp::{BgpInputs, expected_exports, expected_sessions},
    cluster::Cluster,
    dataplane::{diff, expected_dataplane},
    felix::FelixConfig,
    ipam::{AuditFacts, audit, choose, pool_capacity},
    policy::{Flow, Party, PolicyIndex, Protocol, VerdictOptions},
    pool::overlaps,
};
use serde_json::{Value, json};

use crate::{
    data::{healthy, recorded},
    programmed::programmed,
};

fn pointers(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                pointers(
                    value,
                    &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")),
                    all,
                );
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().take(4).enumerate() {
                pointers(value, &format!("{path}/{at}"), all);
            }
        }
        _ => {}
    }
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(7)),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!(true)),
        Just(json!("")),
        Just(json!("0.0.0.0/0")),
        Just(json!("::1")),
        Just(json!("x".repeat(5000))),
        Just(json!("((((has(a))))")),
        Just(json!([])),
        Just(json!([[], {}, null])),
        Just(json!({})),
        "\\PC{0,12}".prop_map(|text| json!(text)),
    ]
}

fn everything(lists: &[Value], recorded: &Value) {
    let cluster = Cluster::load(lists);
    let (index, _) = PolicyIndex::new(&cluster);
    let _ = audit(&AuditFacts::of(&cluster), &cluster.blocks);
    let _ = pool_capacity(&cluster.pools, &cluster.blocks, &cluster.reservations);
    let _ = overlaps(&cluster.pools, &cluster.nodes, &cluster.service_cidrs);
    let inputs = BgpInputs {
        nodes: &cluster.nodes,
        peers: &cluster.bgp_peers,
        configs: &cluster.bgp_configs,
    };
    for node in &cluster.nodes {
        let _ = choose(&cluster, &node.name, Some("shop"), &[], false);
        let felix = cluster.felix(&node.name).unwrap_or_else(|_| FelixConfig::default());
        for ipv6 in [false, true] {
            let expected = expected_dataplane(&cluster, &index, node, &felix, Some(1500), ipv6);
            let _ = diff(&expected, &programmed(recorded));
            for session in expected_sessions(node, &inputs, ipv6) {
                let _ = expected_exports(&cluster, &index.endpoints, &session);
            }
        }
    }
    let parties: Vec<Party> = index
        .endpoints
        .iter()
        .step_by(3)
        .map(|endpoint| Party::pod(&endpoint.namespace, &endpoint.pod))
        .collect();
    for source in &parties {
        for destination in parties.iter().chain([
            &Party::Address([203, 0, 113, 1].into()),
            &Party::Node("kworker-1".into()),
        ]) {
            let flow = Flow::new(source.clone(), destination.clone(), Protocol::TCP, Some(8080));
            let verdict = index.verdict(&flow, &VerdictOptions::default());
            assert!(serde_json::to_value(verdict).is_ok());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_odd_value_never_panics(list: prop::sample::Index, item: prop::sample::Index, at: prop::sample::Index, odd in odd()) {
        let mut world = recorded(healthy).remove(0);
        let node = world.nodes["kworker-1"].clone();
        let filled: Vec<usize> = (0..world.lists.len())
            .filter(|list| world.lists[*list]["items"].as_array().is_some_and(|items| !items.is_empty()))
            .collect();
        let list = &mut world.lists[filled[list.index(filled.len())]];
        let items = list["items"].as_array_mut().unwrap();
        let count = items.len();
        let object = &mut items[item.index(count)];
        let mut all = Vec::new();
        pointers(object, "", &mut all);
        *object.pointer_mut(&all[at.index(all.len())]).unwrap() = odd;
        everything(&world.lists, &node);
    }
}
