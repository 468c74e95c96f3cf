use super::{Cluster, policies::Policies, read_lists, script};
use crate::{
    data::{fail, from_dynamic},
    host::{Hand, Result, to_script},
};
use rhai::{Array, Dynamic, Map, NativeCallContext, plugin::*};
use runbook_calico as model;
use std::collections::BTreeMap;

/// The flow that a script describes.
pub(super) fn read_flow(flow: &Map) -> Result<model::policy::Flow> {
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
        let named = text(key).ok_or_else(|| {
            fail(format!(
                "`{key}` of a flow is namespace/pod, an address or a node's name"
            ))
        })?;
        model::policy::Party::parse(&named).ok_or_else(|| {
            fail(format!(
                "`{named}` is neither namespace/pod, an address nor a node's name"
            ))
        })
    };
    let port = flow.get("port").and_then(|p| u16::try_from(p.as_int().ok()?).ok());
    Ok(model::policy::Flow::new(
        party("source")?,
        party("destination")?,
        protocol(&text("protocol").unwrap_or_else(|| "tcp".into()))?,
        port,
    ))
}

fn protocol(text: &str) -> Result<model::policy::Protocol> {
    model::policy::Protocol::parse(text).ok_or_else(|| fail(format!("no protocol `{text}`")))
}

/// The objects that a verdict about two pods needs: the cluster's, all policies, and those two pods.
fn judge(hand: &Hand, cluster: &Cluster, pods: &[serde_json::Value], flow: &Map) -> Result<Dynamic> {
    let (lists, mut evidence) = read_lists(hand, &super::policies::KINDS)?;
    let pods = serde_json::json!({"kind": "PodList", "apiVersion": "v1", "items": pods});
    let all = cluster.0.lists.iter().chain(&lists).chain([&pods]);
    let (index, unread) = model::policy::PolicyIndex::new(&model::cluster::Cluster::load(all));
    let verdict = index.verdict(&read_flow(flow)?, &model::policy::VerdictOptions::default());
    evidence.extend(&cluster.0.evidence);
    let mut value = serde_json::to_value(verdict).map_err(|e| fail(e.to_string()))?;
    value["unread"] = unread.iter().map(ToString::to_string).collect();
    Ok(to_script(value, true, &evidence))
}

fn parse_selector(text: &str) -> Result<model::selector::Selector> {
    model::selector::Selector::parse(text).map_err(|e| fail(e.to_string()))
}

