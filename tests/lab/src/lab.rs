//! The whole lab: up, down, is it well?

use crate::{
    Result,
    api::Api,
    cluster, control,
    machine::{self, wait_until},
    network, nodes, pki,
    plan::{NODES, OUTSIDE_ADDRESS},
    sh, state,
    tools::{self, Tools},
};
use serde_json::Value;
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

/// A lab that is up.
#[derive(Debug)]
pub struct Lab {
    pub api: Api,
    pub tools: Tools,
}

impl Lab {
    /// Makes the lab, or takes it as it is when it is up and well. One that is half up is made anew.
    pub fn up() -> Result<Lab> {
        can_run()?;
        let tools = tools::provide()?;
        if state::dir().join("up").exists() {
            let lab = Lab {
                api: Api::of("admin")?,
                tools: tools.clone(),
            };
            if lab.wait_healthy(Duration::from_secs(20)).is_ok() {
                return Ok(lab);
            }
            eprintln!("the lab is up but not well: it is made anew");
        }
        down()?;
        let made = Lab::make(tools);
        if made.is_err() {
            eprintln!(
                "what it said is in {}; `cargo xtask lab down` takes it away",
                state::dir().display()
            );
        }
        made
    }

    fn make(tools: Tools) -> Result<Lab> {
        let started = Instant::now();
        let told = |what: &str| eprintln!("{:5.1} s  {what}", started.elapsed().as_secs_f64());
        fs::create_dir_all(state::dir())?;
        pki::make()?;
        pki::make_ssh()?;
        network::make()?;
        control::start(&tools)?;
        told("networks are made");
        nodes::start(&tools)?;
        let api = Api::of("admin")?;
        wait_until("the API server is ready", Duration::from_secs(60), || {
            Ok(api.get("/readyz").is_ok())
        })?;
        told("the API server is ready");
        cluster::fill(&api, &tools)?;
        crate::rbac::apply(&api)?;
        told("Calico and the workloads are applied");
        let lab = Lab { api, tools };
        lab.wait_healthy(Duration::from_secs(120))?;
        told("all is well");
        fs::write(state::dir().join("up"), "")?;
        Ok(lab)
    }

    /// A lab that is up already.
    pub fn attach() -> Result<Lab> {
        if !state::dir().join("up").exists() {
            return Err("the lab is not up: `cargo xtask lab up`".into());
        }
        Ok(Lab {
            api: Api::of("admin")?,
            tools: tools::provide()?,
        })
    }

    pub fn wait_healthy(&self, limit: Duration) -> Result<()> {
        wait_until("the lab is well", limit, || match self.unwell()? {
            None => Ok(true),
            Some(why) => Err(why.into()),
        })
    }

    /// The first thing that is not as it should be.
    pub fn unwell(&self) -> Result<Option<String>> {
        let pods = self.api.list("/api/v1/pods")?;
        let wanted = cluster::WORKLOADS.len() + NODES.len() + 2;
        let is_ready = |pod: &&Value| condition(pod, "Ready") && pod["metadata"]["deletionTimestamp"].is_null();
        let ready = pods.iter().filter(is_ready).count();
        if let Some(pod) = pods.iter().find(|p| !is_ready(p)) {
            return Ok(Some(format!("pod {} is not ready", name(pod))));
        }
        if ready != wanted {
            return Ok(Some(format!("{ready} pods are ready, {wanted} should be")));
        }
        let nodes = self.api.list("/api/v1/nodes")?;
        if let Some(node) = nodes
            .iter()
            .find(|n| !condition(n, "Ready") || n["spec"]["taints"].is_array())
        {
            return Ok(Some(format!("node {} is not ready", name(node))));
        }
        for (node, ping) in self.pings(&pods)? {
            if let Err(e) = sh::output(machine::enter(&node, "sh -c")?.arg(&ping)) {
                return Ok(Some(format!("on {node}: {e}")));
            }
        }
        Ok(None)
    }

