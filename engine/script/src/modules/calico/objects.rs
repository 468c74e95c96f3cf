use super::{Cluster, address, prefix, read_cluster, script};
use crate::{
    data::{fail, from_dynamic},
    facts,
    host::{Hand, Result, to_script},
};
use ipnet::IpNet;
use rhai::{Dynamic, NativeCallContext, plugin::*};
use runbook_calico as model;
use std::net::IpAddr;

/// What the cluster is made of: its objects as the model reads them.
#[export_module]
pub(crate) mod objects {
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
        let evidence = hand.ask_one(crate::modules::kube::get_question(&hand, "ipamblocks", None, &name)?)?;
        let Some(object) = crate::modules::kube::body(&evidence, &format!("block {name}"))? else {
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
        let evidence = crate::modules::kube::log(&hand, pod, "calico-node", tail_lines)?;
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
