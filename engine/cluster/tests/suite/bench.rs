//! A live world and what it is connected to.

use runbook_cluster::live::{LiveOptions, LiveWorld, SshOptions, ViaChoice};
use runbook_core::{Answer, AskContext, CommandQuestion, Effect, Question, Target, World as _};
use runbook_testkit::{ApiServer, Error, Script, SshNodes, SshPlan, Way};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(crate) const NODE: &str = "worker-1";

/// How the commands of a node travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Exec,
    Ssh,
}

pub(crate) struct Bench {
    pub(crate) world: LiveWorld,
    pub(crate) api: ApiServer,
    pub(crate) ssh: Option<SshNodes>,
    _snapshot: TempDir,
}

impl Bench {
    /// One node behind one transport. `None`, with a word about it, where this machine has no sshd.
    pub(crate) async fn new(transport: Transport, script: Script) -> Option<Bench> {
        Self::with(transport, script, |_| {}).await
    }

    pub(crate) async fn with(
        transport: Transport,
        script: Script,
        change: impl FnOnce(&mut LiveOptions),
    ) -> Option<Bench> {
        let via = match transport {
            Transport::Exec => ViaChoice::Exec,
            Transport::Ssh => ViaChoice::Ssh,
        };
        let way = (transport == Transport::Ssh).then_some(Way::Direct);
        Self::build(via, way, [script.clone(), script], change).await
    }

    /// `scripts`: what goes wrong behind the API, and what on the nodes that ssh reaches.
    pub(crate) async fn build(
        via: ViaChoice,
        way: Option<Way>,
        scripts: [Script; 2],
        change: impl FnOnce(&mut LiveOptions),
    ) -> Option<Bench> {
        let snapshot = snapshot();
        let [behind_api, on_nodes] = scripts;
        let api = ApiServer::start(snapshot.path(), behind_api).unwrap();
        let ssh = match way {
            None => None,
            Some(way) => Some(sshd(snapshot.path(), way, on_nodes)?),
        };
        let mut options = LiveOptions {
            kubeconfig: Some(api.kubeconfig_path.clone()),
            via,
            ssh: SshOptions {
                config_file: ssh.as_ref().map(|s| s.ssh_config_path.clone()),
                ..Default::default()
            },
            ..Default::default()
        };
        change(&mut options);
        let world = LiveWorld::connect(options).await.unwrap();
        Some(Bench {
            world,
            api,
            ssh,
            _snapshot: snapshot,
        })
    }

    pub(crate) async fn ask(&self, questions: &[Question]) -> Vec<Answer> {
        self.world.ask(questions, &within(Duration::from_secs(20))).await
    }

    pub(crate) async fn one(&self, question: Question) -> Answer {
        self.ask(&[question]).await.remove(0)
    }

    /// Commands that still run on the node or in a pod.
    pub(crate) fn running(&self, word: &str) -> Vec<Vec<String>> {
        let mut all = self.api.running();
        all.extend(self.ssh.iter().flat_map(SshNodes::running));
        let has = |argv: &Vec<String>| argv.iter().any(|a| a.contains(word));
        all.into_iter().map(|(_, argv)| argv).filter(has).collect()
    }

