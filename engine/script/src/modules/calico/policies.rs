//! All that decides about policy, read once, and what is asked of it.

use super::{Cluster, script};
use crate::{
    data::fail,
    facts,
    host::{Hand, Result, to_script},
    modules::kube,
};
use rhai::{Array, CustomType, Dynamic, Map, TypeBuilder};
use runbook_calico as model;
use runbook_calico::{
    names::Direction,
    policy::{Flow, Party, PolicyIndex, VerdictOptions},
    workload::{Inherited, WorkloadEndpoint},
};
use runbook_core::EvidenceId;
use serde::Serialize;
use std::sync::Arc;

/// What a verdict needs besides the cluster and the pods. What is not installed is an empty list.
pub(super) const KINDS: [&str; 15] = [
    "namespaces",
    "serviceaccounts",
    "services",
    "endpointslices",
    "networkpolicies",
    "caliconetworkpolicies",
    "globalnetworkpolicies",
    "tiers",
    "networksets",
    "globalnetworksets",
    "hostendpoints",
    "stagednetworkpolicies",
    "stagedglobalnetworkpolicies",
    "stagedkubernetesnetworkpolicies",
    "clusternetworkpolicies",
];
/// What the whole picture needs besides those.
const MORE: [&str; 3] = ["pods", "servicecidrs", "daemonsets"];
/// Kinds of a group that few clusters serve.
const ADMIN: [&str; 2] = ["adminnetworkpolicies", "baselineadminnetworkpolicies"];

#[derive(Clone, Debug)]
pub(crate) struct Policies(Arc<Whole>);

#[derive(Debug)]
struct Whole {
    model: model::cluster::Cluster,
    index: PolicyIndex,
    options: VerdictOptions,
    /// Felix configurations that the index could not read.
    unread: Vec<String>,
    not_given: Vec<String>,
    evidence: Vec<EvidenceId>,
}

impl CustomType for Policies {
    fn build(mut builder: TypeBuilder<'_, Self>) {
        builder
            .with_name("policies")
            .with_get("tiers", |p: &mut Policies| script(&p.0.index.tiers, &p.0.evidence))
            .with_get("host_endpoints", |p: &mut Policies| {
                script(&p.0.index.host_endpoints, &p.0.evidence)
            })
            .with_get("all", |p: &mut Policies| p.review())
            .with_get("left_out", |p: &mut Policies| {
                let left = p.0.model.left_out.iter().map(ToString::to_string);
                script(&left.chain(p.0.unread.clone()).collect::<Vec<_>>(), &p.0.evidence)
            })
            .with_get("not_given", |p: &mut Policies| script(&p.0.not_given, &p.0.evidence));
    }
}

impl Policies {
    /// Asks for all lists in one batch. One that is denied is told, and verdicts are `Unknown` where it matters.
    pub(super) fn read(hand: &Hand, cluster: &Cluster) -> Result<Policies> {
        let mut kinds: Vec<&str> = KINDS.into_iter().chain(MORE).collect();
        if kube::serves(hand, "policy.networking.k8s.io/v1alpha1")? {
            kinds.extend(ADMIN);
        }
        let questions = kinds
            .iter()
            .map(|kind| kube::list_question(hand, kind, &Map::new()))
            .collect::<Result<Vec<_>>>()?;
        let answers = hand.ask(questions, false)?;
        let mut evidence = facts::ids(&answers);
        let (mut lists, mut not_given) = (vec![], vec![]);
        for (answer, kind) in answers.iter().zip(&kinds) {
            match kube::body(answer, kind) {
                Ok(list) => lists.extend(list),
                Err(error) => not_given.push(reason(&error, kind)),
            }
        }
        let options = VerdictOptions {
            endpoint_to_host_action: environment(&lists, "FELIX_DEFAULTENDPOINTTOHOSTACTION"),
            brief: false,
        };
        let model = model::cluster::Cluster::load(cluster.0.lists.iter().chain(&lists));
        let (index, unread) = PolicyIndex::new(&model);
        evidence.extend(&cluster.0.evidence);
        Ok(Policies(Arc::new(Whole {
            model,
            index,
            options,
            unread: unread.iter().map(ToString::to_string).collect(),
            not_given,
            evidence,
        })))
    }

    pub(super) fn index(&self) -> &PolicyIndex {
        &self.0.index
    }

    pub(super) fn evidence(&self) -> &[EvidenceId] {
        &self.0.evidence
    }

    /// Does a node's Felix use eBPF programs instead of rules?
    pub(super) fn ebpf(&self, node: &str) -> bool {
        self.0
            .model
            .felix(node)
            .is_ok_and(|felix| felix.bpf_enabled == Some(true))
    }

    pub(super) fn verdict(&self, flow: &Flow) -> Result<Dynamic> {
        let verdict = self.index().verdict(flow, &self.0.options);
        let mut value = json(&verdict)?;
        value["unread"] = self.0.unread.iter().cloned().collect();
        Ok(to_script(value, true, self.evidence()))
    }

    pub(super) fn proposals(&self, flow: &Flow) -> Result<Dynamic> {
        let verdict = self.index().verdict(flow, &self.0.options);
        script(&self.index().proposals(&verdict, &self.0.options), self.evidence())
    }

