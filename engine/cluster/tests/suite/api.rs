//! Questions to the Kubernetes API, its logs, and exec into pods.

use crate::bench::{Bench, Transport, node, on, stdout, within};
use runbook_cluster::live::{LiveOptions, LiveWorld};
use runbook_core::{ApiGet, Effect, Failure, LogQuestion, Outcome, PodRef, Question, Target, Via, World as _};
use runbook_testkit::{ExecFault, Fault, Kubelet, On, Quirk, Script};
use serde_json::Value;
use std::time::{Duration, Instant};

fn get(path: &str) -> Question {
    Question::Get(ApiGet {
        path: path.into(),
        query: vec![],
    })
}

async fn bench(script: Script) -> Bench {
    Bench::new(Transport::Exec, script).await.unwrap()
}

async fn failure(script: Script, path: &str) -> Failure {
    bench(script).await.one(get(path)).await.body().unwrap_err()
}

#[tokio::test]
async fn a_list_is_complete_and_slim() {
    let bench = bench(Script::new()).await;
    let answer = bench.one(get("/api/v1/configmaps")).await;
    let list: Value = serde_json::from_slice(answer.body().unwrap().bytes()).unwrap();
    let names: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!((names.len(), names[0], names[1200]), (1201, "map-0000", "map-1200"));
    assert!(list["metadata"].get("continue").is_none());
    assert!(!answer.body().unwrap().text().contains("managedFields"));
    assert_eq!(bench.trips(&Target::Api), 3);
    assert_eq!(answer.via, Via::Api);
    let node = bench.one(get("/api/v1/nodes/worker-1")).await;
    assert!(!node.body().unwrap().text().contains("managedFields"));
}

#[tokio::test]
async fn an_expired_page_starts_the_list_again_once() {
    let once = bench(Script::new().fault_times(1, On::Continue, Fault::Status(410))).await;
    let answer = once.one(get("/api/v1/configmaps")).await;
    let list: Value = serde_json::from_slice(answer.body().unwrap().bytes()).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1201);
    let always = failure(
        Script::new().fault(On::Continue, Fault::Status(410)),
        "/api/v1/configmaps",
    )
    .await;
    assert!(
        matches!(&always, Failure::Server(why) if why.starts_with("410")),
        "{always}"
    );
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let all = |fault| Script::new().fault(On::All, fault);
    let denied = failure(all(Fault::Status(403)), "/api/v1/pods").await;
    assert!(
        matches!(&denied, Failure::Denied(why) if why.contains("forbidden")),
        "{denied}"
    );
    let who = failure(all(Fault::Status(401)), "/api/v1/pods").await;
    assert!(matches!(who, Failure::Denied(_)), "{who}");
    let no_pod = failure(Script::new(), "/api/v1/namespaces/shop/pods/gone").await;
    assert_eq!(no_pod, Failure::NotFound("pods \"gone\" not found".into()));
    let no_kind = failure(Script::new(), "/apis/crd.projectcalico.org/v1/ippools").await;
    assert!(
        matches!(&no_kind, Failure::NotFound(why) if why.starts_with("this kind is not installed")),
        "{no_kind}"
    );
    let html = failure(all(Fault::Html(502)), "/api/v1/pods").await;
    assert!(
        matches!(&html, Failure::Server(why) if why.starts_with("502")),
        "{html}"
    );
    let cut = failure(all(Fault::CutBody(100)), "/api/v1/pods").await;
    assert!(matches!(cut, Failure::Incomplete(_)), "{cut}");
}

