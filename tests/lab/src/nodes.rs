//! Nodes: a kubelet stand-in, kube-proxy, sshd. Everything else on them is pods.

use crate::{
    Result,
    machine::{self, Machine},
    plan::{DNS, NODES, Node, SERVICE_ADDRESS},
    state,
    tools::Tools,
};
use serde_json::json;

const SSHD: &str = "\
HostKey /etc/ssh/lab/host_key
AuthorizedKeysFile /etc/ssh/lab/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile none
SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
";

pub fn start(tools: &Tools) -> Result<()> {
    for node in &NODES {
        start_one(node, tools)?;
    }
    Ok(())
}

fn start_one(node: &Node, tools: &Tools) -> Result<()> {
    let bin = format!("/run/host{}", tools.dir.display());
    let image = |name: &str| format!("{bin}/images/{name}");
    let kubelet = json!({
        "node": node.name, "address": node.address, "labels": {"topology.kubernetes.io/zone": node.zone},
        "kubeconfig": "/etc/kubernetes/kubelet.kubeconfig", "client_ca": "/etc/kubernetes/ca.crt",
        "lower": "/run/host", "dns": DNS, "service": format!("{SERVICE_ADDRESS}:443"),
        "images": {
            "docker.io/calico/node": {
                "layer": image("node"), "entrypoint": ["start_runit"], "env": {"SVDIR": "/etc/service/enabled"},
            },
            "docker.io/calico/cni": {"layer": image("cni"), "entrypoint": ["install"]},
            "docker.io/calico/kube-controllers":
                {"layer": image("kube-controllers"), "entrypoint": ["/usr/bin/kube-controllers"]},
            "registry.example/web": {"layer": image("web"), "entrypoint": ["lab-node", "web", "8080"]},
        },
    });
    let proxy = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "iptables",
        "clientConnection": {"kubeconfig": "/etc/kubernetes/proxy.kubeconfig"}, "hostnameOverride": node.name,
        "detectLocalMode": "InterfaceNamePrefix", "detectLocal": {"interfaceNamePrefix": "cali"},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    });
    Machine::new(node.name)
        .bind(state::path(&format!("ssh/{}", node.name)), "/etc/ssh/lab")
        .bind(state::path("pki/ca.crt"), "/etc/kubernetes/ca.crt")
        .bind(state::path("pki/proxy.kubeconfig"), "/etc/kubernetes/proxy.kubeconfig")
        .bind(
            state::path(&format!("pki/{}.kubeconfig", node.name)),
            "/etc/kubernetes/kubelet.kubeconfig",
        )
        .file("/etc/lab.json", kubelet.to_string())
        .file("/etc/kube-proxy.json", proxy.to_string())
        .file("/etc/ssh/lab_config", SSHD)
        .file(
            "/etc/lab/sshd/run",
            "#!/bin/sh\nmkdir -p /run/sshd\nexec /usr/sbin/sshd -D -e -f /etc/ssh/lab_config 2>>/var/log/sshd.log\n",
        )
        .service("kubelet", &format!("{bin}/lab-node kubelet /etc/lab.json"))
        .service("kube-proxy", &format!("{bin}/kube-proxy --config=/etc/kube-proxy.json"))
        .start(&tools.path("lab-node"))?;
    machine::run(
        node.name,
        "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0",
    )?;
    Ok(())
}
