use super::{Cluster, read_lists};
use crate::{
    data::{fail, from_dynamic},
    host::{Hand, Result, to_script},
};
use rhai::{Array, Dynamic, Map, NativeCallContext, plugin::*};
use runbook_calico as model;

/// What a verdict needs besides. What is not installed is an empty list.
const POLICY_KINDS: [&str; 15] = [
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

/// The flow that a script describes.
fn read_flow(flow: &Map) -> Result<model::policy::Flow> {
    let text = |key: &str| flow.get(key).and_then(|v| v.clone().into_string().ok());
    if let Some(key) = flow
        .keys()
        .find(|k| !["source", "destination", "protocol", "port"].contains(&k.as_str()))
    {
        return Err(fail(format!(
            "a flow has no `{key}`; it has source, destination, protocol, port"
        )));
    }
    let party = |key: &str| {
        let named = text(key).ok_or_else(|| fail(format!("`{key}` of a flow is namespace/pod or an address")))?;
        model::policy::Party::parse(&named)
            .ok_or_else(|| fail(format!("`{named}` is neither namespace/pod nor an address")))
    };
    let protocol = text("protocol").unwrap_or_else(|| "tcp".into());
    let known = model::policy::Protocol::parse(&protocol).ok_or_else(|| fail(format!("no protocol `{protocol}`")))?;
    let port = flow.get("port").and_then(|p| u16::try_from(p.as_int().ok()?).ok());
    Ok(model::policy::Flow::new(
        party("source")?,
        party("destination")?,
        known,
        port,
    ))
}

/// The objects that a verdict about two pods needs: the cluster's, all policies, and those two pods.
fn judge(hand: &Hand, cluster: &Cluster, pods: &[serde_json::Value], flow: &Map) -> Result<Dynamic> {
    let (lists, mut evidence) = read_lists(hand, &POLICY_KINDS)?;
    let pods = serde_json::json!({"kind": "PodList", "apiVersion": "v1", "items": pods});
    let all = cluster.0.lists.iter().chain(&lists).chain([&pods]);
    let (index, unread) = model::policy::PolicyIndex::new(&model::cluster::Cluster::load(all));
    let verdict = index.verdict(&read_flow(flow)?, &model::policy::VerdictOptions::default());
    evidence.extend(&cluster.0.evidence);
    let mut value = serde_json::to_value(verdict).map_err(|e| fail(e.to_string()))?;
    value["unread"] = unread.iter().map(ToString::to_string).collect();
    Ok(to_script(value, true, &evidence))
}

/// What policy does with a flow, and why.
#[export_module]
pub(crate) mod policy {
    /// Returns what policy does with a flow between two pods, and by which rule of which policy.
    ///
    /// `flow`: `#{ source, destination, protocol, port }`, ends as `namespace/pod`; `pods`: the objects of those pods. Shape:
    /// `#{ decision: "Allow"|"Deny"|"Unknown", deciding: #{ element, tier, kind, namespace, name, sentence, .. }, reason, parts,
    /// changes, unread, .. }`. Source: every policy, tier and set of the cluster, in one batch. Effect: read. Errors: denied.
    /// ```rhai
    /// let pods = [kube::get("pods", "shop", "frontend-6d4cf56db6-x7k2p"), kube::get("pods", "shop", "catalog-7c9d8b6f5d-abx4k")];
    /// let flow = #{ source: "shop/frontend-6d4cf56db6-x7k2p", destination: "shop/catalog-7c9d8b6f5d-abx4k", port: 8080 };
    /// assert(calico::verdict(calico::cluster(), pods, flow).decision == "Allow");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn verdict(cx: NativeCallContext<'_>, cluster: Cluster, pods: Array, flow: Map) -> Result<Dynamic> {
        let pods = pods
            .iter()
            .map(from_dynamic)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(fail)?;
        judge(&Hand::of(&cx)?, &cluster, &pods, &flow)
    }
}
