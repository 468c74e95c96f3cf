use super::*;
use runbook_core::{StepStatus, Verdict};

#[test]
fn a_step_keeps_imports_constants_and_what_is_around_it() {
    let text = "//! t\nimport \"pods\" as pods;\nconst LIMIT = 3;\nfn helper(x) { x + global::LIMIT }\n\
        fn main(p) { let seen = []; let a = step(\"a\", \"?\", || { seen.push(1); helper(1) + pods::or_empty(()).len() }); \
        step(\"b\", \"?\", || { assert(a == 4); assert(seen.len() == 1); a }); }";
    let (ended, result) = run(text);
    assert!(matches!(ended, Ended::Completed), "{ended:?}");
    assert!(
        result.steps.iter().all(|s| s.status == StepStatus::Ok),
        "{:?}",
        result.steps
    );
}

#[test]
fn an_error_makes_its_step_inconclusive_and_what_depends_on_it_says_so() {
    let (ended, result) = run_body(
        "let r = step(\"routes\", \"?\", || node::routes(\"no-such-node\"));\n\
         step(\"use\", \"?\", || r.len);\n\
         step(\"loop\", \"?\", || { for x in r { ui::note(`${x}`); } });\n\
         step(\"other\", \"?\", || 1);",
    );
    assert!(matches!(ended, Ended::Completed), "{ended:?}");
    let status: Vec<StepStatus> = result.steps.iter().map(|s| s.status).collect();
    use StepStatus::{Inconclusive, Ok};
    assert_eq!(status, [Inconclusive, Inconclusive, Inconclusive, Ok]);
    assert_eq!(
        result.steps[0].reason,
        "cannot read the routes of `no-such-node`: not in the recording"
    );
    for dependent in &result.steps[1..3] {
        assert!(
            dependent.reason.starts_with("depends on step `routes`"),
            "{dependent:?}"
        );
    }
    assert_eq!(result.verdict, Verdict::Inconclusive, "inconclusive is never healthy");
}

#[test]
fn skip_and_unknown_end_a_step() {
    let (_, result) = run_body(
        "step(\"a\", \"?\", || skip(\"not here\")); step(\"b\", \"?\", || unknown(\"cannot see\")); step(\"c\", \"?\", || 1);",
    );
    let seen: Vec<(StepStatus, &str)> = result.steps.iter().map(|s| (s.status, s.reason.as_str())).collect();
    assert_eq!(
        seen,
        [
            (StepStatus::Skipped, "not here"),
            (StepStatus::Inconclusive, "cannot see"),
            (StepStatus::Ok, "")
        ]
    );
}

#[test]
fn a_finding_cites_what_it_is_given_or_what_its_step_asked() {
    let (_, result) = run_body(
        "step(\"a\", \"?\", || { let r = node::routes(\"kworker-1\"); let l = node::links(\"kworker-1\");\n\
         finding(\"TUNNEL-DOWN\", #{ node: \"kworker-1\", evidence: l.find(|x| x.name == \"lo\") });\n\
         finding(\"FDB-STALE\", #{ node: \"kworker-1\" }); });",
    );
    assert_eq!(
        result.findings[0].evidence,
        ["e2"],
        "the part of a list remembers where the list came from"
    );
    assert_eq!(result.findings[1].evidence, ["e1", "e2"]);
    assert_eq!(result.verdict, Verdict::Problem);
}

#[test]
fn each_keeps_order_and_one_failure_spoils_no_other() {
    let (ended, _) = run_body(
        "let names = [\"kworker-1\", \"nobody\", \"kworker-2\"];\n\
         let all = each(names, |n| node::routes(n).len());\n\
         assert(all.len() == 3 && all[0].item == \"kworker-1\" && all[0].error == () && all[2].value > 0);\n\
         assert(all[1].value == () && all[1].error.kind == \"not-recorded\");",
    );
    assert!(matches!(ended, Ended::Completed), "{ended:?}");
}

#[test]
fn the_plan_is_read_without_running() {
    let (_, runbook) = load("//! Symptom.\n//!\n//! More.\nfn params() { [#{ name: \"src\", kind: \"pod\", help: \"h\" }] }\nfn main(p) { step(\"one\", \"First?\", || 1);\n step(\"two\", \"Second?\", || 2); }").unwrap();
    assert_eq!(runbook.summary(), "Symptom.");
    assert_eq!(
        runbook
            .plan
            .iter()
            .map(|s| (s.id.as_str(), s.title.as_str(), s.line))
            .collect::<Vec<_>>(),
        [("one", "First?", 5), ("two", "Second?", 6)]
    );
    for (text, message) in [
        (
            "//! t\nfn main(p) { let id = \"a\"; step(id, \"?\", || 1); }",
            "literals",
        ),
        (
            "//! t\nfn main(p) { step(\"a\", \"?\", || 1); step(\"a\", \"?\", || 1); }",
            "two steps are called `a`",
        ),
        ("//! t\nfn start(p) { }", "no function `main(p)`"),
        (
            "//! t\nfn params() { [#{ name: \"x\", kind: \"pods\" }] }\nfn main(p) { }",
            "kinds: pod,",
        ),
    ] {
        let Err(error) = load(text) else { panic!("{text} loads") };
        assert!(error.message.contains(message), "{}", error.message);
    }
}

#[test]
fn shipped_runbooks_load_and_have_nothing_to_lint() {
    let host = Host::new(Library::default());
    for source in host.library().runbooks() {
        let runbook = host.load(&source).unwrap_or_else(|e| panic!("{}", e.render(false)));
        assert_eq!(host.lint(&runbook), [], "{}", source.path);
        assert!(!runbook.plan.is_empty() && !runbook.doc.is_empty());
    }
}

#[test]
fn the_catalogue_is_whole() {
    let (catalogue, errors) = Library::default().catalogue();
    assert!(
        errors.is_empty(),
        "{}",
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    );
    assert!(catalogue.iter().count() > 150);
}