    /// Until nothing with that word runs any more.
    pub(crate) async fn is_quiet_within(&self, word: &str, time: Duration) -> bool {
        let until = Instant::now() + time;
        while !self.running(word).is_empty() {
            if Instant::now() > until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    pub(crate) fn trips(&self, target: &Target) -> u64 {
        self.world.round_trips().get(target).copied().unwrap_or(0)
    }
}

/// In a namespace of its own, where the login shell reads nobody's files; else on a port.
fn sshd(snapshot: &Path, way: Way, script: Script) -> Option<SshNodes> {
    let plan = || SshPlan::new().node(NODE, way).script(script.clone());
    let nodes = match plan().start(snapshot) {
        Err(Error::Missing(_)) => plan().loopback().start(snapshot),
        nodes => nodes,
    };
    match nodes {
        Ok(nodes) => Some(nodes),
        Err(Error::Missing(what)) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: {what}");
            None
        }
        Err(e) => panic!("{e:?}"),
    }
}

pub(crate) fn within(time: Duration) -> AskContext {
    AskContext {
        deadline: Instant::now() + time,
        cancel: CancellationToken::new(),
        allow: Effect::Read,
    }
}

pub(crate) fn node() -> Target {
    Target::Node(NODE.into())
}

pub(crate) fn on(target: Target, forms: &[&[&str]]) -> Question {
    let argv = |form: &&[&str]| form.iter().map(|a| a.to_string()).collect();
    Question::Command(CommandQuestion {
        target,
        forms: forms.iter().map(argv).collect(),
        effect: Effect::Read,
        timeout: Duration::from_secs(10),
    })
}

pub(crate) fn command(argv: &[&str]) -> Question {
    on(node(), &[argv])
}

pub(crate) fn sh(line: &str) -> Question {
    command(&["sh", "-c", line])
}

pub(crate) fn with_timeout(question: Question, timeout: Duration) -> Question {
    match question {
        Question::Command(c) => Question::Command(CommandQuestion { timeout, ..c }),
        other => other,
    }
}

pub(crate) fn with_effect(question: Question, effect: Effect) -> Question {
    match question {
        Question::Command(c) => Question::Command(CommandQuestion { effect, ..c }),
        other => other,
    }
}

pub(crate) fn stdout(answer: &Answer) -> String {
    match answer.output() {
        Ok(output) => output.stdout.text().into_owned(),
        Err(failure) => panic!("{failure}: {:?}", answer.attempts),
    }
}

/// One node with its calico-node pod, and two pods, one of them with two containers.
fn snapshot() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "kube/version.json",
        r#"{"major": "1", "minor": "34", "gitVersion": "v1.34.2"}"#,
    );
    write("kube/api.json", r#"{"kind": "APIVersions", "versions": ["v1"]}"#);
    write(
        "kube/apis.json",
        r#"{"kind": "APIGroupList", "apiVersion": "v1", "groups": []}"#,
    );
    let resource = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": ["get", "list"]});
    let resources = json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
        resource("pods", "Pod", true), resource("pods/log", "Pod", true), resource("nodes", "Node", false),
        resource("configmaps", "ConfigMap", true)]});
    write("kube/v1/_resources.json", &resources.to_string());
    let nodes = json!({"metadata": {"name": NODE, "managedFields": [{"manager": "kubelet"}]},
        "status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}});
    write("kube/v1/nodes.json", &list("Node", &[nodes]).to_string());
    let pods = [
        pod("kube-system", "calico-node-a", "calico-node", &["calico-node"]),
        pod("shop", "cart-0", "cart", &["cart"]),
        pod("shop", "web-1", "web", &["web", "sidecar"]),
    ];
    write("kube/v1/pods.json", &list("Pod", &pods).to_string());
    let maps: Vec<Value> = (0..1201)
        .map(|i| json!({"metadata": {"namespace": "shop", "name": format!("map-{i:04}"), "managedFields": [{"a": i}]}}))
        .collect();
    write("kube/v1/configmaps.json", &list("ConfigMap", &maps).to_string());
    write("logs/worker-1/felix.log", "2026-11-24T16:30:55.00000 felix one\n");
    write("nodes/worker-1/hostname.txt", "worker-1\n");
    let capture = |role: &str, subject: &str, file: &str, argv: &[&str]| json!({"file": file, "subject": subject, "role": role, "argv": argv, "exit": 0, "stderr": ""});
    write("pods/shop/cart-0/hostname.txt", "cart-0\n");
    write("pods/shop/web-1/hostname.txt", "web-1\n");
    let captures = [
        capture("node", NODE, "nodes/worker-1/hostname.txt", &["hostname"]),
        capture("pod", "shop/cart-0", "pods/shop/cart-0/hostname.txt", &["hostname"]),
        capture("pod", "shop/web-1", "pods/shop/web-1/hostname.txt", &["hostname"]),
    ];
    write("index.json", &json!({"captures": captures}).to_string());
    dir
}

fn list(kind: &str, items: &[Value]) -> Value {
    json!({"kind": format!("{kind}List"), "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items})
}

fn pod(namespace: &str, name: &str, app: &str, containers: &[&str]) -> Value {
    let containers: Vec<_> = containers.iter().map(|c| json!({"name": c})).collect();
    json!({"metadata": {"namespace": namespace, "name": name, "labels": {"k8s-app": app}},
        "spec": {"nodeName": NODE, "containers": containers}, "status": {"phase": "Running", "hostIP": "198.18.0.1"}})
}
