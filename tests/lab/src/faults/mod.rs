//! Faults, each made the way it happens in life: through the API, on a node, in the network.

mod addresses;
mod bgp;
mod nodes;
mod policy;
mod underlay;

use crate::{
    Result,
    lab::{Lab, text},
    machine::{self, wait_until},
    sh,
};
use serde_json::{Value, json};
use std::time::Duration;

/// A fault, and what a runbook should say about it.
#[derive(Debug)]
pub struct Fault {
    pub name: &'static str,
    pub what: &'static str,
    pub runbook: &'static str,
    /// Parameters of the runbook; `{app}` is the pod of a workload, `{ip:app}` its address.
    pub args: &'static str,
    /// The cause, any of these first. None: a healthy cluster.
    pub first: &'static [&'static str],
    /// What else may be called proven.
    pub also: &'static [&'static str],
    /// Transports that cannot show the cause: an open answer is the right one there.
    pub blind: &'static [&'static str],
    pub inject: fn(&Lab) -> Result<()>,
    pub bites: fn(&Lab) -> Result<bool>,
    pub heal: fn(&Lab) -> Result<()>,
}

pub fn all() -> impl Iterator<Item = &'static Fault> {
    [underlay::ALL, bgp::ALL, nodes::ALL, policy::ALL, addresses::ALL]
        .into_iter()
        .flatten()
}

pub fn find(name: &str) -> Result<&'static Fault> {
    let known = || all().map(|f| f.name).collect::<Vec<_>>().join(", ");
    all()
        .find(|f| f.name == name)
        .ok_or_else(|| format!("no fault `{name}`; there are: {}", known()).into())
}

impl Fault {
    /// Makes it, and waits until it shows.
    pub fn start(&self, lab: &Lab) -> Result<()> {
        (self.inject)(lab)?;
        wait_until(&format!("{} bites", self.name), Duration::from_secs(60), || {
            (self.bites)(lab)
        })
    }

    /// Takes it back, and waits until all is well.
    pub fn end(&self, lab: &Lab) -> Result<()> {
        (self.heal)(lab)?;
        lab.wait_healthy(Duration::from_secs(120))
    }

    /// The parameters with the pods' names of now.
    pub fn arguments(&self, lab: &Lab) -> Result<Vec<String>> {
        self.args.split_whitespace().map(|word| fill(lab, word)).collect()
    }
}

fn fill(lab: &Lab, word: &str) -> Result<String> {
    let Some((before, rest)) = word.split_once('{') else {
        return Ok(word.into());
    };
    let (app, after) = rest.split_once('}').ok_or("an open brace")?;
    let value = match app.strip_prefix("ip:") {
        Some(app) => lab.pod_ip(app)?,
        None => crate::lab::name(&lab.pod(app)?),
    };
    Ok(format!("{before}{value}{after}"))
}

/// What faults are made with.
impl Lab {
    fn on(&self, node: &str, line: &str) -> Result<()> {
        machine::run(node, line).map(drop)
    }

    fn apply(&self, object: Value) -> Result<()> {
        self.api.apply(&object).map(drop)
    }

    /// A resource of Calico's, as a person would hand it to `calicoctl`.
    fn calico_apply(&self, kind: &str, metadata: Value, spec: Value) -> Result<()> {
        let object = json!({"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": spec});
        self.calicoctl(&["apply", "-f", "-"], &object.to_string()).map(drop)
    }

    fn calico_patch(&self, kind: &str, name: &str, spec: Value) -> Result<()> {
        self.calicoctl(&["patch", kind, name, "-p", &json!({"spec": spec}).to_string()], "")
            .map(drop)
    }

    fn calico_delete(&self, kind: &str, name: &[&str]) -> Result<()> {
        self.calicoctl(&[&["delete", kind, "--skip-not-exists"], name].concat(), "")
            .map(drop)
    }

    /// The node's own firewall, beside the rules of Calico and kube-proxy.
    fn firewall(&self, node: &str, hook: &str, rules: &[&str]) -> Result<()> {
        let priority = if hook == "input" { -10 } else { 10 };
        let mut table =
            format!("table inet site {{ chain {hook} {{ type filter hook {hook} priority {priority}; policy accept;\n");
        rules.iter().for_each(|rule| table += &format!("{rule}\n"));
        table += "}\n}\n";
        sh::output(machine::enter(node, "nft")?.arg(&table)).map(drop)
    }

    fn no_firewall(&self, node: &str) -> Result<()> {
        machine::script(node, "nft delete table inet site 2>/dev/null || true").map(drop)
    }

    /// Whether pings go unanswered.
    fn lost(&self, from: &str, to: &str) -> Result<bool> {
        let to = if to.contains('.') {
            to.to_string()
        } else {
            self.pod_ip(to)?
        };
        Ok(self.in_pod(from, &format!("ping -qc1 -W1 {to}")).is_err())
    }

    /// Whether a page of the pod's web server cannot be had.
    fn refuses(&self, from: &str, to: &str) -> Result<bool> {
        let to = if to.contains(':') {
            to.to_string()
        } else {
            format!("{}:8080", self.pod_ip(to)?)
        };
        Ok(self
            .in_pod(from, &format!("curl -sSo /dev/null -m 2 http://{to}/"))
            .is_err())
    }

    fn block(&self, node: &str, pool: &str) -> Result<String> {
        let prefix = if pool == "tunnel" { "10.80." } else { "10.81." };
        let blocks = self.api.list("/apis/crd.projectcalico.org/v1/ipamblocks")?;
        let mine = |b: &&Value| {
            b["spec"]["affinity"] == format!("host:{node}") && text(&b["spec"]["cidr"]).starts_with(prefix)
        };
        blocks
            .iter()
            .find(mine)
            .map(|b| text(&b["spec"]["cidr"]))
            .ok_or_else(|| format!("{node} has no block").into())
    }

    /// The interface on the node that leads to a pod.
    fn veth(&self, app: &str) -> Result<(String, String)> {
        let pod = self.pod(app)?;
        let node = text(&pod["spec"]["nodeName"]);
        let route = machine::run(&node, &format!("ip -o route get {}", text(&pod["status"]["podIP"])))?;
        let mut words = route.split_whitespace().skip_while(|w| *w != "dev");
        Ok((node, words.nth(1).unwrap_or_default().to_string()))
    }

    fn sv(&self, node: &str, action: &str, service: &str) -> Result<()> {
        self.in_calico(node, &format!("sv {action} {service}")).map(drop)
    }

    fn spawn(&self, name: &str, node: &str, pool: &str) -> Result<()> {
        self.apply(crate::cluster::pod("store", name, node, pool))
    }

    fn remove_pod(&self, name: &str) -> Result<()> {
        let path = format!("/api/v1/namespaces/store/pods/{name}");
        self.api.delete(&path)?;
        wait_until(&format!("{name} is gone"), Duration::from_secs(30), || {
            Ok(self.api.get(&path).is_err())
        })
    }

    /// Whether the runtime said that a pod's network cannot be made.
    fn no_sandbox(&self, pod: &str) -> Result<bool> {
        let events = self.api.list("/api/v1/namespaces/store/events")?;
        Ok(events
            .iter()
            .any(|e| e["reason"] == "FailedCreatePodSandBox" && e["involvedObject"]["name"] == pod))
    }

    fn has_address(&self, pod: &str) -> Result<bool> {
        Ok(!text(&self.api.get(&format!("/api/v1/namespaces/store/pods/{pod}"))?["status"]["podIP"]).is_empty())
    }
}
