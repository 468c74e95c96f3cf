//! Which rung answers, and what is told of the others.

use crate::bench::{Bench, Transport, command, node, on, stdout, within};
use crate::conformance::ssh_processes;
use runbook_cluster::live::{HostKeyCheck, LiveOptions, ViaChoice};
use runbook_core::{Failure, Via, World as _};
use runbook_testkit::{ExecFault, Fault, Kubelet, On, Quirk, Script, Way};
use std::time::{Duration, Instant};

async fn auto(way: Way, script: Script) -> Option<Bench> {
    Bench::build(ViaChoice::Auto, Some(way), script, |_| {}).await
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
            .ask(&[command(&["hostname"])], &within(Duration::from_secs(7)))
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
    // The same tools are on both rungs of this bench, so the pod's are taken away by the name of the pod.
    let Some(bench) = auto(
        Way::Direct,
        Script::new().quirk("worker-1", Quirk::Missing("ss".into())),
    )
    .await
    else {
        return;
    };
    let answers = bench
        .ask(&[command(&["hostname"]), on(node(), &[&["ss", "-tin"]])])
        .await;
    assert_eq!(answers[0].via, Via::Exec);
    assert_eq!(answers[1].output().unwrap_err(), Failure::ToolMissing("ss".into()));
    assert!(
        answers[1].attempts.iter().any(|a| a.via == Via::Ssh),
        "{:?}",
        answers[1].attempts
    );
    assert_eq!(bench.trips(&node()), 2);
    bench.world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_with_ssh_is_told_apart() {
    let ask = async |way: Way, change: fn(&mut LiveOptions)| {
        let bench = Bench::build(ViaChoice::Ssh, Some(way), Script::new(), change).await?;
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
    let Some(bench) = Bench::build(ViaChoice::Ssh, Some(Way::Jump), Script::new(), |_| {}).await else {
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
