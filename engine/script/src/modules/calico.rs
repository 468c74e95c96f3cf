use crate::{
    data::{fail, from_dynamic},
    facts,
    host::{Hand, Result, to_script},
};
use ipnet::IpNet;
use rhai::{Array, CustomType, Dynamic, Engine, Map, NativeCallContext, TypeBuilder, plugin::*};
use runbook_calico as model;
use runbook_core::EvidenceId;
use serde::Serialize;
use std::{net::IpAddr, sync::Arc};

/// The objects that decide how a cluster's network should look, read once.
#[derive(Clone, Debug)]
pub(crate) struct Cluster(Arc<Objects>);

#[derive(Debug)]
struct Objects {
    model: model::cluster::Cluster,
    /// The lists as they came, for what is built on them.
    lists: Vec<serde_json::Value>,
    evidence: Vec<EvidenceId>,
}

impl CustomType for Cluster {
    fn build(mut builder: TypeBuilder<'_, Self>) {
        builder
            .with_name("cluster")
            .with_get("nodes", |c: &mut Cluster| {
                script(&c.0.model.nodes, &[c.0.evidence_of("nodes")])
            })
            .with_get("pools", |c: &mut Cluster| {
                script(&c.0.model.pools, &[c.0.evidence_of("ippools")])
            })
            .with_get("bgp_peers", |c: &mut Cluster| {
                script(&c.0.model.bgp_peers, &[c.0.evidence_of("bgppeers")])
            })
            .with_get("bgp_configs", |c: &mut Cluster| {
                script(&c.0.model.bgp_configs, &[c.0.evidence_of("bgpconfigurations")])
            })
            .with_get("datastore_ready", |c: &mut Cluster| {
                script(&c.0.model.datastore_ready, &[])
            })
            .with_get("information", |c: &mut Cluster| {
                let id = c.0.evidence_of("clusterinformations");
                Ok::<_, Box<EvalAltResult>>(to_script(
                    c.0.lists[c.0.index_of("clusterinformations")].clone(),
                    false,
                    &[id],
                ))
            })
            .with_get("left_out", |c: &mut Cluster| {
                script(
                    &c.0.model.left_out.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    &[],
                )
            });
    }
}

pub(crate) fn register_types(engine: &mut Engine) {
    engine.build_type::<Cluster>();
}

fn script<T: Serialize + ?Sized>(value: &T, evidence: &[EvidenceId]) -> Result<Dynamic> {
    let value = serde_json::to_value(value).map_err(|e| fail(e.to_string()))?;
    Ok(to_script(value, true, evidence))
}

/// What `cluster()` asks for. All but nodes and pools may be absent.
const KINDS: [&str; 7] = [
    "nodes",
    "ippools",
    "felixconfigurations",
    "bgpconfigurations",
    "bgppeers",
    "bgpfilters",
    "clusterinformations",
];

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

/// Asks for complete lists in one batch.
fn read_lists(hand: &Hand, kinds: &[&str]) -> Result<(Vec<serde_json::Value>, Vec<EvidenceId>)> {
    let questions = kinds
        .iter()
        .map(|k| super::kube::list_question(hand, k, &Map::new()))
        .collect::<Result<Vec<_>>>()?;
    let answers = hand.ask(questions, false)?;
    let lists = answers
        .iter()
        .zip(kinds)
        .map(|(e, kind)| Ok(super::kube::body(e, kind)?.unwrap_or_default()));
    Ok((lists.collect::<Result<_>>()?, facts::ids(&answers)))
}

fn read_cluster(hand: &Hand) -> Result<Cluster> {
    let (lists, evidence) = read_lists(hand, &KINDS)?;
    let model = model::cluster::Cluster::load(&lists);
    Ok(Cluster(Arc::new(Objects { model, lists, evidence })))
}

impl Objects {
    fn index_of(&self, kind: &str) -> usize {
        KINDS.iter().position(|k| *k == kind).unwrap_or_default()
    }

    fn evidence_of(&self, kind: &str) -> EvidenceId {
        self.evidence[self.index_of(kind)]
    }

    fn node(&self, name: &str) -> Result<&model::node::Node> {
        self.model
            .node(name)
            .ok_or_else(|| fail(format!("no node `{name}` in this cluster")))
    }

    fn felix_of(&self, node: &str) -> Result<model::felix::FelixConfig> {
        self.model.felix(node).map_err(|e| fail(e.to_string()))
    }

