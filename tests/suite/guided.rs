//! Guided mode, on a terminal of its own with scripted keys.

use crate::stage::Stage;
use rexpect::session::{PtySession, spawn_command};
use std::time::Duration;

fn guided(stage: &Stage, line: &str) -> PtySession {
    let mut command = stage.command(&format!("run {line} --world world"));
    command
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .env("COLUMNS", "80")
        .env("PAGER", "cat");
    command.stdin(std::process::Stdio::inherit());
    spawn_command(command, Some(20_000)).unwrap()
}

/// Waits for a prompt, then presses a key.
fn press(p: &mut PtySession, key: &str) {
    p.exp_string("? help]").unwrap();
    std::thread::sleep(Duration::from_millis(80));
    p.send(key).unwrap();
    p.flush().unwrap();
}

fn code(p: &mut PtySession) -> i32 {
    p.exp_eof().unwrap();
    // `Exited(Pid(7), 1)`: the type itself is of a crate that rexpect does not hand on.
    let ended = format!("{:?}", p.process().wait().unwrap());
    let code = ended
        .strip_prefix("Exited(")
        .and_then(|rest| rest.trim_end_matches(')').rsplit(", ").next());
    code.and_then(|c| c.parse().ok()).unwrap_or_else(|| panic!("{ended}"))
}

#[test]
fn step_by_step_to_the_end() {
    let stage = Stage::new();
    let mut p = guided(&stage, "long");
    p.exp_string("Four questions in a row.").unwrap();
    p.exp_string("1/4  Which nodes are there?").unwrap();
    press(&mut p, "\r");
    p.exp_string("asks api: kubectl get --raw /api/v1/nodes").unwrap();
    p.exp_string("ok in").unwrap();
    p.exp_string("2/4  Is the link there?").unwrap();
    press(&mut p, "\r");
    p.exp_string("PROBLEM VETH-MISSING (likely) on pod shop/cart-0")
        .unwrap();
    p.exp_string("3/4").unwrap();
    press(&mut p, "a");
    p.exp_string("inconclusive in").unwrap();
    p.exp_string("4/4").unwrap();
    assert_eq!(code(&mut p), 1);
}

#[test]
fn skip_note_evidence_explain_and_back() {
    let stage = Stage::new();
    let mut p = guided(&stage, "long");
    press(&mut p, "\r");
    press(&mut p, "e");
    p.exp_string("Which evidence?").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    p.send("\r").unwrap();
    p.flush().unwrap();
    p.exp_string("$ kubectl get --raw /api/v1/nodes").unwrap();
    p.exp_string("worker-1").unwrap();
    press(&mut p, "n");
    p.exp_string("Note:").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    p.send("seen with own eyes\r").unwrap();
    p.flush().unwrap();
    p.exp_string("note: seen with own eyes").unwrap();
    press(&mut p, "s");
    p.exp_string("Why skip it?").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    p.send("known already\r").unwrap();
    p.flush().unwrap();
    p.exp_string("skipped: known already").unwrap();
    p.exp_string("3/4").unwrap();
    press(&mut p, "b");
    p.exp_string("Back to which step?").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    p.send("\r").unwrap();
    p.flush().unwrap();
    p.exp_string("1/4").unwrap();
    p.exp_string("will ask api: kubectl get --raw /api/v1/nodes").unwrap();
    press(&mut p, "a");
    p.exp_string("2/4").unwrap();
    p.exp_string("PROBLEM VETH-MISSING").unwrap();
    assert_eq!(code(&mut p), 1);
}

#[test]
fn stopping_keeps_the_result() {
    let stage = Stage::new();
    let mut p = guided(&stage, "long");
    press(&mut p, "\r");
    press(&mut p, "q");
    p.exp_string("not run").unwrap();
    assert_eq!(code(&mut p), 7);
}

#[test]
fn ctrl_c_at_a_prompt_and_in_a_step() {
    let stage = Stage::new();
    let mut p = guided(&stage, "long");
    press(&mut p, "\x03");
    assert_eq!(code(&mut p), 130);
    let mut p = guided(&stage, "busy");
    press(&mut p, "\r");
    std::thread::sleep(Duration::from_millis(300));
    p.send_control('c').unwrap();
    assert_eq!(code(&mut p), 130);
}

#[test]
fn headless_on_a_terminal_asks_nothing() {
    let stage = Stage::new();
    let mut p = guided(&stage, "problem --headless");
    p.exp_string("no link leads to shop/cart-0").unwrap();
    assert_eq!(code(&mut p), 1);
}
