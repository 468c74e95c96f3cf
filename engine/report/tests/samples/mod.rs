//! Results as runs would hand them over.

use runbook_core::{Certainty, Severity, StepStatus, Verdict, WorldKind};
use runbook_run::{CauseRecord, EvidenceRecord, FixRecord, RunResult, SCHEMA, StepRecord, SubjectRecord, WorldRecord};
use serde_json::json;

pub fn healthy() -> RunResult {
    RunResult {
        schema: SCHEMA.into(),
        run: "20261124-163729-pod-cross-node-7f3a".into(),
        runbook: "pod-cross-node".into(),
        runbook_sha256: "ab".repeat(32),
        params: json!({"src": "shop/cart-0", "dst": "shop/web-1", "node": null})
            .as_object()
            .cloned()
            .unwrap(),
        world: WorldRecord {
            kind: WorldKind::Snapshot,
            name: "examples/incidents/healthy.tar.zst".into(),
        },
        started: "2026-11-24T16:37:29Z".parse().unwrap(),
        duration_ms: 84,
        verdict: Verdict::Healthy,
        causes: vec![],
        findings: vec![],
        steps: vec![
            step("pods", "Are both pods running, on different nodes?", StepStatus::Ok, ""),
            step("encap", "Which encapsulation carries this pair?", StepStatus::Ok, ""),
            step(
                "bgp",
                "Are the BGP sessions established?",
                StepStatus::Skipped,
                "the pool uses VXLAN, which needs no BGP",
            ),
        ],
        evidence: vec![evidence("e1", "kubectl get --raw /api/v1/pods", "api", None, "{}")],
        notes: vec![],
    }
}

pub fn problem() -> RunResult {
    let mut result = healthy();
    let symptom = CauseRecord {
        code: "PACKET-LOSS".into(),
        summary: "10 of 10 pings from shop/cart-0 to 10.244.2.7 were lost".into(),
        explains: vec![],
        evidence: vec!["e3".into()],
        against: vec![],
        fixes: vec![],
        step: "probe".into(),
        data: Default::default(),
        ..blocked()
    };
    let guess = CauseRecord {
        code: "MTU-MISMATCH".into(),
        certainty: Certainty::Possible,
        severity: Severity::Warning,
        subject: subject("node", "worker-1"),
        summary: "eth0 of worker-1 has MTU 1450 and vxlan.calico has 1450 as well; 1400 is the most that fits".into(),
        explains: vec![],
        evidence: vec!["e4".into()],
        step: "mtu".into(),
        fixes: vec![fix("lower", "Lower the MTU of the tunnel to 1400", "low")],
        ..blocked()
    };
    result.verdict = Verdict::Problem;
    result.causes = vec![blocked(), guess.clone()];
    result.findings = vec![symptom, blocked(), guess];
    result.notes = vec!["the pair was chosen because both pods are on nodes that Calico runs on".into()];
    result.steps.extend([
        step(
            "firewall",
            "Does the host's own firewall let the tunnel through?",
            StepStatus::Finding,
            "",
        ),
        step("probe", "Do packets arrive?", StepStatus::Finding, ""),
        step(
            "capture",
            "Where do they stop?",
            StepStatus::Inconclusive,
            "cannot run `tcpdump` on `worker-2`: not in the recording",
        ),
        step(
            "peers",
            "Is a healthy pair different?",
            StepStatus::NotRun,
            "the cause was found and proven",
        ),
    ]);
    let ruleset = "table inet hostfw {\n\tchain input {\n\t\ttype filter hook input priority -10; policy accept;\n\t\tudp dport 4789 counter packets 312 bytes 43680 drop\n\t}\n}";
    result.evidence.extend([
        evidence("e2", "nft list ruleset", "node/worker-2", Some(0), ruleset),
        evidence(
            "e3",
            "ping -c 10 -W 1 10.244.2.7",
            "pod/shop/cart-0",
            Some(1),
            "10 packets transmitted, 0 received, 100% packet loss, time 9215ms",
        ),
        evidence(
            "e4",
            "ip -j -d link show",
            "node/worker-1",
            Some(0),
            &format!(
                "[{{\"x\":\"{}\",\"ifname\":\"vxlan.calico\",\"mtu\":1450,\"port\":4789,\"pad\":\"{}\"}}]",
                "a".repeat(200),
                "b".repeat(200)
            ),
        ),
        evidence(
            "e5",
            "ping -c 3 192.0.2.12",
            "node/worker-1",
            Some(0),
            "3 packets transmitted, 3 received, 0% packet loss",
        ),
    ]);
    result
}