    fn sessions(&self, node: &str) -> Result<Vec<model::bgp::ExpectedSession>> {
        let (nodes, peers, configs) = (&self.model.nodes, &self.model.bgp_peers, &self.model.bgp_configs);
        let inputs = model::bgp::BgpInputs { nodes, peers, configs };
        Ok(model::bgp::expected_sessions(self.node(node)?, &inputs, false))
    }

    fn options(&self, node: &str) -> Result<model::path::PathOptions> {
        let felix = self.felix_of(node)?;
        let encaps = model::path::EnabledEncaps::of(&self.model.pools, &felix);
        Ok(model::path::PathOptions {
            bgp_program_cluster_routes: self.model.bgp_config().and_then(|c| c.program_cluster_routes),
            version: self.model.version,
            bird: None,
            host_mtu: None,
            encaps,
            felix,
        })
    }
}

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

fn address(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| fail(format!("`{text}` is not an address")))
}

fn prefix(text: &str) -> Result<IpNet> {
    let host = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse()
        .ok()
        .or_else(host)
        .ok_or_else(|| fail(format!("`{text}` is not a prefix")))
}

/// What Calico should have made of the cluster's objects.
#[export_module]
pub(crate) mod calico {
    /// Returns the objects that decide how the network should look: nodes, pools, Felix and BGP configuration.
    ///
    /// Shape: an object with `nodes`, `pools`, `bgp_peers`, `bgp_configs`, `datastore_ready`, `information`, `left_out` (objects the model cannot read, in
    /// words). Source: lists of the API, in one batch. Effect: read. Errors: no Calico, unreachable, denied.
    /// ```rhai
    /// let c = calico::cluster();
    /// assert(c.pools.len() > 0 && c.left_out.is_empty());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn cluster(cx: NativeCallContext<'_>) -> Result<Dynamic> {
        read_cluster(&Hand::of(&cx)?).map(Dynamic::from)
    }

    /// Returns the IP pool that holds an address, or `()`.
    ///
    /// Shape: `#{ name, cidr, ipip_mode, vxlan_mode, nat_outgoing, disabled, block_size, .. }`. Effect: none. Errors: not an address.
    /// ```rhai
    /// assert(calico::pool_of(calico::cluster(), "10.65.74.193").name == "default-ipv4-ippool");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn pool_of(cluster: Cluster, address: &str) -> Result<Dynamic> {
        let found = model::pool::pool_for(&cluster.0.model.pools, super::address(address)?);
        script(&found, &[cluster.0.evidence_of("ippools")])
    }

    /// Returns the block that an address belongs to, or `()` outside of all pools.
    ///
    /// Shape: `#{ cidr, object }`; `object` is the name of the IPAMBlock. Effect: none. Errors: not an address.
    /// ```rhai
    /// assert(calico::block_of(calico::cluster(), "10.65.74.193").cidr == "10.65.74.192/26");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn block_of(cluster: Cluster, address: &str) -> Result<Dynamic> {
        let address = super::address(address)?;
        let pool = model::pool::pool_for(&cluster.0.model.pools, address);
        let cidr = pool.and_then(|p| model::pool::block_cidr_of(address, p));
        let block = cidr.map(|c| serde_json::json!({"cidr": c, "object": model::names::block_name(c)}));
        script(&block, &[cluster.0.evidence_of("ippools")])
    }

    /// Returns a block as the model reads it: who owns it and which addresses are given out; `()` if there is none.
    ///
    /// Shape: `#{ cidr, node, affinity, allocations: [#{ address, handle, pod, namespace, node }] }`.
    /// Source: the IPAMBlock. Effect: read. Errors: not an address, unreachable, denied.
    /// ```rhai
    /// assert(calico::block(calico::cluster(), "10.65.74.193").node == "kworker-2");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn block(cx: NativeCallContext<'_>, cluster: Cluster, address: &str) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let wanted = super::address(address)?;
        let pool = model::pool::pool_for(&cluster.0.model.pools, wanted);
        let Some(cidr) = pool.and_then(|p| model::pool::block_cidr_of(wanted, p)) else {
            return Ok(Dynamic::UNIT);
        };
        let name = model::names::block_name(cidr);
        let evidence = hand.ask_one(super::super::kube::get_question(&hand, "ipamblocks", None, &name)?)?;
        let Some(object) = super::super::kube::body(&evidence, &format!("block {name}"))? else {
            return Ok(Dynamic::UNIT);
        };
        use model::object::Object as _;
        let block = model::pool::Block::from_value(&object).map_err(|e| fail(e.to_string()))?;
        let given = |(address, a): (IpAddr, &model::pool::Allocation)| {
            serde_json::json!({
                "address": address, "handle": a.handle_id, "pod": a.secondary.get("pod"), "type": a.secondary.get("type"),
                "namespace": a.secondary.get("namespace"), "node": a.secondary.get("node"),
            })
        };
        let allocations: Vec<_> = block.allocated().map(given).collect();
        let read = serde_json::json!({
            "name": name, "cidr": cidr, "node": block.node(), "affinity": block.affinity, "allocations": allocations,
        });
        Ok(to_script(read, true, &[evidence.id]))
    }

    /// Returns the path that should carry packets from one node to an address on another: encapsulation, route,
    /// neighbour, forwarding entry, tunnel device, MTU, and what goes over the wire.
    ///
    /// Shape: `#{ encapsulation, mode, same_subnet, programmers, route: #{ dst, via, dev, .. }, neigh, fdb, tunnel_device,
    /// tunnel_address, underlay: #{ protocol, port }, mtu, missing, .. }`. Effect: none. Errors: unknown node, address outside pools.
    /// ```rhai
    /// let path = calico::path(calico::cluster(), "kworker-1", "kworker-2", "10.65.74.193");
    /// assert(path.tunnel_device == "vxlan.calico" && path.fdb.dst == "198.18.0.2");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn path(cluster: Cluster, from: &str, to: &str, address: &str) -> Result<Dynamic> {
        let objects = &cluster.0;
        let wanted = super::address(address)?;
        let outside = || fail(format!("`{address}` is in no IP pool"));
        let pool = model::pool::pool_for(&objects.model.pools, wanted).ok_or_else(outside)?;
        let block = model::pool::block_cidr_of(wanted, pool).ok_or_else(outside)?;
        let (source, destination) = (objects.node(from)?, objects.node(to)?);
        let expected = model::path::expected(source, destination, block, pool, &objects.options(from)?);
        script(
            &expected,
            &[objects.evidence_of("nodes"), objects.evidence_of("ippools")],
        )
    }

    /// Returns Felix's configuration on a node: `node.<name>` over `default` over the built-in defaults.
    ///
    /// Shape: snake_case of FelixConfiguration. Effect: none. Errors: a field that does not parse.
    /// ```rhai
    /// assert(calico::felix(calico::cluster(), "kworker-1").wireguard_enabled == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn felix(cluster: Cluster, node: &str) -> Result<Dynamic> {
        script(
            &cluster.0.felix_of(node)?,
            &[cluster.0.evidence_of("felixconfigurations")],
        )
    }

    /// Returns the overlaps of pools with each other, with nodes' addresses and with Service ranges.
    ///
    /// Shape: `#{ pool, pool_cidr, kind: "pool"|"node_address"|"node_subnet"|"service", other, other_cidr }`. Effect: none.
    /// Errors: a Service range that is no prefix.
    /// ```rhai
    /// assert(calico::overlaps(calico::cluster(), ["10.96.0.0/12"]).is_empty());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn overlaps(cluster: Cluster, service_cidrs: Dynamic) -> Result<Dynamic> {
        let ranges = from_dynamic(&service_cidrs).map_err(fail)?;
        let ranges = ranges
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|r| r.as_str())
            .map(prefix);
        let ranges = ranges.collect::<Result<Vec<IpNet>>>()?;
        let found = model::pool::overlaps(&cluster.0.model.pools, &cluster.0.model.nodes, &ranges);
        script(
            &found,
            &[cluster.0.evidence_of("ippools"), cluster.0.evidence_of("nodes")],
        )
    }

    /// Returns the BGP sessions that BIRD on a node should have.
    ///
    /// Shape: `#{ name, kind, peer_address, peer_node, bgp_peer, local_as, remote_as, peer_local_as, peer_expects_as,
    /// peer_has_session, passive, password, filters, disagreement, .. }`. Effect: none. Errors: unknown node.
    /// ```rhai
    /// assert(calico::bgp_sessions(calico::cluster(), "kworker-1").some(|s| s.peer_node == "kworker-2"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bgp_sessions(cluster: Cluster, node: &str) -> Result<Dynamic> {
        let objects = &cluster.0;
        let sessions = objects.sessions(node)?;
        let mut listed = vec![];
        for session in &sessions {
            let mut value = serde_json::to_value(session).map_err(|e| fail(e.to_string()))?;
            value["disagreement"] = session.disagreement().into();
            listed.push(value);
        }
        Ok(to_script(
            listed.into(),
            true,
            &[
                objects.evidence_of("nodes"),
                objects.evidence_of("bgppeers"),
                objects.evidence_of("bgpconfigurations"),
            ],
        ))
    }

    /// Returns whether a node tells a peer about a block of its own, and by which rule.
    ///
    /// `session` is the name of one of `bgp_sessions(cluster, node)`. Shape: `#{ prefix, decision: "export"|"reject"|"unknown",
    /// rule, because }`. Source: pools, filters and block affinities. Effect: read. Errors: unknown node or session, not a prefix.
    /// ```rhai
    /// let verdict = calico::bgp_export(calico::cluster(), "kworker-2", "Mesh_198_18_0_1", "10.66.74.192/26");
    /// assert(verdict.decision == "export");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bgp_export(
        cx: NativeCallContext<'_>,
        cluster: Cluster,
        node: &str,
        session: &str,
        prefix: &str,
    ) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let objects = &cluster.0;
        let evidence = hand.ask_one(super::super::kube::list_question(
            &hand,
            "blockaffinities",
            &Map::new(),
        )?)?;
        let list = super::super::kube::body(&evidence, "the block affinities")?.unwrap_or_default();
        let affinities = model::object::read_list(&list).items;
        let sessions = objects.sessions(node)?;
        let found = sessions.iter().find(|s| s.name == session);
        let found = found.ok_or_else(|| fail(format!("node `{node}` has no session `{session}`")))?;
        let default = objects.model.bgp_config();
        let (pools, filters) = (&objects.model.pools, &objects.model.bgp_filters);
        let origin = model::bgp::Origin::Local;
        let verdict = model::bgp::export_verdict(
            super::prefix(prefix)?,
            origin,
            found,
            pools,
            &affinities,
            filters,
            default,
        );
        script(&verdict, &[objects.evidence_of("ippools"), evidence.id])
    }

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

    /// Returns the end of calico-node's log, read: what Felix, confd, the startup and the API clients wrote.
    ///
    /// `pod` is `namespace/name` of the agent's pod. Shape: `#{ entries: [#{ time, level, component, file, message, fields, .. }],
    /// unparsed }`. Source: the pod's log. Effect: read. Errors: unreachable, denied.
    /// ```rhai
    /// let agent = kube::list("pods", #{ labels: "k8s-app=calico-node" })[0].metadata;
    /// assert(calico::agent_log(`${agent.namespace}/${agent.name}`, 50).entries.len() > 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn agent_log(cx: NativeCallContext<'_>, pod: &str, tail_lines: i64) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let evidence = super::super::kube::log(&hand, pod, "calico-node", tail_lines)?;
        let target = evidence.question.target();
        let body = evidence
            .answer
            .body()
            .map_err(|f| crate::host::unanswered("the log", &target, &f))?;
        facts::read("felix_log", &body.text(), &evidence)
    }

    /// Returns the name of the host end of a pod's link.
    ///
    /// Effect: none. Errors: none.
    /// ```rhai
    /// assert(calico::veth("cali", "default", "web-0") == "cali0d7763386da");
    /// ```
    pub fn veth(prefix: &str, namespace: &str, pod: &str) -> String {
        model::names::veth(prefix, namespace, pod)
    }

    /// Returns the hardware address of a node's VXLAN device where no annotation says another.
    ///
    /// Effect: none. Errors: none.
    /// ```rhai
    /// assert(calico::vtep_mac("kworker-1") == "66:f9:69:c6:aa:59");
    /// ```
    pub fn vtep_mac(node: &str) -> String {
        model::names::vtep_mac(node)
    }

    /// Returns whether an address, or a prefix, lies in a prefix.
    ///
    /// Effect: none. Errors: not an address, not a prefix.
    /// ```rhai
    /// assert(calico::contains("10.65.0.0/16", "10.65.74.193") && !calico::contains("10.65.0.0/16", "10.0.0.0/8"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn contains(prefix: &str, part: &str) -> Result<bool> {
        Ok(super::prefix(prefix)?.contains(&super::prefix(part)?))
    }
}
