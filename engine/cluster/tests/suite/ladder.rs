//! Which rung answers, and what is told of the others.

use crate::bench::{Bench, Transport, command, node, on, stdout, with_effect, within};
use crate::conformance::ssh_processes;
use runbook_cluster::live::{HostKeyCheck, LiveOptions, ViaChoice};
use runbook_core::{AskContext, Effect, Failure, Via, World as _};
use runbook_testkit::{Cut, ExecFault, Fault, Kubelet, On, Quirk, Script, Way};
use std::time::{Duration, Instant};

async fn auto(way: Way, script: Script) -> Option<Bench> {
    Bench::build(ViaChoice::Auto, Some(way), [script, Script::new()], |_| {}).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exec_is_enough_where_it_answers() {
    let Some(bench) = auto(Way::Direct, Script::new()).await else {
        return;
    };
    let answer = bench.one(command(&["hostname"])).await;
    assert_eq!((stdout(&answer).as_str(), answer.via), ("worker-1\n", Via::Exec));
    assert!(answer.attempts.is_empty());
    assert!(ssh_processes(&bench.ssh.as_ref().unwrap().ssh_config_path.display().to_string()).is_empty());
    bench.world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_exec_goes_over_ssh_and_says_why() {
    for (fault, word) in [
        (Fault::Status(403), "forbidden"),
        (Fault::Exec(ExecFault::Dead(Kubelet::Refused)), "refused"),
        (Fault::Exec(ExecFault::Silent), "no sign of life"),
    ] {
        let script = Script::new().fault(On::exec("worker-1"), fault);
        let Some(bench) = auto(Way::Direct, script).await else {
            return;
        };
        let answer = bench
            .world
            .ask(&[command(&["hostname"])], &within(Duration::from_secs(14)))
            .await
            .remove(0);
        assert_eq!((stdout(&answer).as_str(), answer.via), ("worker-1\n", Via::Ssh));
        assert!(answer.attempts[0].why.contains(word), "{:?}", answer.attempts);
        assert_eq!(answer.attempts[0].via, Via::Exec);
        // It is not tried again in this run.
        let execs = bench.api.execs().len();
        let answer = bench.one(command(&["hostname"])).await;
        assert_eq!((answer.via, bench.api.execs().len()), (Via::Ssh, execs));
        bench.world.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_missing_tools_move_to_the_next_rung() {
    let script = Script::new().quirk("worker-1", Quirk::Missing("hostname".into()));
    let Some(bench) = auto(Way::Direct, script).await else {
        return;
    };
    let questions = [
        command(&["echo", "x"]),
        on(node(), &[&["nothing"], &["hostname"]]),
        on(node(), &[&["nothing"]]),
    ];
    let answers = bench.ask(&questions).await;
    assert_eq!((stdout(&answers[0]).as_str(), answers[0].via), ("x\n", Via::Exec));
    assert_eq!((stdout(&answers[1]).as_str(), answers[1].via), ("worker-1\n", Via::Ssh));
    let tried: Vec<_> = answers[1].attempts.iter().map(|a| (a.via, a.why.as_str())).collect();
    let want = [
        (Via::Exec, "no program there that can answer: nothing, hostname"),
        (Via::Ssh, "`nothing`: no such program"),
    ];
    assert_eq!(tried, want);
    assert_eq!(answers[2].output().unwrap_err(), Failure::ToolMissing("nothing".into()));
    assert_eq!(bench.trips(&node()), 2);
    bench.world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cut_is_asked_again_unless_it_may_have_changed_something() {
    let how = Cut::LooksFine;
    let script = Script::new().fault(On::exec("worker-1"), Fault::Exec(ExecFault::Cut { after: 2000, how }));
    let Some(bench) = auto(Way::Direct, script).await else {
        return;
    };
    let context = AskContext {
        allow: Effect::Write,
        ..within(Duration::from_secs(20))
    };
    let read = bench.world.ask(&[command(&["seq", "1000"])], &context).await.remove(0);
    assert_eq!((stdout(&read).lines().count(), read.via), (1000, Via::Ssh));
    assert!(read.attempts[0].why.contains("cut off"), "{:?}", read.attempts);
    let write = with_effect(command(&["seq", "1000"]), Effect::Write);
    let write = bench.world.ask(&[write], &context).await.remove(0);
    assert!(matches!(write.output().unwrap_err(), Failure::Incomplete(_)));
    assert_eq!(write.via, Via::Exec);
    bench.world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_with_ssh_is_told_apart() {
    let ask = async |way: Way, change: fn(&mut LiveOptions)| {
        let bench = Bench::build(ViaChoice::Ssh, Some(way), [Script::new(), Script::new()], change).await?;
        let answer = bench.one(command(&["hostname"])).await;
        bench.world.close().await;
        Some(answer.output().cloned())
    };
    let Some(answer) = ask(Way::Refused, |_| {}).await else {
        return;
    };
    assert!(matches!(answer, Err(Failure::Unreachable(why)) if why.contains("refused")));
    for way in [Way::OtherHostKey, Way::UnknownHostKey] {
        let answer = ask(way, |_| {}).await.unwrap();
        assert!(matches!(answer, Err(Failure::HostKey(_))), "{way:?} {answer:?}");
    }
    let answer = ask(Way::Denied, |_| {}).await.unwrap();
    assert!(matches!(answer, Err(Failure::Denied(_))), "{answer:?}");
    let answer = ask(Way::UnknownHostKey, |o| o.ssh.host_key = HostKeyCheck::AcceptNew)
        .await
        .unwrap();
    assert_eq!(answer.unwrap().stdout.text(), "worker-1\n");
    let answer = ask(Way::OtherHostKey, |o| o.ssh.host_key = HostKeyCheck::AcceptNew)
        .await
        .unwrap();
    assert!(matches!(answer, Err(Failure::HostKey(_))), "{answer:?}");
    let answer = ask(Way::Direct, |o| {
        o.ssh
            .hosts
            .insert("worker-1".into(), "-oProxyCommand=touch /tmp/owned".into());
    });
    assert!(matches!(answer.await.unwrap(), Err(Failure::Other(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_host_of_the_users_configuration_is_used() {
    let Some(bench) = Bench::build(ViaChoice::Ssh, Some(Way::Jump), [Script::new(), Script::new()], |_| {}).await
    else {
        return;
    };
    assert_eq!(stdout(&bench.one(command(&["hostname"])).await), "worker-1\n");
    bench.world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_rungs_fail_and_the_most_telling_reason_leads() {
    let script = Script::new().fault(On::exec("worker-1"), Fault::Status(403));
    let Some(bench) = auto(Way::Refused, script).await else {
        return;
    };
    let answer = bench.one(command(&["hostname"])).await;
    assert!(matches!(answer.output().unwrap_err(), Failure::Denied(_)));
    assert_eq!(answer.via, Via::Exec);
    assert!(
        answer
            .attempts
            .iter()
            .any(|a| a.via == Via::Ssh && a.why.contains("refused")),
        "{:?}",
        answer.attempts
    );
    let start = Instant::now();
    bench.one(command(&["hostname"])).await;
    assert!(start.elapsed() < Duration::from_millis(100), "remembered");
    bench.world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_while_connecting_leaves_no_ssh() {
    // A listener that accepts and says nothing: ssh waits for the banner.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = format!("ssh://127.0.0.1:{port}");
    let Some(bench) = Bench::with(Transport::Ssh, Script::new(), |o| {
        o.ssh.hosts.insert("worker-1".into(), host.clone());
    })
    .await
    else {
        return;
    };
    let context = within(Duration::from_secs(20));
    let questions = [command(&["hostname"])];
    let press = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!ssh_processes(&host).is_empty());
        context.cancel.cancel();
    };
    let (answers, ()) = tokio::join!(bench.world.ask(&questions, &context), press);
    assert_eq!(answers[0].output().unwrap_err(), Failure::Cancelled);
    bench.world.close().await;
    let until = Instant::now() + Duration::from_secs(1);
    while !ssh_processes(&host).is_empty() {
        assert!(Instant::now() < until, "{:?}", ssh_processes(&host));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
