//! A snapshot small enough to read here: two nodes, four pods, one of them with two containers.

use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;

pub(crate) fn snapshot() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| write(dir.path(), file, text);
    write(
        "kube/version.json",
        &json!({"major": "1", "minor": "34", "gitVersion": "v1.34.2"}).to_string(),
    );
    write(
        "kube/api.json",
        &json!({"kind": "APIVersions", "versions": ["v1"]}).to_string(),
    );
    let groups = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [
        {"name": "crd.projectcalico.org", "versions": [{"groupVersion": "crd.projectcalico.org/v1", "version": "v1"}],
         "preferredVersion": {"groupVersion": "crd.projectcalico.org/v1", "version": "v1"}}]});
    write("kube/apis.json", &groups.to_string());
    let core = json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
        resource("pods", "Pod", true), resource("pods/log", "Pod", true), resource("nodes", "Node", false),
        resource("secrets", "Secret", true), resource("namespaces", "Namespace", false)]});
    write("kube/v1/_resources.json", &core.to_string());
    let calico = json!({"kind": "APIResourceList", "groupVersion": "crd.projectcalico.org/v1", "resources": [
        resource("ippools", "IPPool", false)]});
    write("kube/crd.projectcalico.org/v1/_resources.json", &calico.to_string());
    let pools = json!({"kind": "IPPoolList", "apiVersion": "crd.projectcalico.org/v1",
        "metadata": {"resourceVersion": "9"}, "items": [
        {"kind": "IPPool", "apiVersion": "crd.projectcalico.org/v1", "metadata": {"name": "default"},
         "spec": {"cidr": "10.65.0.0/16"}}]});
    write("kube/crd.projectcalico.org/v1/ippools.json", &pools.to_string());
    let nodes = ["worker-1", "worker-2"].map(|n| json!({"metadata": {"name": n, "labels": {"zone": n}}}));
    write("kube/v1/nodes.json", &list("Node", &nodes).to_string());
    let namespaces = ["kube-system", "shop"].map(|n| json!({"metadata": {"name": n}}));
    write("kube/v1/namespaces.json", &list("Namespace", &namespaces).to_string());
    let pods = [
        pod(
            "kube-system",
            "calico-node-a",
            "worker-1",
            "calico-node",
            &["calico-node"],
        ),
        pod(
            "kube-system",
            "calico-node-b",
            "worker-2",
            "calico-node",
            &["calico-node"],
        ),
        pod("shop", "cart-0", "worker-1", "cart", &["cart"]),
        pod("shop", "web-1", "worker-2", "web", &["web", "sidecar"]),
    ];
    write("kube/v1/pods.json", &list("Pod", &pods).to_string());
    write(
        "logs/worker-1/felix.log",
        "2026-11-24T16:30:55.00000 felix one\n  more of it\n2026-11-24T16:30:57.00000 felix two\n",
    );
    write("logs/worker-1/calico-node.log", "2026-11-24 16:30:56.000 start\n");
    write("logs/worker-1/cni.log", "2026-11-24 16:30:50.000 cni\n");
    let routes = r#"[{"dst":"default","gateway":"198.18.0.254","dev":"eth0"}]"#;
    let captures = [
        capture(&dir, "node", "worker-1", &["ip", "-j", "route"], routes, "", 0),
        capture(&dir, "node", "worker-1", &["hostname"], "worker-1\n", "", 0),
        capture(
            &dir,
            "node",
            "worker-1",
            &["cat", "/proc/net/dev"],
            "recorded dev\n",
            "",
            0,
        ),
        capture(
            &dir,
            "node",
            "worker-1",
            &["cat", "/gone"],
            "",
            "cat: /gone: No such file or directory\n",
            1,
        ),
        capture(
            &dir,
            "node",
            "worker-1",
            &["sh", "-c", "echo 'a b'; exit 3"],
            "from the record\n",
            "",
            3,
        ),
        capture(&dir, "node", "worker-1", &["ss", "-tin"], "State Recv-Q\n", "", 0),
        capture(&dir, "node", "worker-2", &["ip", "-j", "route"], "[]", "", 0),
        capture(&dir, "node", "worker-2", &["hostname"], "worker-2\n", "", 0),
        capture(
            &dir,
            "pod",
            "shop/cart-0",
            &["ping", "-c", "3", "10.65.0.2"],
            "0 received",
            "",
            1,
        ),
        capture(&dir, "op", "bastion", &["calicoctl", "version"], "v3\n", "", 0),
    ];
    write("index.json", &json!({"captures": captures}).to_string());
    dir
}

fn write(dir: &Path, file: &str, text: &str) {
    let path = dir.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn resource(name: &str, kind: &str, namespaced: bool) -> Value {
    json!({"name": name, "singularName": kind.to_lowercase(), "kind": kind, "namespaced": namespaced, "verbs": ["get", "list"]})
}

fn list(kind: &str, items: &[Value]) -> Value {
    json!({"kind": format!("{kind}List"), "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items})
}

fn pod(namespace: &str, name: &str, node: &str, app: &str, containers: &[&str]) -> Value {
    let containers: Vec<_> = containers.iter().map(|c| json!({"name": c})).collect();
    json!({"metadata": {"namespace": namespace, "name": name, "labels": {"k8s-app": app}},
        "spec": {"nodeName": node, "containers": containers}, "status": {"phase": "Running", "hostIP": "198.18.0.1"}})
}

fn capture(dir: &TempDir, role: &str, subject: &str, argv: &[&str], stdout: &str, stderr: &str, exit: i32) -> Value {
    let file = format!(
        "{role}/{subject}/{}.txt",
        argv.join("-").replace(['/', ' ', '\'', ';'], "_")
    );
    write(dir.path(), &file, stdout);
    json!({"file": file, "subject": subject, "role": role, "argv": argv, "exit": exit, "stderr": stderr})
}
