use super::*;
use std::time::{Duration, Instant};

#[test]
fn what_is_not_a_primitive_does_not_exist() {
    for body in [
        "open(\"/etc/passwd\")",
        "system(\"id\")",
        "eval(\"1\")",
        "import \"../secret\" as s; s::f()",
        "import \"/etc/passwd\" as s;",
    ] {
        let text = format!("//! t\nfn main(p) {{ step(\"a\", \"?\", || {{ {body} }}); }}");
        match load(&text) {
            Err(_) => {}
            Ok(_) => {
                let (_, result) = run(&text);
                assert_eq!(result.steps[0].status, runbook_core::StepStatus::Inconclusive, "{body}");
            }
        }
    }
}

#[test]
fn a_misspelt_name_is_told_before_anything_runs() {
    let Err(error) = load("//! t\nfn main(p) { let routes = 1; step(\"a\", \"?\", || rotes); }") else {
        panic!("loads")
    };
    assert_eq!(error.message, "no variable `rotes`");
    assert_eq!(error.place.as_ref().map(|p| p.line), Some(2));
    let (host, runbook) = load("//! t\nfn main(p) { step(\"a\", \"?\", || node::rotes(\"n\")); }").unwrap();
    let lints = host.lint(&runbook);
    assert!(
        lints
            .iter()
            .any(|l| l.message == "no function `rotes` in module `node`"),
        "{lints:?}"
    );
    assert!(
        lints
            .iter()
            .any(|l| l.hint.as_deref().is_some_and(|h| h.contains("node::routes"))),
        "{lints:?}"
    );
}

#[test]
fn a_misspelt_field_names_those_there_are() {
    let (_, result) = run_body("step(\"a\", \"?\", || node::routes(\"kworker-1\")[0].dve);");
    let reason = &result.steps[0].reason;
    assert!(
        reason.contains("no field `dve`") && reason.contains("did you mean `dev`?"),
        "{reason}"
    );
}

#[test]
fn a_busy_loop_stops_within_a_tenth_of_a_second() {
    let mut stopped = None;
    let (ended, _) = run_with(
        "//! t\nfn main(p) { step(\"a\", \"?\", || { loop { try { let x = 1; } catch { } } }); }",
        Limits::default(),
        |session| {
            let cancel = session.cancel.clone();
            let at = Instant::now() + Duration::from_millis(200);
            stopped = Some(at);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                cancel.cancel();
            });
        },
    );
    let late = Instant::now().saturating_duration_since(stopped.unwrap());
    assert!(matches!(ended, Ended::Stopped), "{ended:?}");
    // The promise is 100 ms; a machine that builds at the same time gets more.
    assert!(late < Duration::from_secs(2), "{late:?}");
}

#[test]
fn a_step_that_takes_too_long_ends_alone() {
    let limits = Limits {
        step: Duration::from_millis(300),
        ..Limits::default()
    };
    let text = "//! t\nfn main(p) { step(\"slow\", \"?\", || { loop { } }); step(\"next\", \"?\", || 1); }";
    let (ended, result) = run_with(text, limits, |_| ());
    assert!(matches!(ended, Ended::Completed), "{ended:?}");
    assert_eq!(result.steps[0].reason, "not done within the time of a step");
    assert_eq!(result.steps[1].status, runbook_core::StepStatus::Ok);
}

#[test]
fn limits_are_errors_with_a_reason() {
    for body in ["let s = \"x\"; loop { s += s; }", "deep(0)"] {
        let text =
            format!("//! t\nfn deep(n) {{ deep(n + 1) }}\nfn main(p) {{ step(\"a\", \"?\", || {{ {body} }}); }}");
        let (_, result) = run(&text);
        assert_eq!(result.steps[0].status, runbook_core::StepStatus::Inconclusive, "{body}");
        assert!(!result.steps[0].reason.is_empty());
    }
}
