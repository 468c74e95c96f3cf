//! The matrix as a test, and the judge on results made by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use runbook_cases::{Case, Expect, Runner, cases, foreign, foreign_table, judge, run_all, table};
use runbook_core::{Certainty, Severity, Verdict, WorldKind};
use runbook_run::{CauseRecord, RunResult, SCHEMA, SubjectRecord, WorldRecord};
use runbook_script::Library;
use std::path::Path;

fn repository_cases() -> Vec<Case> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    cases(&tests).unwrap()
}

/// Each runbook names the injected cause, is silent on healthy worlds, and calls nothing proven that is not so.
#[test]
fn every_runbook_says_what_is_true() {
    let runner = Runner::new(Library::default()).unwrap();
    let own = repository_cases();
    let judged = run_all(&runner, &own);
    assert!(!judged.is_empty(), "no case under tests/recordings: nothing was tested");
    assert!(judged.iter().all(|j| j.is_ok()), "\n{}", table(&judged));
    let judged = run_all(&runner, &foreign(&runner, &own, false));
    assert!(judged.iter().all(|j| j.is_ok()), "\n{}", foreign_table(&judged));
}

fn finding(code: &str, certainty: Certainty, explains: &[&str]) -> CauseRecord {
    CauseRecord {
        code: code.into(),
        certainty,
        severity: Severity::Problem,
        subject: SubjectRecord {
            kind: "node".into(),
            name: "n".into(),
        },
        summary: String::new(),
        explains: explains.iter().map(|e| (*e).into()).collect(),
        evidence: vec![],
        against: vec![],
        fixes: vec![],
        step: String::new(),
        data: Default::default(),
    }
}

fn result(verdict: Verdict, findings: &[CauseRecord]) -> RunResult {
    RunResult {
        schema: SCHEMA.into(),
        run: String::new(),
        runbook: "r".into(),
        runbook_sha256: String::new(),
        params: Default::default(),
        world: WorldRecord {
            kind: WorldKind::Snapshot,
            name: String::new(),
        },
        started: "2026-11-24T16:37:29Z".parse().unwrap(),
        duration_ms: 1,
        verdict,
        causes: findings.iter().take(1).cloned().collect(),
        findings: findings.to_vec(),
        steps: vec![],
        evidence: vec![],
        notes: vec![],
    }
}

fn case(expect: &str) -> Case {
    let expect: Expect = toml::from_str(&format!("world = \"w\"\n{expect}")).unwrap();
    Case {
        runbook: "r".into(),
        name: "c".into(),
        world: "w".into(),
        expect,
    }
}

#[test]
fn the_judge_is_strict_about_what_is_proven() {
    use Certainty::{Likely, Proven};
    let fault = "verdict = \"problem\"\nfirst = [\"A\"]\nalso = [\"B\"]";
    let healthy = "verdict = \"healthy\"\nexit = 0";
    let cases: &[(&str, Verdict, &[CauseRecord], &str)] = &[
        (fault, Verdict::Problem, &[finding("A", Proven, &[])], ""),
        (
            fault,
            Verdict::Problem,
            &[finding("A", Proven, &["C"]), finding("C", Proven, &[])],
            "",
        ),
        (
            fault,
            Verdict::Problem,
            &[finding("A", Proven, &[]), finding("B", Proven, &[])],
            "",
        ),
        (
            fault,
            Verdict::Problem,
            &[finding("A", Proven, &[]), finding("X", Likely, &[])],
            "",
        ),
        (
            fault,
            Verdict::Problem,
            &[finding("A", Proven, &[]), finding("X", Proven, &[])],
            "not true: X",
        ),
        (
            fault,
            Verdict::Problem,
            &[finding("B", Proven, &[])],
            "first cause is B, not A",
        ),
        (fault, Verdict::Inconclusive, &[], "verdict is inconclusive"),
        (healthy, Verdict::Healthy, &[], ""),
        (
            healthy,
            Verdict::Healthy,
            &[finding("X", Likely, &[])],
            "healthy world has findings: X",
        ),
        (healthy, Verdict::Warning, &[], "exit code is 6, not 0"),
        (
            "also = [\"A\"]",
            Verdict::Inconclusive,
            &[finding("A", Proven, &[])],
            "",
        ),
        ("", Verdict::Problem, &[finding("A", Proven, &[])], "not true: A"),
    ];
    for (expect, verdict, findings, want) in cases {
        let judged = judge(case(expect), Ok(result(*verdict, findings)));
        let faults = judged.faults.join("; ");
        assert_eq!(judged.is_ok(), want.is_empty(), "{expect}: {faults}");
        assert!(faults.contains(want), "{expect}: {faults}");
        assert!(table(&[judged]).contains(if want.is_empty() { "0 wrong;" } else { "1 wrong;" }));
    }
    assert!(!judge(case(fault), Err("no world".to_string().into())).is_ok());
}
