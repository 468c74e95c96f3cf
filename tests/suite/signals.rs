//! Ctrl-C, SIGTERM, kill -9.

use crate::stage::Stage;
use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status()
            .unwrap()
            .success()
    );
}

/// Starts a run and waits until its journal says that a step runs.
fn started(stage: &Stage, line: &str) -> Child {
    let mut command = stage.command(&format!("run {line} --world world --output json"));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = || {
        let journals = stage
            .runs()
            .into_iter()
            .filter_map(|r| std::fs::read_to_string(r.join("journal.ndjson")).ok());
        journals.into_iter().any(|text| text.contains("step-begin"))
    };
    let patience = Instant::now() + Duration::from_secs(20);
    while !begun() {
        assert!(Instant::now() < patience, "the run does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn hanging_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|l| l.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() & 1 == 1
}

#[test]
fn a_stopped_run_tells_what_it_has_and_exits_130() {
    for (book, name) in [("busy", "INT"), ("sleepy", "INT"), ("busy", "TERM"), ("sleepy", "HUP")] {
        // Whoever started us with `nohup` wants hanging up to be ignored, and so it is.
        if name == "HUP" && hanging_up_is_ignored() {
            continue;
        }
        let stage = Stage::new();
        let child = started(&stage, book);
        signal(&child, name);
        let sent = Instant::now();
        let done = child.wait_with_output().unwrap();
        let took = sent.elapsed();
        assert_eq!(done.status.code(), Some(130), "{book} {name}");
        // 100 ms on a quiet machine; the benches hold the exact limit.
        assert!(took < Duration::from_secs(2), "{book} {name}: {took:?}");
        let result: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(result["verdict"], "inconclusive");
        assert_eq!(String::from_utf8_lossy(&done.stderr), "");
    }
}

#[test]
fn a_killed_run_leaves_a_journal_that_opens() {
    let stage = Stage::new();
    let mut child = started(&stage, "sleepy");
    signal(&child, "KILL");
    child.wait().unwrap();
    let said = stage.say("replay last --step-timeout 100ms --output json");
    said.is(5, &["not done within the time of a step"], &[]);
}
