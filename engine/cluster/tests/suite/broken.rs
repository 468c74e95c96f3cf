//! Transports that break on the way, and tools that say too much.

use crate::bench::{Bench, Transport, command, stdout, within};
use crate::conformance::ssh_processes;
use runbook_cluster::live::{LiveOptions, LiveWorld, SshOptions, ViaChoice};
use runbook_core::{Failure, Outcome, World as _};
use runbook_testkit::{Cut, ExecFault, Fault, On, Quirk, Script};
use std::{
    io::BufRead as _,
    time::{Duration, Instant},
};

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

/// Run by the test below, in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "holds a connection until it is killed"]
async fn hold_a_connection() {
    let file = |name: &str| std::env::var_os(name).map(std::path::PathBuf::from);
    let options = LiveOptions {
        kubeconfig: file("HOLD_KUBECONFIG"),
        via: ViaChoice::Ssh,
        ssh: SshOptions {
            config_file: file("HOLD_SSH_CONFIG"),
            ..Default::default()
        },
        ..Default::default()
    };
    let world = LiveWorld::connect(options).await.unwrap();
    let questions = [command(&["hostname"])];
    let answer = world.ask(&questions, &within(Duration::from_secs(20))).await.remove(0);
    eprintln!("holding {}", stdout(&answer));
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_leaves_no_ssh() {
    let Some(bench) = Bench::new(Transport::Ssh, Script::new()).await else {
        return;
    };
    let config = bench.ssh.as_ref().unwrap().ssh_config_path.clone();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "broken::hold_a_connection", "--nocapture"])
        .env("HOLD_KUBECONFIG", &bench.api.kubeconfig_path)
        .env("HOLD_SSH_CONFIG", &config)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufReader::new(child.stderr.take().unwrap());
    let holds = said.lines().map_while(Result::ok).any(|l| l == "holding worker-1");
    let config = config.display().to_string();
    assert!(holds && !ssh_processes(&config).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(2);
    while !ssh_processes(&config).is_empty() {
        assert!(Instant::now() < until, "{:?}", ssh_processes(&config));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
