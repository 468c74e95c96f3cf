//! What is in the cluster: Calico by its own manifest, pools, a small shop.

use crate::{
    Result,
    api::{Api, yaml},
    machine::wait_until,
    plan::{DNS, PLAIN_POOL, TUNNEL_POOL},
    tools::Tools,
};
use serde_json::{Value, json};
use std::{fs, time::Duration};

/// A workload: namespace, name, node, pool, whether a Service leads to it.
pub const WORKLOADS: [(&str, &str, &str, &str); 8] = [
    ("store", "web", "alder", "tunnel"),
    ("store", "cart", "alder", "plain"),
    ("store", "catalog", "birch", "tunnel"),
    ("store", "orders", "birch", "plain"),
    ("store", "payments", "cedar", "tunnel"),
    ("store", "ledger", "cedar", "plain"),
    ("ops", "toolbox", "cedar", "tunnel"),
    ("ops", "metrics", "alder", "plain"),
];

pub fn fill(api: &Api, tools: &Tools) -> Result<()> {
    for entry in fs::read_dir(tools.calico.join("libcalico-go/config/crd"))?.flatten() {
        for object in yaml(&fs::read_to_string(entry.path())?)? {
            api.apply(&object)?;
        }
    }
    wait_until("Calico's definitions are served", Duration::from_secs(20), || {
        api.get("/apis/crd.projectcalico.org/v1/ippools").map(|_| true)
    })?;
    for (name, cidr, vxlan) in [("tunnel", TUNNEL_POOL, "Always"), ("plain", PLAIN_POOL, "Never")] {
        api.apply(&pool(name, cidr, vxlan, 26))?;
    }
    calico(api, tools)?;
    for namespace in ["store", "ops"] {
        api.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))?;
    }
    for (namespace, name, node, pool) in WORKLOADS {
        api.apply(&deployment(namespace, name, node, pool))?;
    }
    services(api)?;
    api.apply(&dns())?;
    Ok(())
}

/// A pool, as the resource that `calicoctl` would write.
pub fn pool(name: &str, cidr: &str, vxlan: &str, block: u8) -> Value {
    json!({
        "apiVersion": "crd.projectcalico.org/v1", "kind": "IPPool", "metadata": {"name": name},
        "spec": {
            "cidr": cidr, "blockSize": block, "vxlanMode": vxlan, "ipipMode": "Never", "natOutgoing": true,
            "nodeSelector": "all()", "allowedUses": ["Workload", "Tunnel"],
        },
    })
}

/// Calico's own manifest, with what this place needs said in its environment.
fn calico(api: &Api, tools: &Tools) -> Result<()> {
    let text = fs::read_to_string(tools.calico.join("manifests/calico.yaml"))?;
    for mut object in yaml(&text)? {
        if object["kind"] == "CustomResourceDefinition" {
            continue;
        }
        if object["kind"] == "DaemonSet" {
            adapt(&mut object["spec"]["template"]["spec"]);
        }
        if object["kind"] == "Deployment" {
            let spec = &mut object["spec"]["template"]["spec"];
            spec["nodeSelector"]["kubernetes.io/hostname"] = "cedar".into();
            object["spec"]["template"]["metadata"]["annotations"] =
                json!({"cni.projectcalico.org/ipv4pools": "[\"tunnel\"]"});
        }
        api.apply(&object)?;
    }
    Ok(())
}

fn adapt(spec: &mut Value) {
    let ours = [
        ("NO_DEFAULT_POOLS", "true"),
        ("IP_AUTODETECTION_METHOD", "interface=eth0"),
        // Without cgo a BPF call would panic.
        ("FELIX_DEBUGSKIPCTLBCLEANUP", "true"),
        ("FELIX_XDPENABLED", "false"),
        ("FELIX_BPFCONNECTTIMELOADBALANCING", "Disabled"),
    ];
    let container = &mut spec["containers"][0];
    if let Some(env) = container["env"].as_array_mut() {
        env.retain(|e| !e["name"].as_str().unwrap_or_default().starts_with("CALICO_IPV"));
        env.extend(ours.map(|(name, value)| json!({"name": name, "value": value})));
    }
    // The kernel's BPF file system is for a dataplane that the lab does not have.
    if let Some(init) = spec["initContainers"].as_array_mut() {
        init.retain(|c| c["name"] != "mount-bpffs");
    }
}

pub fn deployment(namespace: &str, name: &str, node: &str, pool: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {
                    "labels": {"app": name},
                    "annotations": {"cni.projectcalico.org/ipv4pools": format!("[\"{pool}\"]")},
                },
                "spec": {
                    "nodeSelector": {"kubernetes.io/hostname": node},
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{
                        "name": name, "image": "registry.example/web:1",
                        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                    }],
                },
            },
        },
    })
}

/// A pod of its own, for those that come and go.
pub fn pod(namespace: &str, name: &str, node: &str, pool: &str) -> Value {
    let mut pod = deployment(namespace, name, node, pool)["spec"]["template"].take();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = name.into();
    pod["metadata"]["namespace"] = namespace.into();
    pod
}

fn services(api: &Api) -> Result<()> {
    for (name, address) in [("catalog", "10.96.71.5"), ("orders", "10.96.71.6")] {
        api.apply(&json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "store"},
            "spec": {"clusterIP": address, "selector": {"app": name},
                     "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]},
        }))?;
    }
    api.apply(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
        "spec": {"clusterIP": DNS, "selector": {"k8s-app": "kube-dns"}, "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
        ]},
    }))?;
    Ok(())
}

/// The cluster's DNS: dnsmasq in the place of CoreDNS, with the names of the lab's Services.
fn dns() -> Value {
    let mut dns = deployment("kube-system", "coredns", "birch", "tunnel");
    dns["spec"]["selector"]["matchLabels"] = json!({"k8s-app": "kube-dns"});
    let template = &mut dns["spec"]["template"];
    template["metadata"]["labels"] = json!({"k8s-app": "kube-dns"});
    let container = &mut template["spec"]["containers"][0];
    container["image"] = "registry.example/dns:1".into();
    container["ports"] = json!([{"name": "dns", "containerPort": 53, "protocol": "UDP"}, {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"}]);
    container["command"] = json!([
        "dnsmasq",
        "--keep-in-foreground",
        "--no-resolv",
        "--no-hosts",
        "--log-facility=-",
        "--user=root",
        "--server=203.0.113.10",
        "--address=/catalog.store.svc.cluster.local/10.96.71.5",
        "--address=/orders.store.svc.cluster.local/10.96.71.6",
        "--address=/kubernetes.default.svc.cluster.local/10.96.0.1",
        "--address=/kube-dns.kube-system.svc.cluster.local/10.96.0.10",
        "--local=/cluster.local/",
    ]);
    dns
}
