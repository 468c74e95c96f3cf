//! Journals, recordings, replays.

use crate::stage::Stage;
use serde_json::Value;
use std::fs;

/// A result without what differs between two runs of the same answers.
pub(crate) fn essence(json: &str) -> Value {
    let mut result: Value = serde_json::from_str(json).unwrap();
    for key in ["run", "started", "duration_ms", "world"] {
        result[key] = Value::Null;
    }
    for step in result["steps"].as_array_mut().unwrap() {
        step["duration_ms"] = Value::Null;
    }
    result
}

#[test]
fn a_run_is_kept_and_replays_to_the_same() {
    let stage = Stage::new();
    let first = stage.run("long --output json --src shop/cart-0 --limit-ms 9");
    assert_eq!(stage.runs().len(), 1);
    let again = stage.say("replay last --output json");
    again.is(1, &["limit 9 src shop/cart-0"], &[]);
    assert_eq!(essence(&first.out), essence(&again.out));
    assert_eq!(stage.runs().len(), 1, "a replay is not kept");
    let folder = stage.runs().remove(0);
    let id = folder.file_name().unwrap().to_string_lossy().into_owned();
    stage.say(&format!("replay {id} --exit-zero")).is(0, &[], &[]);
    stage.say(&format!("replay {}", folder.display())).is(1, &[], &[]);
    stage
        .say(&format!("run long --world {}", folder.display()))
        .is(1, &[], &[]);
    stage
        .say("replay nothing-like-that")
        .is(2, &[], &["no run `nothing-like-that`"]);
    stage
        .say("replay world")
        .is(2, &[], &["not the journal of a run", "--world"]);
}

#[test]
fn an_edited_script_replays_and_the_kept_one_stays() {
    let stage = Stage::new();
    stage.run("long --limit-ms 9");
    stage.file("edited.rhai", "//! Edited.\nfn main(p) { step(\"first\", \"How many?\", || { ui::note(`${kube::list(\"nodes\").len()} nodes`); }); }\n");
    stage
        .say("replay last --with edited.rhai")
        .is(0, &["1 nodes"], &["`limit_ms`, which this script does not take"]);
    fs::remove_file(stage.0.work().join("books/long.rhai")).unwrap();
    stage.say("replay last").is(1, &["VETH-MISSING"], &[]);
}

#[test]
fn journals_go_where_they_are_told() {
    let stage = Stage::new();
    stage.run("healthy --journal none").is(0, &[], &[]);
    assert!(stage.runs().is_empty());
    stage.run("healthy --journal here").is(0, &[], &[]);
    assert!(stage.0.work().join("here/journal.ndjson").is_file());
    stage
        .run("healthy --journal here")
        .is(2, &[], &["`here` holds a journal already", "a folder of its own"]);
    let unwritable = stage.run("healthy --journal /proc/no/where");
    unwritable.is(0, &["healthy"], &["warning: cannot write the journal"]);
    assert_eq!(unwritable.err.lines().count(), 1, "{unwritable:?}");
}

#[test]
fn a_recording_replays_to_the_same() {
    let stage = Stage::new();
    for target in ["rec", "rec.tar.zst"] {
        let first = stage.say(&format!("record long --to {target} --world world --output json"));
        first.is(1, &[], &[&format!("recorded: {target}")]);
        let again = stage.say(&format!("run long --world {target} --output json"));
        assert_eq!(essence(&first.out)["findings"], essence(&again.out)["findings"]);
        assert_eq!(again.code, 1);
    }
}

#[test]
fn a_torn_journal_opens_and_is_told() {
    let stage = Stage::new();
    stage.run("long");
    let journal = stage.runs().remove(0).join("journal.ndjson");
    let text = fs::read_to_string(&journal).unwrap();
    let cut = text.find("\"step-end\"").unwrap() + 4;
    fs::write(&journal, &text[..cut]).unwrap();
    stage.say("replay last").is(1, &["VETH-MISSING"], &["was cut off"]);
}

