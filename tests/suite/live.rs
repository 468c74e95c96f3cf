//! The same runbook on a cluster that answers: a scripted API server with exec over a real WebSocket, and nodes with a real
//! sshd in namespaces. Both answer what real nodes once said, so that the diagnosis must be the recorded one.

use crate::kept::essence;
use runbook_testkit::{ApiServer, Script, Sealed, SshNodes, recordings};
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};

const VXLAN_PAIR: [&str; 4] = [
    "--src",
    "shop/frontend-6d4cf56db6-x7k2p",
    "--dst",
    "shop/catalog-7c9d8b6f5d-abx4k",
];
const NODES: [&str; 3] = ["kworker-1", "kworker-2", "kworker-3"];

struct Live {
    sealed: Sealed,
    api: ApiServer,
    world: std::path::PathBuf,
}

impl Live {
    fn of(world: &str, script: Script) -> Live {
        let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/worlds/{world}.tar.zst"));
        let unpacked = recordings::unpack(&archive).unwrap();
        let api = ApiServer::start(&unpacked, script).unwrap();
        let sealed = Sealed::new().unwrap().env("KUBECONFIG", &api.kubeconfig_path);
        Live {
            sealed,
            api,
            world: archive,
        }
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = self.sealed.command(env!("CARGO_BIN_EXE_runbook"));
        let out = command.args(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
    }

    fn diagnose(&self, more: &[&str]) -> Value {
        let mut args = vec![
            "run",
            "pod-cross-node",
            "--headless",
            "--output",
            "json",
            "--allow",
            "probe",
        ];
        args.extend(VXLAN_PAIR);
        args.extend(more);
        let (_, out, err) = self.run(&args);
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}\n{err}"))
    }

    fn recorded(&self) -> Value {
        let mut args = vec![
            "run",
            "pod-cross-node",
            "--output",
            "json",
            "--world",
            self.world.to_str().unwrap(),
        ];
        args.extend(VXLAN_PAIR);
        serde_json::from_str(&self.run(&args).1).unwrap()
    }
}

/// What was found, without the ids of evidence.
fn causes(result: &Value) -> Vec<String> {
    let cause = |c: &Value| format!("{} {} {}", c["code"], c["certainty"], c["subject"]["name"]);
    result["causes"].as_array().unwrap().iter().map(cause).collect()
}

fn rungs(result: &Value) -> BTreeSet<String> {
    let on_nodes = result["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["target"].as_str().unwrap().starts_with("node/"));
    on_nodes
        .map(|e| e["via"].as_str().unwrap().to_string())
        .filter(|v| v != "derived")
        .collect()
}

#[test]
fn a_live_cluster_gets_the_diagnosis_of_its_recording_over_exec() {
    for world in ["vxlan-port-blocked", "rp-filter-strict", "healthy"] {
        let live = Live::of(world, Script::new());
        let result = live.diagnose(&["--via", "exec"]);
        assert_eq!(
            causes(&result),
            causes(&live.recorded()),
            "{world}: {:#}",
            result["steps"]
        );
        assert_eq!(rungs(&result), BTreeSet::from(["exec".to_string()]), "{world}");
        for node in NODES {
            let trips = live
                .api
                .execs()
                .iter()
                .filter(|r| r.exec.as_ref().is_some_and(|(subject, _)| subject == node))
                .count();
            assert!(trips <= 3, "{world}: {trips} round trips to {node}");
        }
    }
}

#[test]
fn and_over_ssh() {
    let live = Live::of("vxlan-port-blocked", Script::new());
    let unpacked = recordings::unpack(&live.world).unwrap();
    let nodes = match SshNodes::start(&unpacked, &NODES) {
        Ok(nodes) => nodes,
        Err(e) if std::env::var_os("CI").is_none() => return eprintln!("not run: {e}"),
        Err(e) => panic!("{e}"),
    };
    let config = nodes.ssh_config_path.to_str().unwrap();
    let result = live.diagnose(&["--via", "ssh", "--ssh-config", config]);
    assert_eq!(causes(&result), causes(&live.recorded()), "{:#}", result["steps"]);
    assert_eq!(rungs(&result), BTreeSet::from(["ssh".to_string()]));
    for node in NODES {
        assert!(
            nodes.sessions(node) <= 3,
            "{} round trips to {node}",
            nodes.sessions(node)
        );
    }
}

#[test]
fn a_recording_of_a_live_run_replays_to_the_same() {
    let live = Live::of("vxlan-port-blocked", Script::new());
    let archive = live.sealed.work().join("incident.tar.zst");
    let archive = archive.to_str().unwrap();
    let mut args = vec![
        "record",
        "--to",
        archive,
        "pod-cross-node",
        "--headless",
        "--output",
        "json",
        "--allow",
        "probe",
    ];
    args.extend(VXLAN_PAIR);
    let (code, first, err) = live.run(&args);
    assert_eq!(code, 1, "{err}");
    let mut args = vec![
        "run",
        "pod-cross-node",
        "--headless",
        "--output",
        "json",
        "--world",
        archive,
    ];
    args.extend(VXLAN_PAIR);
    let (code, again, err) = live.run(&args);
    assert_eq!(code, 1, "{err}");
    let strip = |json: &str| {
        let mut result = essence(json);
        for evidence in result["evidence"].as_array_mut().unwrap() {
            // When, how long and by which way: that it was live is the difference.
            for key in ["at", "duration_ms", "via"] {
                evidence[key] = Value::Null;
            }
        }
        result
    };
    assert_eq!(strip(&first), strip(&again));
}

#[test]
fn rights_that_are_missing_are_told_and_the_rest_goes_on() {
    use runbook_testkit::{Fault, On};
    let live = Live::of(
        "vxlan-port-blocked",
        Script::new().fault(On::exec("*"), Fault::Status(403)),
    );
    let result = live.diagnose(&["--via", "exec"]);
    assert_eq!(result["verdict"], "inconclusive");
    let steps = result["steps"].as_array().unwrap();
    let step = |id: &str| steps.iter().find(|s| s["id"] == id).unwrap();
    assert_eq!(step("intent")["status"], "ok", "what the API knows is still known");
    let reason = step("routes")["reason"].as_str().unwrap();
    assert!(reason.contains("denied"), "{reason}");
}