    /// Pings between all nodes, in both pools, and to the outside; one script for each node.
    fn pings(&self, pods: &[Value]) -> Result<Vec<(String, String)>> {
        let find = |app: &str| pods.iter().find(|p| p["metadata"]["labels"]["app"] == app);
        let mut all = vec![];
        for node in &NODES {
            let mut script = String::new();
            for pool in ["tunnel", "plain"] {
                let on = |w: &&(&str, &str, &str, &str)| w.3 == pool;
                let from = cluster::WORKLOADS.iter().filter(on).find(|w| w.2 == node.name);
                let Some(from) = from.and_then(|w| find(w.1)) else {
                    continue;
                };
                let enter = format!("nsenter --net=/run/netns/cni-{}", text(&from["metadata"]["uid"]));
                for to in cluster::WORKLOADS.iter().filter(on).filter(|w| w.2 != node.name) {
                    if let Some(to) = find(to.1) {
                        script += &format!("{enter} ping -qc1 -W1 {} & p=\"$p $!\"; ", text(&to["status"]["podIP"]));
                    }
                }
                script += &format!("{enter} ping -qc1 -W1 {OUTSIDE_ADDRESS} & p=\"$p $!\"; ");
            }
            script += "for i in $p; do wait $i || exit 1; done";
            all.push((node.name.to_string(), script));
        }
        Ok(all)
    }

    /// The one pod of a workload.
    pub fn pod(&self, app: &str) -> Result<Value> {
        let pods = self.api.list("/api/v1/pods")?;
        let labels = |p: &&Value| {
            p["metadata"]["labels"]["app"] == app
                || p["metadata"]["labels"]["k8s-app"] == app
                || p["metadata"]["name"] == app
        };
        let alive = |p: &&Value| p["metadata"]["deletionTimestamp"].is_null();
        pods.iter()
            .filter(alive)
            .find(labels)
            .cloned()
            .ok_or_else(|| format!("no pod of `{app}`").into())
    }

    pub fn pod_ip(&self, app: &str) -> Result<String> {
        Ok(text(&self.pod(app)?["status"]["podIP"]))
    }

    /// A command in the network of a pod.
    pub fn in_pod(&self, app: &str, line: &str) -> Result<String> {
        let pod = self.pod(app)?;
        let node = text(&pod["spec"]["nodeName"]);
        machine::run(
            &node,
            &format!("nsenter --net=/run/netns/cni-{} {line}", text(&pod["metadata"]["uid"])),
        )
    }

    /// A command in the calico-node container of a node.
    pub fn in_calico(&self, node: &str, line: &str) -> Result<String> {
        // The node's own is process 1; the other one is that of the container.
        let found = machine::run(node, "pgrep -x runsvdir")?;
        let pid = found
            .lines()
            .find(|p| *p != "1")
            .ok_or_else(|| format!("calico-node does not run on {node}"))?;
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        machine::run(
            node,
            &format!("nsenter -t {pid} -m -u -i -n -p -- env PATH={path} SVDIR=/etc/service/enabled {line}"),
        )
    }

    pub fn calicoctl(&self, args: &[&str], input: &str) -> Result<String> {
        use std::io::Write;
        let mut child = Command::new(self.tools.path("calicoctl"))
            .args(args)
            .env("DATASTORE_TYPE", "kubernetes")
            .env("KUBECONFIG", state::path("kubeconfig"))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        let out = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        if out.status.success() {
            Ok(said)
        } else {
            Err(format!("calicoctl {}: {said}", args.join(" ")).into())
        }
    }
}

pub fn condition(object: &Value, kind: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|c| c["type"] == kind && c["status"] == "True"))
}

pub fn name(object: &Value) -> String {
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{namespace}/{}", text(&object["metadata"]["name"])),
        None => text(&object["metadata"]["name"]),
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

/// Takes away all that any lab left here.
pub fn down() -> Result<()> {
    network::remove()?;
    match fs::remove_dir_all(state::dir()) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}

/// What keeps the lab from running here, if anything does.
pub fn can_run() -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Err("the lab makes network namespaces: run it as root".into());
    }
    let missing = tools::missing();
    if !missing.is_empty() {
        return Err(format!("the lab needs more programs: apt-get install {}", missing.join(" ")).into());
    }
    sh::output(&mut sh::command("unshare --net --mount --pid --fork true"))
        .map(drop)
        .map_err(|e| format!("namespaces cannot be made here: {e}").into())
}