fn blocked() -> CauseRecord {
    CauseRecord {
        code: "UNDERLAY-BLOCKS-VXLAN".into(),
        certainty: Certainty::Proven,
        severity: Severity::Problem,
        subject: subject("node", "worker-2"),
        summary: "UDP 4789 is dropped on worker-2 by nftables table inet hostfw: 312 packets so far, and none came out of vxlan.calico".into(),
        explains: vec!["PACKET-LOSS".into()],
        evidence: vec!["e4".into(), "e2".into(), "e3".into()],
        against: vec!["e5".into()],
        fixes: vec![
            FixRecord {
                commands: vec!["nft delete rule inet hostfw input handle {handle}".into()],
                rollback: "nft add rule inet hostfw input udp dport 4789 counter drop".into(),
                verify: "`ping` from the pod gets answers and the counter of the rule stands still".into(),
                ..fix("open-4789", "Take the rule out that drops UDP 4789", "medium")
            },
            fix("network", "Open UDP 4789 between all nodes in the network's own filter", "high"),
        ],
        step: "firewall".into(),
        data: json!({"node": "worker-2", "port": 4789, "packets": 312, "table": "hostfw", "lost": 10}).as_object().cloned().unwrap(),
    }
}

pub fn inconclusive() -> RunResult {
    let mut result = healthy();
    result.verdict = Verdict::Inconclusive;
    result.world = WorldRecord {
        kind: WorldKind::Live,
        name: "https://192.0.2.1:6443 (prod)".into(),
    };
    let reason = "cannot read the routes of `worker-2`: denied: pods \"calico-node-x7k2p\" is forbidden: cannot create resource pods/exec";
    result.steps.extend([
        step(
            "routes",
            "Does each node have a route to the other's block?",
            StepStatus::Inconclusive,
            reason,
        ),
        step(
            "fdb",
            "Does each node know the other's tunnel endpoint?",
            StepStatus::Inconclusive,
            reason,
        ),
        step(
            "probe",
            "Do packets arrive?",
            StepStatus::NotRun,
            "probes are not allowed in this run: --allow probe",
        ),
    ]);
    let failed = EvidenceRecord {
        failure: Some("denied".into()),
        exit: None,
        ..evidence("e2", "ip -j route", "node/worker-2", None, "")
    };
    result.evidence.push(failed);
    result
}

/// What a cluster could say to fool the reader or their terminal.
pub fn hostile() -> RunResult {
    let mut result = problem();
    let evil =
        "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[1;1HHEALTHY\r\nHEALTHY  pod-cross-node\u{202e}drowssap\u{200b}\u{9b}31m";
    result.runbook = evil.into();
    result.params.insert(format!("src{evil}"), evil.into());
    result.world.name = evil.into();
    result.run = evil.into();
    result.notes = vec![evil.into(), evil.into(), evil.into()];
    for cause in result.causes.iter_mut().chain(&mut result.findings) {
        cause.code = format!("CODE{evil}");
        cause.subject = subject(evil, evil);
        cause.summary = evil.into();
        cause.explains = vec![evil.into()];
        for fix in &mut cause.fixes {
            fix.title = evil.into();
            fix.risk = evil.into();
            fix.commands = vec![format!("echo '{evil}'")];
            fix.rollback = evil.into();
            fix.verify = evil.into();
        }
    }
    for step in &mut result.steps {
        step.title = evil.into();
        step.reason = evil.into();
    }
    for one in &mut result.evidence {
        one.question = format!("cat '{evil}'");
        one.target = evil.into();
        one.via = evil.into();
        one.excerpt = evil.into();
    }
    result
}

fn subject(kind: &str, name: &str) -> SubjectRecord {
    SubjectRecord {
        kind: kind.into(),
        name: name.into(),
    }
}

fn fix(id: &str, title: &str, risk: &str) -> FixRecord {
    let (rollback, verify) = Default::default();
    FixRecord {
        id: id.into(),
        title: title.into(),
        risk: risk.into(),
        commands: vec![],
        rollback,
        verify,
    }
}

fn step(id: &str, title: &str, status: StepStatus, reason: &str) -> StepRecord {
    StepRecord {
        id: id.into(),
        title: title.into(),
        status,
        reason: reason.into(),
        duration_ms: 3,
        evidence: vec![],
    }
}

fn evidence(id: &str, question: &str, target: &str, exit: Option<i32>, excerpt: &str) -> EvidenceRecord {
    EvidenceRecord {
        id: id.into(),
        question: question.into(),
        target: target.into(),
        via: "recorded".into(),
        exit,
        at: "2026-11-24T16:37:15Z".parse().unwrap(),
        duration_ms: 1,
        failure: None,
        excerpt: excerpt.into(),
    }
}