#[test]
fn a_later_run_compares_with_the_journal_of_an_earlier_one() {
    let stage = Stage::new();
    let world = |name: &str| format!("{}/tests/worlds/{name}.tar.zst", env!("CARGO_MANIFEST_DIR"));
    let before = format!(
        "run net-latency --headless --world {} --journal before",
        world("healthy")
    );
    stage.say(&before).is(0, &["HEALTHY"], &[]);
    let later = format!(
        "run net-latency --headless --output json --journal none --world {}",
        world("latency-one-node")
    );
    stage
        .say(&format!("{later} --baseline before"))
        .is(1, &["SLOWER-THAN-BASELINE", "6 against 6 samples"], &[]);
    let same = before.replace("--journal before", "--journal none --output json --baseline before");
    stage.say(&same).is(0, &["healthy"], &[]);
    stage
        .say(&format!("{later} --baseline nothing-there"))
        .is(1, &["cannot read the baseline"], &[]);
}

/// Steps without their evidence: what a step asked before it was cut off is asked again under a new number.
fn statuses(json: &str) -> Value {
    let mut steps = essence(json)["steps"].take();
    for step in steps.as_array_mut().unwrap() {
        step["evidence"] = Value::Null;
    }
    steps
}

#[test]
fn a_run_that_was_cut_off_goes_on_where_it_was() {
    let stage = Stage::new();
    let whole = stage.run("long --src shop/cart-0 --output json");
    let folder = stage.runs().remove(0);
    let journal = folder.join("journal.ndjson");
    let text = fs::read_to_string(&journal).unwrap();
    let ends: Vec<usize> = text.match_indices("{\"type\":\"").map(|(at, _)| at).collect();
    // Wherever it is cut, going on ends as the whole run did.
    for cut in ends[1..].iter().flat_map(|at| [*at, at + 7]) {
        fs::write(&journal, &text[..cut]).unwrap();
        fs::remove_file(folder.join("result.json")).ok();
        let id = folder.file_name().unwrap().to_string_lossy().into_owned();
        stage.say(&format!("show {id}")).is(2, &[], &["did not end", "resume"]);
        let resumed = stage.say("resume --output json");
        assert_eq!(essence(&whole.out)["verdict"], essence(&resumed.out)["verdict"]);
        assert_eq!(statuses(&whole.out), statuses(&resumed.out), "cut at {cut}");
        stage
            .say("replay last")
            .is(1, &["VETH-MISSING", "src shop/cart-0"], &[]);
        stage.say(&format!("show {id}")).is(0, &["VETH-MISSING"], &[]);
    }
}

#[test]
fn finished_steps_are_not_asked_again() {
    let stage = Stage::new();
    stage.run("long");
    // The world says something else now: what was answered stays, until it is asked anew.
    stage.file(
        "world/kube/v1/nodes.json",
        "{\"kind\":\"NodeList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[]}",
    );
    stage.file(
        "edited.rhai",
        "//! Edited.\nfn main(p) { step(\"first\", \"How many?\", || { ui::note(`${kube::list(\"nodes\").len()} nodes`); }); }\n",
    );
    stage
        .say("resume last --with edited.rhai")
        .is(0, &["1 nodes"], &["no step `second` any more"]);
    stage
        .say("resume last --with edited.rhai --from first")
        .is(0, &["0 nodes"], &[]);
    stage
        .say("resume last --from nowhere")
        .is(2, &[], &["no step `nowhere`", "first, second, third, fourth"]);
}

#[test]
fn runs_are_listed_and_compared() {
    let stage = Stage::new();
    stage.say("runs").is(0, &["no runs are kept"], &[]);
    stage.run("long --src shop/cart-0");
    let first = stage.runs().remove(0);
    let first = first.file_name().unwrap().to_string_lossy().into_owned();
    stage
        .say("runs")
        .is(0, &[&first, "problem", "VETH-MISSING", "--src shop/cart-0"], &[]);
    let diff = stage.say(&format!("diff {first} {first}"));
    diff.is(0, &["same verdict, findings and steps"], &[]);
    stage.book(
        "long",
        "//! Mended.\nfn main(p) { step(\"second\", \"Is the link there?\", || 1); }\n",
    );
    stage.run("long --journal later");
    stage.say(&format!("diff {first} later")).is(
        1,
        &[
            "verdict: problem, now healthy",
            "- VETH-MISSING pod/shop/cart-0",
            "~ step third: inconclusive, now not there",
        ],
        &[],
    );
    stage.run("healthy --journal other");
    stage
        .say(&format!("diff {first} other"))
        .is(2, &[], &["only runs of one runbook compare"]);
}
