//! Transports that break on the way, and tools that say too much.

use crate::bench::{Bench, Transport, command, stdout, within};
use runbook_core::{Failure, Outcome, World as _};
use runbook_testkit::{Cut, ExecFault, Fault, On, Quirk, Script};
use std::time::{Duration, Instant};

/// Only the API's transport can be cut in two ways; one of them looks like success.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_exec_is_incomplete_whatever_the_status_says() {
    for how in [Cut::LooksFine, Cut::Abrupt] {
        let cut = Fault::Exec(ExecFault::Cut { after: 300_000, how });
        let script = Script::new().fault(On::exec("worker-1"), cut);
        let bench = Bench::new(Transport::Exec, script).await.unwrap();
        let start = Instant::now();
        let answers = bench
            .ask(&[
                command(&["echo", "whole"]),
                command(&["seq", "100000"]),
                command(&["echo", "after"]),
            ])
            .await;
        assert_eq!(stdout(&answers[0]), "whole\n");
        for answer in &answers[1..] {
            let failure = answer.output().unwrap_err();
            assert!(matches!(failure, Failure::Incomplete(_)), "{how:?}: {failure}");
        }
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{how:?}: {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_goes_down_in_the_middle() {
    let Some(mut bench) = Bench::new(Transport::Ssh, Script::new()).await else {
        return;
    };
    bench.one(command(&["true"])).await;
    let context = within(Duration::from_secs(10));
    let questions = [command(&["echo", "whole"]), command(&["sleep", "9"])];
    let start = Instant::now();
    let answers = {
        let mut ssh = bench.ssh.take().unwrap();
        let kill = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            tokio::task::spawn_blocking(move || ssh.kill("worker-1")).await.unwrap();
        };
        tokio::join!(bench.world.ask(&questions, &context), kill).0
    };
    assert_eq!(stdout(&answers[0]), "whole\n");
    assert!(
        matches!(answers[1].outcome, Outcome::Failed(Failure::Incomplete(_))),
        "{:?}",
        answers[1].outcome
    );
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    let gone = bench.one(command(&["true"])).await;
    assert!(
        matches!(gone.outcome, Outcome::Failed(Failure::Unreachable(_))),
        "{:?}",
        gone.outcome
    );
    bench.world.close().await;
}

/// A tool that prints rubbish, and one that prints without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_floods_stay_in_their_frames() {
    for transport in [Transport::Exec, Transport::Ssh] {
        let script = Script::new()
            .quirk("*", Quirk::Garbage("birdcl".into()))
            .quirk("*", Quirk::Huge("ip".into(), 100_000_000));
        let Some(bench) = Bench::new(transport, script).await else {
            return;
        };
        let answers = bench
            .ask(&[
                command(&["birdcl", "show"]),
                command(&["ip", "route"]),
                command(&["hostname"]),
            ])
            .await;
        assert!(answers[0].output().unwrap().stdout.bytes().contains(&0));
        let flood = answers[1].output().unwrap();
        assert_eq!(
            (flood.stdout.len() as u64, flood.cut_bytes),
            (32 << 20, 100_000_000 - (32 << 20))
        );
        assert_eq!(stdout(&answers[2]), "worker-1\n");
        bench.world.close().await;
    }
}
