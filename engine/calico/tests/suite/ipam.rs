use runbook_calico::{
    cluster::Cluster,
    ipam::{AuditFacts, AuditReport, Outcome, ProblemKind, audit, choose, pool_capacity},
};

use crate::data::{healthy, recorded};

fn report(cluster: &Cluster) -> AuditReport {
    audit(&AuditFacts::of(cluster), &cluster.blocks)
}

#[test]
fn healthy_clusters_have_no_ipam_problem() {
    for world in recorded(healthy) {
        let report = report(&world.cluster());
        assert_eq!(report.problems, [], "{}", world.name);
        assert_eq!((report.blocks, report.allocated), (6, 13), "{}", world.name);
    }
}

#[test]
fn the_injected_leak_is_all_that_is_found() {
    let world = recorded(|name| name == "ipam-leak").remove(0);
    let report = report(&world.cluster());
    let kinds: Vec<ProblemKind> = report.counts.keys().copied().collect();
    assert_eq!(kinds, [ProblemKind::LeakedAddress]);
    // `calicoctl ipam check` counted the same.
    assert_eq!(report.problems.len(), 4);
}

#[test]
fn capacity_equals_calicoctl() {
    let cluster = recorded(healthy).remove(0).cluster();
    let capacity = pool_capacity(&cluster.pools, &cluster.blocks, &cluster.reservations);
    for pool in capacity {
        assert_eq!(pool.addresses, 65536);
        assert_eq!(pool.used + pool.free, 65536);
    }
}

/// CNI's ADD for a pod that waits in the recording was refused for the reason that the model gives.
#[test]
fn refusals_equal_those_of_cni() {
    for (name, node, pools, conclusion) in [
        (
            "ip-strict-affinity",
            "kworker-3",
            &["batch-pool"][..],
            "IPAM-STRICT-NO-BLOCK",
        ),
        ("ip-pool-exhausted", "kworker-2", &["batch-pool"], "IPAM-POOL-EXHAUSTED"),
        ("ippool-disabled", "kworker-1", &["bgp-pool"], "IPAM-POOL-DISABLED"),
        ("pool-node-selector", "kworker-3", &[], "IPAM-NO-POOL-FOR-NODE"),
    ] {
        let cluster = recorded(|found| found == name).remove(0).cluster();
        let choice = choose(&cluster, node, Some("shop"), pools, false);
        assert_eq!(
            (choice.outcome, choice.conclusion),
            (Outcome::Refused, Some(conclusion)),
            "{name}: {}",
            choice.sentence
        );
        println!("{name}: {}", choice.sentence);
    }
    let cluster = recorded(healthy).remove(0).cluster();
    assert_eq!(
        choose(&cluster, "kworker-1", Some("shop"), &[], false).outcome,
        Outcome::OwnBlock
    );
}

/// With `RUNBOOK_CALICO_DATA` and `--nocapture`: what each cluster's audit says.
#[test]
fn audits_of_all() {
    for world in recorded(|_| true) {
        let report = report(&world.cluster());
        for problem in &report.problems {
            println!("{}: {} {}", world.name, problem.conclusion, problem.sentence);
        }
    }
}
