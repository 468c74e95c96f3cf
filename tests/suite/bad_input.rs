//! What people get wrong: what, where, what to do, and the right code.

use crate::stage::{Stage, said};

#[test]
fn names_and_flags() {
    let stage = Stage::new();
    stage.run("helthy").is(
        2,
        &[],
        &["no runbook `helthy`", "did you mean `healthy`?", "`runbook list`"],
    );
    stage.run("long --sorce a/b").is(2, &[], &["--sorce"]);
    stage
        .run("long --src cart-0")
        .is(2, &[], &["`cart-0` is not a pod: say namespace/name", "--src"]);
    stage
        .run("long --limit-ms soon")
        .is(2, &[], &["`soon` is not a whole number"]);
    stage.run("long --timeout 10").is(2, &[], &["say 30s, 2m or 1h"]);
    stage.run("long --report pdf=x").is(2, &[], &["FORMAT=PATH"]);
    stage.run("long --ssh-host n1").is(2, &[], &["NODE=HOST"]);
    stage.run("long --allow everything").is(2, &[], &["read, probe, write"]);
    stage.say("frobnicate").is(2, &[], &["frobnicate"]);
    stage.say("run").is(2, &[], &["<NAME>"]);
    stage.say("").is(2, &[], &["Usage"]);
    stage
        .say("explain VETH-MISING")
        .is(2, &[], &["did you mean `VETH-MISSING`?"]);
    stage.say("doc kube::lst").is(2, &[], &["did you mean `kube::list`?"]);
}

#[test]
fn names_with_terminal_escapes_are_shown_harmless() {
    let stage = Stage::new();
    for line in [
        "run \x1b[2Jx",
        "run long --src \x1b[2J/x",
        "run --\x1b[31m",
        "explain \x1b[2J",
        "replay \x1b[2J",
        "doc \x1b[2J",
    ] {
        let said = stage.say(line);
        said.is(2, &[], &[]);
    }
    stage.run("hostile").is(1, &["VETH-MISSING"], &[]);
    let dark = "run x --world \u{202e}w";
    assert!(!stage.say(dark).err.contains('\u{202e}'));
}

#[test]
fn scripts_that_do_not_load() {
    let stage = Stage::new();
    stage.book("syntax", "//! Broken.\nfn main(p) {\n    let x = ;\n}\n");
    stage
        .run("syntax")
        .is(3, &[], &["error:", "syntax.rhai:3:13", "let x = ;"]);
    stage.say("run syntax --help").is(3, &[], &["syntax.rhai:3:13"]);
    stage.book("clash", "//! x.\nfn params() { [#{ name: \"timeout\", kind: \"string\" }] }\nfn main(p) { step(\"a\", \"B?\", || 1); }\n");
    stage.run("clash").is(3, &[], &["parameter `timeout`", "another name"]);
    stage.book(
        "kind",
        "//! x.\nfn params() { [#{ name: \"a\", kind: \"colour\" }] }\nfn main(p) { step(\"a\", \"B?\", || 1); }\n",
    );
    stage.run("kind").is(3, &[], &["kind `colour`", "pod-or-address"]);
    stage
        .say("list")
        .is(0, &["does not load: `runbook check` says why"], &[]);
    stage.say("check syntax misspelt healthy").is(
        3,
        &[
            "syntax.rhai:3:13",
            "no function `lisd`",
            "misspelt.rhai:3",
            "something wrong in 2",
        ],
        &[],
    );
    stage.say("check healthy").is(0, &["nothing wrong"], &[]);
}

#[test]
fn worlds_that_are_none() {
    let stage = Stage::new();
    let run = |world: &str| stage.say(&format!("run healthy --world {world}"));
    run("nowhere").is(2, &[], &["cannot read `nowhere`", "a world is a directory"]);
    run("books").is(2, &[], &["`books` is not a world", "runbook record"]);
    stage.file("text.tar.zst", "not an archive at all");
    run("text.tar.zst").is(2, &[], &["`text.tar.zst` is not a world"]);
    stage.file(
        "newer/index.json",
        "{\"format\": \"runbook.recording/99\", \"captures\": 7}",
    );
    run("newer").is(2, &[], &["runbook.recording/99", "update runbook"]);
    stage.file("damaged/index.json", "{\"captures\": [");
    run("damaged").is(2, &[], &["does not parse"]);
    stage.file(
        "old/journal.ndjson",
        "{\"type\":\"begin\",\"format\":\"runbook.journal/99\"}\n",
    );
    run("old").is(2, &[], &["runbook.journal/99"]);
    stage.file("empty/journal.ndjson", "");
    run("empty").is(2, &[], &["no beginning"]);
}

#[test]
fn an_archive_that_was_cut_off() {
    let stage = Stage::new();
    stage
        .say("record healthy --to full.tar.zst --world world")
        .is(0, &[], &["recorded: full.tar.zst"]);
    stage.say("run healthy --world full.tar.zst").is(0, &[], &[]);
    let whole = std::fs::read(stage.0.work().join("full.tar.zst")).unwrap();
    std::fs::write(stage.0.work().join("half.tar.zst"), &whole[..whole.len() / 2]).unwrap();
    stage.say("run healthy --world half.tar.zst").is(
        2,
        &[],
        &["`half.tar.zst` is damaged or cut off", "copy it again"],
    );
    stage
        .say("record healthy --to full.tar.zst --world world")
        .is(2, &[], &["exists already"]);
}

#[test]
fn settings() {
    let stage = Stage::new();
    stage.file("runbook.toml", "lang = \"zh\"\ncolour = \"never\"\n");
    stage
        .say("list")
        .is(2, &[], &["runbook.toml`, line 2, column 1", "unknown field `colour`"]);
    stage.file("runbook.toml", "output = \"xml\"\n");
    stage.run("healthy").is(2, &[], &["xml"]);
    stage.file("runbook.toml", "[ssh]\nconfig = \"evil\"\n");
    stage.run("healthy").is(2, &[], &["`ssh.config`", "can start programs"]);
    stage.file(
        "runbook.toml",
        "output = \"json\"\n[params]\nlimit_ms = 7\n[params.long]\nlimit_ms = 8\n",
    );
    let text = stage.run("long").out;
    assert!(text.starts_with('{') && text.contains("limit 8"), "{text}");
    assert!(stage.run("long --limit-ms 9").out.contains("limit 9"), "a flag wins");
    let mut command = stage.command("run long --world world");
    assert!(
        !said(command.env("RUNBOOK_OUTPUT", "text")).out.starts_with('{'),
        "a variable wins over a file"
    );
    stage
        .0
        .write("../config/runbook/runbook.toml", "output = \"ndjson\"\nlang = \"zh\"\n")
        .unwrap();
    assert!(
        stage.run("long").out.starts_with("{\n"),
        "the project wins over the user"
    );
}

#[test]
fn no_ssh_on_this_machine() {
    let stage = Stage(Stage::new().0.only_tools(&["sh"]).unwrap());
    stage
        .say("run healthy --via ssh")
        .is(4, &[], &["no `ssh` on this machine", "calico-node pods"]);
    stage
        .say("doctor")
        .is(4, &["warn  ssh", "through their pods only"], &[]);
}
