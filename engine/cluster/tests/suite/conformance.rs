//! What every way to a node has to do alike. Each check runs over each transport.

use crate::bench::{Bench, Transport, command, node, on, sh, stdout, with_effect, with_timeout, within};
use runbook_core::{AskContext, Effect, Failure, Outcome, Target, Via, World as _};
use runbook_testkit::Script;
use std::time::{Duration, Instant};

macro_rules! conformance {
    ($($check:ident)*) => {
        mod exec {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                super::$check(super::Transport::Exec).await;
            })*
        }
        mod ssh {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                super::$check(super::Transport::Ssh).await;
            })*
        }
    };
}

conformance! {
    exit_codes_and_streams
    binary_output
    ten_megabytes
    an_argv_is_never_read_by_a_shell
    a_missing_tool_moves_to_the_next_form
    the_remote_bound_leaves_nothing_behind
    a_shell_that_dies_gives_no_answer
    the_deadline_is_kept
    cancelling_is_quick
    two_batches_at_once
    many_batches_at_once
    output_over_the_limit
    nothing_connects_before_it_is_asked
    one_batch_is_one_round_trip
    a_silent_close_leaves_no_process
    probes_run_side_by_side
}

async fn exit_codes_and_streams(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    let answers = bench
        .ask(&[
            sh("echo out; echo err >&2"),
            sh("printf x; printf y >&2; exit 7"),
            sh("exit 127"),
            command(&["true"]),
        ])
        .await;
    let said: Vec<_> = answers
        .iter()
        .map(|a| {
            let o = a.output().unwrap();
            (
                o.exit,
                o.stdout.text().into_owned(),
                o.stderr.text().into_owned(),
                o.cut_bytes,
            )
        })
        .collect();
    let want = [(0, "out\n", "err\n"), (7, "x", "y"), (127, "", ""), (0, "", "")];
    assert_eq!(said, want.map(|(e, o, r)| (e, o.to_string(), r.to_string(), 0)));
    let via = match transport {
        Transport::Exec => Via::Exec,
        Transport::Ssh => Via::Ssh,
    };
    assert!(answers.iter().all(|a| a.via == via));
    assert_eq!(answers[1].argv.as_ref().unwrap()[0], "sh");
    bench.world.close().await;
}

async fn binary_output(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    let all = r#"i=0; while [ $i -lt 256 ]; do printf "\\$(printf %o $i)"; i=$((i+1)); done"#;
    let answer = bench.one(sh(all)).await;
    let want: Vec<u8> = (0..=255).collect();
    assert_eq!(answer.output().unwrap().stdout.bytes(), want);
    bench.world.close().await;
}

async fn ten_megabytes(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    let answers = bench
        .ask(&[command(&["seq", "1400000"]), command(&["echo", "after"])])
        .await;
    let out = stdout(&answers[0]);
    assert!(out.len() > 10_000_000 && out.lines().enumerate().all(|(i, l)| l == (i + 1).to_string()));
    assert_eq!(stdout(&answers[1]), "after\n");
    bench.world.close().await;
}

async fn an_argv_is_never_read_by_a_shell(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    let nasty = [
        "$(id)",
        "`id`",
        "it's",
        "\"",
        "",
        "a\nb",
        "\u{1b}]0;x\u{7}",
        "; reboot",
        "*",
        "日本",
        "\\",
        "--",
        "-n",
    ];
    let argv: Vec<&str> = ["printf", "<%s>"].into_iter().chain(nasty).collect();
    let want: String = nasty.iter().map(|n| format!("<{n}>")).collect();
    assert_eq!(stdout(&bench.one(command(&argv)).await), want);
    let refused = bench.one(command(&["printf", "a\0b"])).await;
    assert!(matches!(refused.outcome, Outcome::Failed(Failure::Other(_))));
    bench.world.close().await;
}

async fn a_missing_tool_moves_to_the_next_form(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    let answers = bench
        .ask(&[
            on(node(), &[&["no-such-tool", "-j"], &["false"], &["echo", "third"]]),
            on(node(), &[&["no-such-tool"], &["nor-this"]]),
        ])
        .await;
    assert_eq!(stdout(&answers[0]), "third\n");
    assert_eq!(answers[0].argv, Some(vec!["echo".to_string(), "third".into()]));
    let tried: Vec<_> = answers[0].attempts.iter().map(|a| a.why.as_str()).collect();
    assert_eq!(tried, ["`no-such-tool -j`: no such program", "`false`: exit 1"]);
    assert_eq!(
        answers[1].output().unwrap_err(),
        Failure::ToolMissing("no-such-tool, nor-this".into())
    );
    bench.world.close().await;
}

async fn the_remote_bound_leaves_nothing_behind(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    let slow = with_timeout(command(&["sleep", "76123.5"]), Duration::from_secs(1));
    let answers = bench.ask(&[slow, command(&["echo", "after"])]).await;
    assert_eq!(
        answers[0].output().unwrap_err(),
        Failure::TimedOut("1 s on the other side".into())
    );
    assert_eq!(stdout(&answers[1]), "after\n");
    assert!(bench.is_quiet_within("76123.5", Duration::from_secs(1)).await);
    bench.world.close().await;
}

async fn a_shell_that_dies_gives_no_answer(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    // The topmost `sh -s` above it is the one that runs the batch.
    let kill = r#"printf half; p=$$; n=0
        while [ $n -lt 9 ] && [ "$p" -gt 1 ]; do
          case $(tr '\0' ' ' </proc/$p/cmdline) in 'sh -s '|*/sh' -s ') top=$p ;; esac
          p=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$p/status); n=$((n+1))
        done
        kill -9 $top; sleep 1"#;
    let answers = bench
        .ask(&[command(&["echo", "first"]), sh(kill), command(&["echo", "third"])])
        .await;
    assert_eq!(stdout(&answers[0]), "first\n");
    for answer in &answers[1..] {
        assert!(
            matches!(answer.outcome, Outcome::Failed(Failure::Incomplete(_))),
            "{:?}",
            answer.outcome
        );
    }
    assert_eq!(stdout(&bench.one(command(&["echo", "again"])).await), "again\n");
    bench.world.close().await;
}