    pub(super) fn review(&self) -> Result<Dynamic> {
        let all = self.index().review();
        self.reviews(&all)
    }

    pub(super) fn named(&self, name: &str) -> Result<Dynamic> {
        let ranks = self.index().named(name);
        let all = self.index().review();
        let meant: Vec<_> = ranks.into_iter().filter_map(|rank| all.get(rank).cloned()).collect();
        self.reviews(&meant)
    }

    fn reviews(&self, all: &[model::policy::PolicyReview]) -> Result<Dynamic> {
        let hosted = self.hosted();
        let with_hosts = all.iter().map(|review| {
            let mut value = json(review)?;
            let policy = self
                .index()
                .named(&review.id)
                .first()
                .map(|rank| &self.index().policies[*rank]);
            let fits = |at: &&WorkloadEndpoint| policy.is_some_and(|policy| policy.selector.matches(&at.labels));
            value["host_network"] = hosted.iter().filter(fits).map(name_of).collect();
            Ok(value)
        });
        let values = with_hosts.collect::<Result<Vec<_>>>()?;
        Ok(to_script(serde_json::Value::Array(values), true, self.evidence()))
    }

    pub(super) fn selected(&self, name: &str) -> Result<Array> {
        let ranks = self.index().named(name);
        if ranks.is_empty() {
            return Err(fail(format!("no policy `{name}`")));
        }
        let policies = ranks.iter().map(|rank| &self.index().policies[*rank]);
        let policies: Vec<_> = policies.collect();
        let all = self.index().endpoints.iter();
        let selected = all.filter(|at| policies.iter().any(|policy| policy.selector.matches(&at.labels)));
        Ok(selected.map(|at| Dynamic::from(name_of(at))).collect())
    }

    pub(super) fn why(&self, name: &str, flow: &Flow) -> Result<Dynamic> {
        let hosted = self.hosted();
        let mut found = vec![];
        for (party, direction) in [
            (&flow.source, Direction::Egress),
            (&flow.destination, Direction::Ingress),
        ] {
            let Some((at, host_network)) = self.end(party, &hosted) else {
                continue;
            };
            for why in model::policy::why_policy(self.index(), name, at, direction, Some(flow)) {
                let mut value = json(&why)?;
                value["host_network"] = host_network.into();
                found.push(value);
            }
        }
        Ok(to_script(serde_json::Value::Array(found), true, self.evidence()))
    }

    /// The pod at an end of a flow, and whether it uses its node's network.
    fn end<'a>(&'a self, party: &Party, hosted: &'a [WorkloadEndpoint]) -> Option<(&'a WorkloadEndpoint, bool)> {
        match party {
            Party::Pod { namespace, name } => {
                let own = self.index().endpoint(namespace, name).map(|at| (at, false));
                own.or_else(|| {
                    let same = |at: &&WorkloadEndpoint| at.namespace == *namespace && at.pod == *name;
                    hosted.iter().find(same).map(|at| (at, true))
                })
            }
            Party::Address(address) => {
                let all = self.index().endpoints.iter();
                all.filter(|at| at.addresses.contains(address))
                    .map(|at| (at, false))
                    .next()
            }
            Party::Node(_) => None,
        }
    }

    /// Pods in their node's network, with the labels that a policy would see if they had an endpoint.
    fn hosted(&self) -> Vec<WorkloadEndpoint> {
        let inherited = Inherited::new(&self.0.model.namespaces, &self.0.model.service_accounts);
        let hosted = self.0.model.pods.iter().filter(|pod| pod.host_network);
        let as_if = hosted.map(|pod| {
            let mut pod = pod.clone();
            pod.host_network = false;
            pod
        });
        as_if
            .filter_map(|pod| model::workload::endpoint_of(&pod, &inherited, "cali"))
            .collect()
    }
}

fn name_of(at: &WorkloadEndpoint) -> String {
    format!("{}/{}", at.namespace, at.pod)
}

fn json<T: Serialize>(value: &T) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|e| fail(e.to_string()))
}

/// Why a list was not given, in words.
fn reason(error: &rhai::EvalAltResult, kind: &str) -> String {
    let said = match error {
        rhai::EvalAltResult::ErrorRuntime(value, _) => value.read_lock::<Map>().and_then(|map| {
            let message = map.get("message")?;
            message.clone().into_string().ok()
        }),
        _ => None,
    };
    said.unwrap_or_else(|| format!("cannot read {kind}: {error}"))
}

/// A literal variable of calico-node's containers, where the lists hold its DaemonSet.
fn environment(lists: &[serde_json::Value], name: &str) -> Option<String> {
    let items = lists.iter().filter_map(|list| list["items"].as_array()).flatten();
    let agents = items.filter(|item| {
        let template = &item["spec"]["template"]["metadata"]["labels"];
        template["k8s-app"] == "calico-node" || template["k8s-app"] == "canal"
    });
    let containers = agents.filter_map(|item| item["spec"]["template"]["spec"]["containers"].as_array());
    let variables = containers
        .flatten()
        .filter_map(|container| container["env"].as_array())
        .flatten();
    let mut named = variables.filter(|variable| variable["name"] == name);
    named.find_map(|variable| variable["value"].as_str().map(str::to_owned))
}
