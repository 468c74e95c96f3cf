//! What the commands show.

use crate::stage::{Stage, said};
use std::{
    io::Read,
    process::{Command, Stdio},
};

#[test]
fn list_and_show() {
    let stage = Stage::new();
    stage
        .say("list")
        .is(0, &["long", "Four questions in a row.", "books/long.rhai"], &[]);
    let json: serde_json::Value = serde_json::from_str(&stage.say("list --output json").out).unwrap();
    assert!(
        json.as_array()
            .unwrap()
            .iter()
            .any(|r| r["name"] == "long" && r["params"][0]["name"] == "src")
    );
    let show = stage
        .say("show long")
        .is(
            0,
            &["--src", "--limit-ms", "(default 5)", "Which nodes are there?"],
            &[],
        )
        .out
        .clone();
    assert!(show.lines().all(|l| l.chars().count() <= 100), "{show}");
    stage.say("show ./books/long.rhai").is(0, &["Four questions"], &[]);
}

#[test]
fn a_runbooks_parameters_are_flags() {
    let help = Stage::new()
        .say("run long --help")
        .is(
            0,
            &[
                "Parameters of long:",
                "--src <NAMESPACE/POD>",
                "the pod that asks",
                "[default: 5]",
            ],
            &[],
        )
        .out
        .clone();
    assert!(help.starts_with("Four questions in a row."), "{help}");
}

#[test]
fn names_work_with_and_without_ending_and_from_anywhere() {
    let stage = Stage::new();
    for name in ["long", "long.rhai", "books/long.rhai", "./books/long", "books/long"] {
        stage.run(&format!("{name} --exit-zero")).is(0, &["VETH-MISSING"], &[]);
    }
    stage.run("--limit-ms 3 long --exit-zero").is(0, &["limit 3"], &[]);
}

#[test]
fn explain_find_and_doc() {
    let stage = Stage::new();
    stage
        .say("explain veth-missing")
        .is(0, &["VETH-MISSING", "Confirm by hand", "Fix:"], &[]);
    stage.say("explain VETH-MISSING --lang zh").is(0, &["修复"], &[]);
    stage.say("find no route to host").is(0, &["NODE-UNREACHABLE"], &[]);
    stage.say("find zzzz").is(2, &[], &["no finding code for `zzzz`"]);
    stage.say("doc").is(0, &["kube", "step("], &[]);
    stage.say("doc kube").is(0, &["kube::list(kind)"], &[]);
    stage.say("doc kube::list").is(0, &["kube::list(kind)"], &[]);
    stage.say("doc list").is(0, &["kube::list(kind)"], &[]);
}

#[test]
fn doctor_tells_the_rule_for_journals() {
    Stage::new().say("doctor").is(
        4,
        &[
            "ok    journals",
            "the newest 200 runs are kept, none older than 30 days",
            "ok    runbook",
        ],
        &[],
    );
}

#[test]
fn completions_know_runbooks_and_their_parameters() {
    let stage = Stage::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        stage.say(&format!("completions {shell}")).is(0, &["COMPLETE"], &[]);
    }
    let complete = |words: &str| {
        let mut command = stage.command("");
        let index = words.split(' ').count() - 1;
        command
            .arg("--")
            .args(words.split(' '))
            .env("COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", index.to_string());
        command
            .env("_CLAP_COMPLETE_COMP_TYPE", "9")
            .env("_CLAP_COMPLETE_SPACE", "false")
            .env("_CLAP_IFS", "\n");
        said(&mut command).out
    };
    assert!(
        complete("runbook run lo").lines().any(|l| l.trim() == "long"),
        "{}",
        complete("runbook run lo")
    );
    assert!(
        complete("runbook run long --s").contains("--src"),
        "{}",
        complete("runbook run long --s")
    );
}

#[test]
fn output_goes_where_it_should() {
    let stage = Stage::new();
    let json = stage.run("long --output json --report text=r.txt --report json=r.json");
    json.is(1, &[], &[]);
    assert_eq!(json.err, "", "nothing to say");
    let result: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(result["schema"], "runbook.result/1");
    let read = |name: &str| std::fs::read_to_string(stage.0.work().join(name)).unwrap();
    assert_eq!(read("r.json"), json.out);
    assert!(read("r.txt").contains("VETH-MISSING"));
    stage
        .run("healthy --report json=no/such/folder/r.json")
        .is(2, &["healthy"], &["cannot write the report"]);
    let lines: Vec<serde_json::Value> = stage
        .run("long --output ndjson")
        .out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let kinds: Vec<&str> = lines.iter().map(|l| l["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["step-begin", "step-end"]);
    assert_eq!(kinds.last(), Some(&"result"));
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let stage = Stage::new();
    for line in [
        "run long --output ndjson --world world",
        "run long --world world",
        "list",
        "explain VETH-MISSING",
        "run --help",
    ] {
        let mut child = stage
            .command(line)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(matches!(child.wait().unwrap().code(), Some(0 | 1)), "{line}: {err}");
        assert_eq!(err, "", "{line}");
    }
    let line = format!("{} doc | head -1", env!("CARGO_BIN_EXE_runbook"));
    let piped = said(Command::new("sh").args(["-c", &line]));
    assert_eq!((piped.code, piped.err.as_str()), (0, ""));
}

#[test]
fn help_reads_well() {
    let stage = Stage::new();
    for (name, line) in [
        ("help", "--help"),
        ("help-run", "run --help"),
        ("help-run-long", "run long --help"),
        ("help-replay", "replay --help"),
    ] {
        let mut command = stage.command(line);
        let said = said(command.env("COLUMNS", "80"));
        said.is(0, &["Usage: "], &[]);
        insta::assert_snapshot!(name, said.out);
    }
}