async fn the_deadline_is_kept(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    // What a connection costs is not what is asked here.
    bench.one(command(&["true"])).await;
    let start = Instant::now();
    let questions = [
        command(&["echo", "quick"]),
        command(&["sleep", "76124.5"]),
        command(&["echo", "late"]),
    ];
    let answers = bench.world.ask(&questions, &within(Duration::from_millis(1500))).await;
    let took = start.elapsed();
    assert!(took < Duration::from_millis(1800), "{took:?}");
    assert_eq!(stdout(&answers[0]), "quick\n");
    for answer in &answers[1..] {
        assert!(
            matches!(answer.outcome, Outcome::Failed(Failure::TimedOut(_))),
            "{:?}",
            answer.outcome
        );
    }
    assert!(bench.is_quiet_within("76124.5", Duration::from_secs(3)).await);
    bench.world.close().await;
}

async fn cancelling_is_quick(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    bench.one(command(&["true"])).await;
    let context = within(Duration::from_secs(30));
    let cancel = context.cancel.clone();
    let questions = [with_timeout(command(&["sleep", "76125.5"]), Duration::from_secs(3))];
    let ask = bench.world.ask(&questions, &context);
    let press = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cancel.cancel();
        Instant::now()
    };
    let (answers, pressed) = tokio::join!(async { (ask.await, Instant::now()) }, press);
    let took = answers.1 - pressed;
    assert!(took < Duration::from_millis(100), "{took:?}");
    assert_eq!(answers.0[0].output().unwrap_err(), Failure::Cancelled);
    assert!(bench.is_quiet_within("76125.5", Duration::from_secs(6)).await);
    bench.world.close().await;
}

async fn two_batches_at_once(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    bench.one(command(&["true"])).await;
    let start = Instant::now();
    let (one, two) = tokio::join!(
        bench.one(sh("sleep 0.7; echo one")),
        bench.one(sh("sleep 0.7; echo two"))
    );
    assert_eq!((stdout(&one).as_str(), stdout(&two).as_str()), ("one\n", "two\n"));
    assert!(start.elapsed() < Duration::from_millis(1350), "{:?}", start.elapsed());
    bench.world.close().await;
}

async fn many_batches_at_once(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    let ask = |i: u32| {
        let bench = &bench;
        async move { stdout(&bench.one(command(&["echo", &i.to_string()])).await) }
    };
    let said = futures::future::join_all((0..30).map(ask)).await;
    let want: Vec<String> = (0..30).map(|i| format!("{i}\n")).collect();
    assert_eq!(said, want);
    bench.world.close().await;
}

async fn output_over_the_limit(transport: Transport) {
    let limit = |options: &mut runbook_cluster::live::LiveOptions| options.limits.max_output_bytes = 10_000;
    let Some(bench) = Bench::with(transport, Script::new(), limit).await else {
        return;
    };
    let answers = bench
        .ask(&[command(&["seq", "100000"]), command(&["echo", "after"])])
        .await;
    let output = answers[0].output().unwrap();
    assert_eq!(
        (output.stdout.len(), output.cut_bytes, output.exit),
        (10_000, 588_895 - 10_000, 0)
    );
    assert_eq!(stdout(&answers[1]), "after\n");
    bench.world.close().await;
}

async fn nothing_connects_before_it_is_asked(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    assert!(bench.api.requests().is_empty() && bench.world.round_trips().is_empty());
    bench.world.close().await;
}

async fn one_batch_is_one_round_trip(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    let questions: Vec<_> = (0..40).map(|i| command(&["echo", &i.to_string()])).collect();
    let answers = bench.ask(&questions).await;
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(stdout(answer), format!("{i}\n"));
    }
    assert_eq!(bench.trips(&node()), 1);
    bench.ask(&questions[..1]).await;
    assert_eq!(bench.trips(&node()), 2);
    // Finding the calico-node pod: two namespaces, once.
    assert!(bench.trips(&Target::Api) <= 2);
    bench.world.close().await;
}

async fn a_silent_close_leaves_no_process(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    bench.one(command(&["true"])).await;
    bench.world.close().await;
    if let Some(ssh) = &bench.ssh {
        let config = ssh.ssh_config_path.display().to_string();
        let left = ssh_processes(&config);
        assert!(left.is_empty(), "{left:?}");
    }
}

async fn probes_run_side_by_side(transport: Transport) {
    let Some(bench) = Bench::new(transport, Script::new()).await else {
        return;
    };
    bench.one(command(&["true"])).await;
    let probe = |n: u32| with_effect(sh(&format!("sleep 1; echo {n}; exit {n}")), Effect::Probe);
    let questions: Vec<_> = [sh("echo before")].into_iter().chain((0..6).map(probe)).collect();
    let context = AskContext {
        allow: Effect::Probe,
        ..within(Duration::from_secs(20))
    };
    let start = Instant::now();
    let answers = bench.world.ask(&questions, &context).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(stdout(&answers[0]), "before\n");
    for (n, answer) in answers[1..].iter().enumerate() {
        assert_eq!(
            (stdout(answer), answer.output().unwrap().exit),
            (format!("{n}\n"), n as i32)
        );
    }
    bench.world.close().await;
}

/// Processes of ours that use this configuration.
pub(crate) fn ssh_processes(config: &str) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(config) {
            found.push(line);
        }
    }
    found
}
