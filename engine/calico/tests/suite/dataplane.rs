use runbook_calico::{
    bgp::{BgpInputs, ExportDecision, diff_sessions, expected_exports, expected_sessions},
    dataplane::{Diff, diff, expected_dataplane},
    policy::PolicyIndex,
};

use crate::{
    data::{Recorded, healthy, recorded},
    programmed::{programmed, sessions},
};

fn diffs(world: &Recorded) -> Vec<Diff> {
    let cluster = world.cluster();
    let (index, _) = PolicyIndex::new(&cluster);
    let mut diffs = Vec::new();
    for node in &cluster.nodes {
        let Some(recorded) = world.nodes.get(&node.name) else {
            continue;
        };
        let felix = cluster.felix(&node.name).unwrap();
        let expected = expected_dataplane(&cluster, &index, node, &felix, Some(1500), false);
        diffs.push(diff(&expected, &programmed(recorded)));
    }
    diffs
}

fn session_diffs(world: &Recorded) -> Vec<String> {
    let cluster = world.cluster();
    let inputs = BgpInputs {
        nodes: &cluster.nodes,
        peers: &cluster.bgp_peers,
        configs: &cluster.bgp_configs,
    };
    let mut sentences = Vec::new();
    for node in &cluster.nodes {
        let Some(recorded) = world.nodes.get(&node.name) else {
            continue;
        };
        let expected = expected_sessions(node, &inputs, false);
        let diff = diff_sessions(&expected, &sessions(recorded));
        sentences.extend(diff.into_iter().map(|diff| format!("{}: {}", node.name, diff.sentence)));
    }
    sentences
}

#[test]
fn healthy_nodes_have_what_they_should() {
    for world in recorded(healthy) {
        let diffs = diffs(&world);
        assert_eq!(diffs.len(), 3);
        for diff in diffs {
            let sentences: Vec<&str> = diff
                .differences
                .iter()
                .map(|difference| difference.sentence.as_str())
                .collect();
            assert!(sentences.is_empty(), "{}: {}", world.name, sentences.join("\n"));
        }
        assert_eq!(session_diffs(&world), [] as [String; 0], "{}", world.name);
    }
}

fn sentences(world: &Recorded) -> Vec<String> {
    let mut all: Vec<String> = diffs(world)
        .into_iter()
        .flat_map(|diff| diff.differences)
        .map(|difference| difference.sentence)
        .collect();
    all.extend(session_diffs(world));
    all
}

#[test]
fn policy_and_ipam_faults_leave_the_dataplane_as_it_should_be() {
    for world in recorded(|name| name.starts_with("policy-") || name == "host-endpoint-blocks" || name == "ipam-leak") {
        assert_eq!(sentences(&world), [] as [String; 0], "{}", world.name);
    }
}

#[test]
fn the_injected_fault_is_all_that_differs() {
    let only = |name: &'static str| sentences(&recorded(|found| found == name)[0]);
    assert_eq!(
        only("vxlan-route-missing"),
        [
            "`kworker-1` has no route `10.65.74.192/26 via 10.65.74.192 dev vxlan.calico onlink` (block of node \
          `kworker-2` through its VTEP)"
        ]
    );
    assert_eq!(
        only("bgp-as-mismatch"),
        [
            "`kworker-1` has no route `10.66.74.192/26 via 198.18.0.2 dev eth0 proto bird` (block of node \
             `kworker-2`, not encapsulated)",
            "`kworker-2` has no route `10.66.37.192/26 via 198.18.0.1 dev eth0 proto bird` (block of node \
             `kworker-1`, not encapsulated)",
            "kworker-1: `kworker-1` expects AS 64513 of `kworker-2`, which uses 64512",
            "kworker-1: `Node_198_18_0_2` to 198.18.0.2 (node `kworker-2`) is Idle, not Established, `BGP Error: Bad \
             peer AS`",
            "kworker-2: `kworker-1` expects AS 64513 of `kworker-2`, which uses 64512",
            "kworker-2: `Node_198_18_0_1` to 198.18.0.1 (node `kworker-1`) is Idle, not Established, `Received: Bad \
             peer AS`",
        ]
    );
}

/// `birdcl show route export PROTOCOL` of every established session.
#[test]
fn exports_equal_those_of_bird() {
    let judged = |name: &str| healthy(name) || name == "bgp-export-disabled" || name == "duplicate-pod-ip";
    let mut compared = 0;
    for world in recorded(judged) {
        let cluster = world.cluster();
        let (index, _) = PolicyIndex::new(&cluster);
        let inputs = BgpInputs {
            nodes: &cluster.nodes,
            peers: &cluster.bgp_peers,
            configs: &cluster.bgp_configs,
        };
        for node in &cluster.nodes {
            for session in expected_sessions(node, &inputs, false) {
                let Some(told) = world.nodes[&node.name]["exports"].get(&session.name) else {
                    continue;
                };
                let mut told: Vec<String> = serde_json::from_value(told.clone()).unwrap();
                told.sort();
                let exports = expected_exports(&cluster, &index.endpoints, &session);
                let exports = exports
                    .into_iter()
                    .filter(|export| export.decision == ExportDecision::Export);
                let mut wanted: Vec<String> = exports.map(|export| export.prefix.to_string()).collect();
                wanted.sort();
                assert_eq!(wanted, told, "{} {} {}", world.name, node.name, session.name);
                compared += 1;
            }
        }
    }
    assert!(compared >= 18, "{compared}");
}

/// With `RUNBOOK_CALICO_DATA` and `--nocapture`: what each cluster's nodes lack.
#[test]
fn diffs_of_all() {
    for world in recorded(|_| true) {
        for diff in diffs(&world) {
            for difference in diff.differences {
                println!("{}: {}", world.name, difference.sentence);
            }
        }
        for sentence in session_diffs(&world) {
            println!("{}: {sentence}", world.name);
        }
    }
}