#[tokio::test]
async fn what_passes_is_asked_again_and_never_fifteen_times() {
    for fault in [Fault::Status(503), Fault::Status(429), Fault::CutBody(10)] {
        let bench = bench(Script::new().fault_times(2, On::All, fault)).await;
        bench.one(get("/version")).await.body().unwrap();
        assert_eq!(bench.trips(&Target::Api), 3);
    }
    let bench = bench(Script::new().fault(On::All, Fault::Status(504))).await;
    let start = Instant::now();
    let answer = bench.one(get("/version")).await;
    assert!(matches!(answer.body().unwrap_err(), Failure::Server(why) if why.starts_with("504")));
    assert_eq!(bench.trips(&Target::Api), 4);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn the_servers_wish_to_wait_is_heard_within_reason() {
    let slow = bench(Script::new().fault_times(1, On::All, Fault::TooMany { retry_after: 1 })).await;
    let start = Instant::now();
    slow.one(get("/version")).await.body().unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    let never = bench(Script::new().fault(On::All, Fault::TooMany { retry_after: 3600 })).await;
    let start = Instant::now();
    let answer = never
        .world
        .ask(&[get("/version")], &within(Duration::from_secs(2)))
        .await
        .remove(0);
    assert!(matches!(answer.body().unwrap_err(), Failure::Server(why) if why.starts_with("429")));
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "no use in waiting for what comes after the deadline"
    );
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_deadline_and_spoils_no_other() {
    let bench = bench(Script::new().fault(On::path("/version"), Fault::Hang)).await;
    let start = Instant::now();
    let questions = [get("/version"), get("/api/v1/nodes"), Question::Clock];
    let answers = bench.world.ask(&questions, &within(Duration::from_millis(600))).await;
    assert!(matches!(answers[0].body().unwrap_err(), Failure::TimedOut(_)));
    answers[1].body().unwrap();
    assert!(matches!(answers[2].outcome, Outcome::Time(_)));
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_single_request_has_a_bound_of_its_own() {
    let script = Script::new().fault(On::path("/version"), Fault::Hang);
    let bound = |o: &mut LiveOptions| o.server_timeout = Some(Duration::from_millis(300));
    let bench = Bench::with(Transport::Exec, script, bound).await.unwrap();
    let start = Instant::now();
    let answer = bench.one(get("/version")).await;
    assert_eq!(
        answer.body().unwrap_err(),
        Failure::TimedOut("0.3 s from the API server".into())
    );
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn nobody_listens() {
    let bench = bench(Script::new()).await;
    let text = std::fs::read_to_string(&bench.api.kubeconfig_path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    // Port 1 of this machine.
    std::fs::write(&file, text.replace(&bench.api.addr.to_string(), "127.0.0.1:1")).unwrap();
    let options = LiveOptions {
        kubeconfig: Some(file),
        ..Default::default()
    };
    let world = LiveWorld::connect(options).await.unwrap();
    let answer = world
        .ask(&[get("/version")], &within(Duration::from_secs(5)))
        .await
        .remove(0);
    let failure = answer.body().unwrap_err();
    assert!(
        matches!(&failure, Failure::Unreachable(why) if why.contains("refused")),
        "{failure}"
    );
}

#[tokio::test]
async fn impersonation_goes_out() {
    let change = |o: &mut LiveOptions| o.as_user = Some("ann".into());
    let bench = Bench::with(Transport::Exec, Script::new(), change).await.unwrap();
    bench.one(get("/version")).await;
    assert_eq!(bench.api.requests()[0].impersonate.as_deref(), Some("ann"));
}

#[tokio::test]
async fn https_with_an_authority_of_its_own() {
    let bench = bench(Script::new().tls()).await;
    let answers = bench.ask(&[get("/version"), on(node(), &[&["hostname"]])]).await;
    answers[0].body().unwrap();
    assert_eq!(stdout(&answers[1]), "worker-1\n");
}

/// A world whose credentials come from this shell line.
async fn with_plugin(bench: &Bench, dir: &std::path::Path, line: &str) -> LiveWorld {
    let text = std::fs::read_to_string(&bench.api.kubeconfig_path).unwrap();
    let plugin = format!(
        "exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: Never, args: ['-c', {}]}}",
        serde_json::Value::from(line)
    );
    let file = dir.join("config");
    std::fs::write(&file, text.replace(&format!("token: {}", bench.api.token), &plugin)).unwrap();
    let options = LiveOptions {
        kubeconfig: Some(file),
        ..Default::default()
    };
    LiveWorld::connect(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_plugin_runs_when_it_is_needed() {
    let bench = bench(Script::new()).await;
    let dir = tempfile::tempdir().unwrap();
    let ran = dir.path().join("ran");
    let credential = serde_json::json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"token": bench.api.token}});
    let line = format!("echo x >> {}; echo '{credential}'", ran.display());
    let world = with_plugin(&bench, dir.path(), &line).await;
    assert!(!ran.exists());
    let questions = [get("/version"), get("/api/v1/nodes")];
    for _ in 0..2 {
        for answer in world.ask(&questions, &within(Duration::from_secs(9))).await {
            answer.body().unwrap();
        }
    }
    // kube asks for token, client certificate and expiry one by one while it makes the client; after that nobody asks.
    assert_eq!(std::fs::read_to_string(&ran).unwrap().lines().count(), 3);
    let broken = with_plugin(&bench, dir.path(), "echo 'log in first' >&2; exit 1").await;
    let answer = broken
        .ask(&questions[..1], &within(Duration::from_secs(9)))
        .await
        .remove(0);
    let failure = answer.body().unwrap_err();
    assert!(
        matches!(&failure, Failure::Denied(why) if why.starts_with("no credentials")),
        "{failure}"
    );
    // One that waits for ever costs the deadline, not more.
    let stuck = with_plugin(&bench, dir.path(), "exec sleep 3").await;
    let start = Instant::now();
    let answer = stuck
        .ask(&questions[..1], &within(Duration::from_millis(500)))
        .await
        .remove(0);
    assert!(matches!(answer.body().unwrap_err(), Failure::TimedOut(_)));
    assert!(start.elapsed() < Duration::from_secs(1));
}

fn cart() -> Target {
    Target::Pod(PodRef::new("shop", "cart-0"))
}

#[tokio::test]
async fn pods_are_asked_in_their_default_container() {
    let bench = bench(Script::new()).await;
    let web = Target::Pod(PodRef::new("shop", "web-1"));
    let answers = bench
        .ask(&[on(cart(), &[&["hostname"]]), on(web, &[&["hostname"]])])
        .await;
    assert_eq!(stdout(&answers[0]), "cart-0\n");
    assert_eq!(stdout(&answers[1]), "web-1\n");
    assert!(answers.iter().all(|a| a.via == Via::Exec));
    let wrong = Target::Pod(PodRef {
        container: Some("nope".into()),
        ..PodRef::new("shop", "web-1")
    });
    let answers = bench
        .ask(&[
            on(wrong, &[&["hostname"]]),
            on(Target::Pod(PodRef::new("shop", "gone")), &[&["hostname"]]),
        ])
        .await;
    for answer in answers {
        let failure = answer.output().unwrap_err();
        assert!(matches!(failure, Failure::NotFound(_)), "{failure}");
    }
}

#[tokio::test]
async fn an_image_without_a_shell_is_asked_without_one() {
    let bench = bench(Script::new().quirk("shop/cart-0", Quirk::Missing("sh".into()))).await;
    let answers = bench
        .ask(&[
            on(cart(), &[&["nothing"], &["hostname"]]),
            on(cart(), &[&["nothing"]]),
            on(cart(), &[&["false"]]),
        ])
        .await;
    assert_eq!(stdout(&answers[0]), "cart-0\n");
    let notes: Vec<_> = answers[0].attempts.iter().map(|a| a.why.as_str()).collect();
    assert!(notes[0].starts_with("no shell in the container"), "{notes:?}");
    assert_eq!(answers[1].output().unwrap_err(), Failure::ToolMissing("nothing".into()));
    assert_eq!(answers[2].output().unwrap().exit, 1);
}

#[tokio::test]
async fn what_goes_wrong_with_exec_is_told_apart() {
    let ask = async |fault: Fault| {
        let bench = bench(Script::new().fault(On::exec("shop/cart-0"), fault)).await;
        let start = Instant::now();
        let answer = bench
            .world
            .ask(&[on(cart(), &[&["hostname"]])], &within(Duration::from_secs(3)))
            .await
            .remove(0);
        assert!(start.elapsed() < Duration::from_millis(3300));
        answer.output().unwrap_err()
    };
    let f = ask(Fault::Status(403)).await;
    assert!(matches!(f, Failure::Denied(_)), "{f}");
    for how in [Kubelet::Refused, Kubelet::NoRoute, Kubelet::TimedOut] {
        let f = ask(Fault::Exec(ExecFault::Dead(how))).await;
        assert!(matches!(f, Failure::Unreachable(_)), "{how:?} {f}");
    }
    let f = ask(Fault::Exec(ExecFault::Silent)).await;
    assert!(matches!(f, Failure::Unreachable(_)), "{f}");
    let f = ask(Fault::Exec(ExecFault::ContainerGone)).await;
    assert!(matches!(f, Failure::NotFound(_)), "{f}");
    let f = ask(Fault::Exec(ExecFault::Garbage)).await;
    assert!(matches!(f, Failure::Incomplete(_)), "{f}");
    let f = ask(Fault::Html(502)).await;
    assert!(matches!(f, Failure::Server(_)), "{f}");
}

#[tokio::test]
async fn logs_come_as_text() {
    let bench = bench(Script::new()).await;
    let pod = PodRef {
        container: Some("calico-node".into()),
        ..PodRef::new("kube-system", "calico-node-a")
    };
    let answer = bench.one(Question::Logs(LogQuestion { pod, tail_lines: 10 })).await;
    assert!(answer.body().unwrap().text().contains("felix one"));
    assert_eq!(bench.api.requests().last().unwrap().query("tailLines"), Some("10"));
    let gone = PodRef::new("shop", "gone");
    let answer = bench
        .one(Question::Logs(LogQuestion {
            pod: gone,
            tail_lines: 10,
        }))
        .await;
    assert!(matches!(answer.body().unwrap_err(), Failure::NotFound(_)));
}

#[tokio::test]
async fn an_effect_that_is_not_allowed_is_not_asked() {
    let bench = bench(Script::new()).await;
    let Question::Command(mut probe) = on(node(), &[&["ping", "-c", "1", "192.0.2.1"]]) else {
        panic!()
    };
    probe.effect = Effect::Probe;
    let answer = bench.one(Question::Command(probe)).await;
    assert_eq!(answer.output().unwrap_err(), Failure::EffectNotAllowed("probe".into()));
    assert!(bench.api.requests().is_empty());
    let local = bench.one(on(Target::Local, &[&["id"]])).await;
    assert!(matches!(local.output().unwrap_err(), Failure::Other(_)));
}
