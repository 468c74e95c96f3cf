//! Every exit code, from the outside.

use crate::stage::Stage;

#[test]
fn a_verdict_is_an_exit_code() {
    let stage = Stage::new();
    stage.run("healthy").is(0, &["healthy"], &[]);
    stage
        .run("problem")
        .is(1, &["VETH-MISSING", "no link leads to shop/cart-0"], &[]);
    stage.run("inconclusive").is(5, &["nobody can ask the fabric"], &[]);
    stage.run("warning").is(6, &["VETH-MISSING"], &[]);
}

#[test]
fn fail_on_and_exit_zero_speak_of_verdicts_only() {
    let stage = Stage::new();
    for (line, code) in [
        ("warning --fail-on inconclusive", 0),
        ("inconclusive --fail-on inconclusive", 5),
        ("inconclusive --fail-on problem", 0),
        ("problem --fail-on problem", 1),
        ("problem --fail-on never", 0),
        ("problem --exit-zero", 0),
        ("busy --exit-zero --timeout 100ms", 8),
        ("nowhere --exit-zero", 2),
    ] {
        assert_eq!(stage.run(line).code, code, "{line}");
    }
}

#[test]
fn a_script_that_fails_outside_of_a_step_is_not_healthy() {
    let said = Stage::new().run("outside --output json");
    said.is(
        3,
        &["\"verdict\": \"inconclusive\"", "Did the runbook run to its end?"],
        &["no function `no_such_function", "outside.rhai:3"],
    );
}

#[test]
fn a_misspelt_primitive_spoils_its_step_and_no_other() {
    let said = Stage::new().run("misspelt --output json");
    said.is(5, &["did you mean `kube::list("], &[]);
    let result: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let statuses: Vec<&str> = result["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["inconclusive", "ok"]);
}

#[test]
fn time_that_is_over_is_told_apart() {
    let stage = Stage::new();
    stage.run("sleepy --timeout 200ms").is(8, &["not"], &[]);
    stage
        .run("busy --step-timeout 200ms")
        .is(5, &["not done within the time of a step"], &[]);
}

#[test]
fn a_cluster_that_cannot_be_asked_is_4() {
    let stage = Stage::new();
    stage.say("run healthy").is(4, &[], &["no kubeconfig", "--world PATH"]);
    let config = |server: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"{server}\"}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{token: t}}}}]\n"
        )
    };
    stage.file("kubeconfig", &config("http://127.0.0.1:1"));
    stage
        .say("run healthy --kubeconfig kubeconfig --context nope")
        .is(4, &[], &["no context `nope`", "contexts: c"]);
    stage
        .say("run healthy --kubeconfig kubeconfig --question-timeout 2s")
        .is(4, &["127.0.0.1:1"], &[]);
    stage.say("run healthy --kubeconfig gone").is(4, &[], &["`gone`"]);
    stage
        .say("doctor --kubeconfig kubeconfig")
        .is(4, &["FAIL  cluster", "does not answer"], &[]);
}