/// What policy does with a flow, and why.
#[export_module]
pub(crate) mod policy {
    /// Returns everything that decides about policy: all policies, tiers, sets, namespaces, Services and pods, read once.
    ///
    /// Shape: an object with `tiers: [#{ name, order, default_action }]`, `host_endpoints`, `all` (as `calico::review`), `left_out` (objects that the
    /// model cannot read, in words), `not_given` (lists that could not be read, in words). Source: lists of the API, in one batch. Effect: read.
    /// Errors: no Calico, unreachable.
    /// ```rhai
    /// let policies = calico::policies(calico::cluster());
    /// assert(policies.tiers.some(|t| t.name == "default") && policies.left_out.is_empty());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn policies(cx: NativeCallContext<'_>, cluster: Cluster) -> Result<Dynamic> {
        Policies::read(&Hand::of(&cx)?, &cluster).map(Dynamic::from)
    }

    /// Returns what policy does with a flow, and by which rule of which policy.
    ///
    /// `flow`: `#{ source, destination, protocol, port }`; an end is `namespace/pod`, an address, or a node's name; `protocol` is `tcp` where it is left
    /// out. Shape: `#{ decision: "Allow"|"Deny"|"Unknown", deciding: #{ element, tier, kind, namespace, name, rule_index, rule_path, sentence },
    /// deciding_endpoint, reason, parts: [#{ kind, endpoint, direction, decision, deciding, tiers }], notes, changes, unread, .. }`. Source: the policies.
    /// Effect: none. Errors: no such end, no such protocol.
    /// ```rhai
    /// let policies = calico::policies(calico::cluster());
    /// let flow = #{ source: "shop/cart-59b8c7d6f4-qm9rz", destination: "shop/catalog-7c9d8b6f5d-abx4k", port: 8080 };
    /// let verdict = calico::verdict(policies, flow);
    /// assert(verdict.decision == "Deny" && verdict.deciding.element == "end_of_tier");
    /// ```
    #[rhai_fn(return_raw, name = "verdict")]
    pub fn verdict_of(policies: Policies, flow: Map) -> Result<Dynamic> {
        policies.verdict(&read_flow(&flow)?)
    }

    /// Returns what policy does with a flow between two pods, for who needs one verdict and not all pods.
    ///
    /// `pods`: the objects of the two pods. Flow and shape: as with `calico::policies`. Source: every policy, tier and set of the cluster, in one batch.
    /// Effect: read. Errors: denied.
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

    /// Returns the changes of existing policies that would allow a denied flow, each with what else it would open.
    ///
    /// The likeliest mistake comes first, a new rule for exactly this flow last; each was tried on the model. Shape: `[#{ change:
    /// "correct_port"|"correct_selector"|"add_rule", edits: [#{ kind, namespace, name, tier, endpoint, direction, rule_index, sentence, patch, selected_count }],
    /// opens: [#{ source, destination }], opens_count, complete }]`; `patch` is a JSON patch of the object, `()` where a rule has to be edited by hand;
    /// `opens` names at most twenty flows. `[]` where the flow is allowed or no policy can be edited for it. Effect: none. Errors: as `calico::verdict`.
    /// ```rhai
    /// let policies = calico::policies(calico::cluster());
    /// let flow = #{ source: "shop/cart-59b8c7d6f4-qm9rz", destination: "shop/catalog-7c9d8b6f5d-abx4k", port: 8080 };
    /// let change = calico::proposals(policies, flow)[0];
    /// assert(change.change == "add_rule" && change.edits[0].name == "allow-frontend" && change.opens_count == 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn proposals(policies: Policies, flow: Map) -> Result<Dynamic> {
        policies.proposals(&read_flow(&flow)?)
    }

    /// Returns what happens to flows of every pod into one pod: `[#{ namespace, pod, decision }]`.
    ///
    /// Quick, and says no reasons: ask `calico::verdict` for those. Pods without an address are left out. Effect: none. Errors: no such protocol.
    /// ```rhai
    /// let policies = calico::policies(calico::cluster());
    /// let reach = calico::reach(policies, "shop/catalog-7c9d8b6f5d-abx4k", "tcp", 8080);
    /// assert(reach.some(|r| r.decision == "Deny") && reach.find(|r| r.pod == "frontend-6d4cf56db6-x7k2p").decision == "Allow");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn reach(policies: Policies, pod: &str, protocol: &str, port: i64) -> Result<Dynamic> {
        let (namespace, name) = pod
            .split_once('/')
            .ok_or_else(|| fail(format!("`{pod}` is no pod: say namespace/name")))?;
        let port = u16::try_from(port).map_err(|_| fail(format!("`{port}` is no port")))?;
        let found = policies
            .index()
            .reach(namespace, name, super::protocol(protocol)?, Some(port));
        script(&found, policies.evidence())
    }

    /// Returns every policy with what can be said of it alone: whom it selects, and which parts of it can never match.
    ///
    /// Shape: `[#{ id, kind, namespace, name, tier, order, selector, staged, tier_missing, ingress, egress, selected_count, selected_hosts, host_network,
    /// selector_typo: #{ sentence, nearest }, dropped_rules, rules: [#{ direction, index, path, action, selector_typo, unknown_port, nearest_port,
    /// service_net, service, any_peer, whole_namespace }] }]`, in the order of evaluation; `host_network` names pods that the selector fits and that use their node's network.
    /// Effect: none. Errors: none.
    /// ```rhai
    /// let review = calico::review(calico::policies(calico::cluster()));
    /// assert(review.all(|p| p.selector_typo == () && !p.tier_missing));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn review(policies: Policies) -> Result<Dynamic> {
        policies.review()
    }

    /// Returns the policies that a person may mean with `[kind/][ns/]name`, with or without the tier's prefix.
    ///
    /// Shape: as `calico::review`. Effect: none. Errors: none; `[]` where none is called so.
    /// ```rhai
    /// let policies = calico::policies(calico::cluster());
    /// assert(calico::named(policies, "shop/allow-frontend")[0].selected_count == 1);
    /// assert(calico::named(policies, "platform.block-nets").len() == 1 && calico::named(policies, "nobody").is_empty());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn named(policies: Policies, name: &str) -> Result<Dynamic> {
        policies.named(name)
    }

    /// Returns the pods that a policy selects, as `namespace/name`.
    ///
    /// `policy`: `[kind/][ns/]name`. Effect: none. Errors: no such policy.
    /// ```rhai
    /// assert(calico::selected(calico::policies(calico::cluster()), "shop/allow-frontend") == ["shop/catalog-7c9d8b6f5d-abx4k"]);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn selected(policies: Policies, policy: &str) -> Result<Array> {
        policies.selected(policy)
    }

    /// Returns how one policy fares with the ends of a flow, whatever other policies say.
    ///
    /// `policy`: `[kind/][ns/]name`. Shape: one for each end that is a pod: `[#{ id, pod, direction, host_network, selects, failed_terms: [#{ term, label, has,
    /// wants, similar_label }], selector_typo, has_direction, staged, tier_missing, selected_count, selected_pods, rules: [#{ index, path, action, matched,
    /// failed_field, rule_wants, flow_has, hint, reason }], dropped_rules }]`; `matched` is `()` where it cannot be told. Effect: none. Errors: no such pod.
    /// ```rhai
    /// let policies = calico::policies(calico::cluster());
    /// let flow = #{ source: "shop/cart-59b8c7d6f4-qm9rz", destination: "shop/catalog-7c9d8b6f5d-abx4k", port: 8080 };
    /// let why = calico::why(policies, "shop/allow-frontend", flow).find(|w| w.direction == "ingress");
    /// assert(why.selects && why.rules[0].failed_field == "source.selector");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn why(policies: Policies, policy: &str, flow: Map) -> Result<Dynamic> {
        policies.why(policy, &read_flow(&flow)?)
    }

    /// Returns the first term of a selector that nothing in the cluster satisfies, with the nearest that exists; `()` if there is none.
    ///
    /// Shape: `#{ conclusion, sentence, nearest }`. Effect: none. Errors: the text is no selector.
    /// ```rhai
    /// let policies = calico::policies(calico::cluster());
    /// assert(calico::selector_typo(policies, "app == 'catalgo'").nearest == "app=catalog");
    /// assert(calico::selector_typo(policies, "app == 'catalog'") == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn selector_typo(policies: Policies, selector: &str) -> Result<Dynamic> {
        script(
            &policies.index().selector_typo(&parse_selector(selector)?),
            policies.evidence(),
        )
    }

    /// Returns whether a selector of Calico's language is true for labels.
    ///
    /// Effect: none. Errors: the text is no selector, with the place.
    /// ```rhai
    /// assert(calico::selects("app in {'web', 'api'} && !has(debug)", #{ app: "web" }));
    /// assert(calico::selects("app != 'web'", #{}));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn selects(selector: &str, labels: Dynamic) -> Result<bool> {
        let labels = from_dynamic(&labels).map_err(fail)?;
        let labels: BTreeMap<String, String> = labels
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        Ok(parse_selector(selector)?.matches(&labels))
    }

    /// Returns how Calico reads a selector, or where it does not.
    ///
    /// Shape: `#{ valid, canonical, column, expected, found }`; `column` counts from 1 and is `()` in a valid one. Effect: none. Errors: none.
    /// ```rhai
    /// assert(calico::selector("app=='web'").canonical == "app == \"web\"");
    /// assert(calico::selector("app = 'web'").column == 5);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn selector(text: &str) -> Result<Dynamic> {
        let read = match model::selector::Selector::parse(text) {
            Ok(selector) => {
                serde_json::json!({"valid": true, "canonical": selector.canonical(), "column": null, "expected": null, "found": null})
            }
            Err(error) => {
                serde_json::json!({"valid": false, "canonical": null, "column": error.column, "expected": error.expected, "found": error.found})
            }
        };
        Ok(to_script(read, true, &[]))
    }

    /// Returns what of policy a node enforces: each policy's chain, the way to it, and sets that do not hold what they should.
    ///
    /// Shape: `#{ node, flavour: "iptables"|"nftables"|(), hooked, policies: [#{ id, direction, chain, expected, .. }], endpoints: [#{ pod, interface,
    /// direction, chain, dispatched, lacks, surplus, drops }], sets: [#{ name, present, missing, surplus, because }], sets_known, drops: [#{ reason, chain,
    /// tier, policy, packets, rule }], other_backend: #{ backend, chains }|() }`. `flavour` is `()` where Calico has no rule at all; `chain` where it is
    /// missing; `other_backend` where chains of Calico also stand in the backend that `iptables` is not. IPv4. Source: `iptables-save -c`,
    /// `ipset save`, or `nft list ruleset`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// let policies = calico::policies(calico::cluster());
    /// let there = calico::enforcement(policies, "kworker-2");
    /// assert(there.flavour == "iptables" && there.hooked && there.sets.is_empty());
    /// assert(there.policies.find(|p| p.name == "allow-frontend").chain == "cali-pi-_YH5QJypYLIwIOe_UJ0p");
    /// assert(there.endpoints.all(|e| e.dispatched && e.lacks.is_empty()));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn enforcement(cx: NativeCallContext<'_>, policies: Policies, node: &str) -> Result<Dynamic> {
        super::super::enforcement::ask(&Hand::of(&cx)?, &policies, node)
    }
}
