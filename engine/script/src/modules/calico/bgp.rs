use super::{Blocks, Cluster, Objects, prefix, read_lists, script};
use crate::{
    data::{fail, from_dynamic},
    host::{Hand, Result, to_script},
};
use rhai::{Array, Dynamic, NativeCallContext, plugin::*};
use runbook_calico as model;
use runbook_core::EvidenceId;
use serde_json::{Value, json};

/// `ipv4` or `ipv6`.
fn is_ipv6(family: &str) -> Result<bool> {
    match family {
        "ipv4" => Ok(false),
        "ipv6" => Ok(true),
        other => Err(fail(format!("a family is ipv4 or ipv6, not `{other}`"))),
    }
}

fn inputs(objects: &Objects) -> model::bgp::BgpInputs<'_> {
    model::bgp::BgpInputs {
        nodes: &objects.model.nodes,
        peers: &objects.model.bgp_peers,
        configs: &objects.model.bgp_configs,
    }
}

fn sessions_of(objects: &Objects, node: &str, family: &str) -> Result<Vec<model::bgp::ExpectedSession>> {
    let ipv6 = is_ipv6(family)?;
    Ok(model::bgp::expected_sessions(
        objects.node(node)?,
        &inputs(objects),
        ipv6,
    ))
}

/// The session of a name, of whichever family.
fn session_named(objects: &Objects, node: &str, name: &str) -> Result<model::bgp::ExpectedSession> {
    for family in ["ipv4", "ipv6"] {
        let found = sessions_of(objects, node, family)?.into_iter().find(|s| s.name == name);
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(fail(format!("node `{node}` has no session `{name}`")))
}

/// What sessions follow from.
fn session_evidence(objects: &Objects) -> [EvidenceId; 3] {
    [
        objects.evidence_of("nodes"),
        objects.evidence_of("bgppeers"),
        objects.evidence_of("bgpconfigurations"),
    ]
}

fn session_value(session: &model::bgp::ExpectedSession) -> Result<Value> {
    let mut value = serde_json::to_value(session).map_err(|e| fail(e.to_string()))?;
    value["disagreement"] = session.disagreement().into();
    Ok(value)
}

fn seen(protocol: &Value) -> model::bgp::SeenSession {
    let text = |key: &str| protocol[key].as_str().map(String::from);
    model::bgp::SeenSession {
        name: text("name").unwrap_or_default(),
        state: text("bgp_state"),
        error: text("last_error"),
        ..Default::default()
    }
}

/// The sessions that should be against BIRD's protocols; only what differs is handed out.
fn differences(objects: &Objects, node: &str, family: &str, protocols: &Dynamic) -> Result<Value> {
    let expected = sessions_of(objects, node, family)?;
    let protocols = from_dynamic(protocols).map_err(fail)?;
    let bgp: Vec<&Value> = protocols
        .as_array()
        .into_iter()
        .flatten()
        .filter(|p| p["proto"] == "BGP")
        .collect();
    let shown: Vec<_> = bgp.iter().map(|p| seen(p)).collect();
    let established = shown
        .iter()
        .filter(|s| s.state.as_deref() == Some("Established"))
        .count();
    let mut differences = vec![];
    for diff in model::bgp::diff_sessions(&expected, &shown) {
        let session = expected.iter().find(|s| s.name == diff.session);
        let protocol = bgp.iter().find(|p| p["name"] == diff.session.as_str());
        differences.push(json!({
            "name": diff.session, "problem": diff.problem, "sentence": diff.sentence, "protocol": protocol,
            "session": session.map(session_value).transpose()?,
        }));
    }
    Ok(json!({"expected": expected.len(), "established": established, "differences": differences}))
}

/// Every node's blocks, read once in a run.
fn blocks<'a>(hand: &Hand, objects: &'a Objects) -> Result<&'a Blocks> {
    if let Some(known) = objects.blocks.get() {
        return Ok(known);
    }
    let (lists, evidence) = read_lists(hand, &["ipamblocks", "blockaffinities"])?;
    let mut read = model::cluster::Cluster::load(&lists);
    read.pools.clone_from(&objects.model.pools);
    let routes = model::bgp::block_routes(&read);
    Ok(objects.blocks.get_or_init(|| Blocks {
        routes,
        affinities: read.affinities,
        evidence,
    }))
}

/// Where a value came from.
fn evidence_in(value: &Dynamic) -> Vec<EvidenceId> {
    let mut found = vec![];
    crate::data::evidence_of(value, &mut found);
    found
}

fn seen_routes(routes: &Dynamic) -> Result<Vec<model::bgp::SeenRoute>> {
    let routes = from_dynamic(routes).map_err(fail)?;
    let main = |r: &&Value| r["table"].as_str().is_none_or(|table| table == "main");
    let read = |r: &Value| {
        Some(model::bgp::SeenRoute {
            prefix: prefix(r["prefix"].as_str()?).ok()?,
            kind: r["kind"].as_str().unwrap_or("unicast").into(),
        })
    };
    Ok(routes
        .as_array()
        .into_iter()
        .flatten()
        .filter(main)
        .filter_map(read)
        .collect())
}

/// Which sessions BIRD should have, what it should tell its peers and take from them, and the way of a route.
#[export_module]
pub(crate) mod bgp {
    /// Returns the BGP sessions over IPv4 that BIRD on a node should have.
    ///
    /// Shape: `#{ name, kind, peer_address, peer_node, bgp_peer, local_as, remote_as, peer_local_as, peer_expects_as,
    /// peer_has_session, passive, password, filters, ttl_security, disagreement, .. }`. Effect: none. Errors: unknown node.
    /// ```rhai
    /// assert(calico::bgp_sessions(calico::cluster(), "kworker-1").some(|s| s.peer_node == "kworker-2"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bgp_sessions(cluster: Cluster, node: &str) -> Result<Dynamic> {
        bgp_sessions_over(cluster, node, "ipv4")
    }

    /// Returns the BGP sessions over one family, `"ipv4"` or `"ipv6"`, that BIRD on a node should have.
    ///
    /// Shape: as above. Effect: none. Errors: unknown node, no family.
    /// ```rhai
    /// assert(calico::bgp_sessions(calico::cluster(), "kworker-1", "ipv6").is_empty());
    /// ```
    #[rhai_fn(return_raw, name = "bgp_sessions")]
    pub fn bgp_sessions_over(cluster: Cluster, node: &str, family: &str) -> Result<Dynamic> {
        let objects = &cluster.0;
        let sessions = sessions_of(objects, node, family)?;
        let listed = sessions.iter().map(session_value).collect::<Result<Vec<_>>>()?;
        Ok(to_script(listed.into(), true, &session_evidence(objects)))
    }

    /// Returns where BIRD's protocols on a node differ from the sessions over one family that the API objects ask for.
    ///
    /// `protocols` is `node::bird_protocols(node).protocols`. Shape: `#{ expected, established, differences: [#{ name, problem:
    /// "not_configured"|"not_expected"|"not_established"|"disagreement", sentence, session, protocol }] }`: two counts, and an
    /// entry only for what differs. Effect: none. Errors: unknown node, no family.
    /// ```rhai
    /// let shown = node::bird_protocols("kworker-1").protocols;
    /// let diff = calico::bgp_differences(calico::cluster(), "kworker-1", "ipv4", shown);
    /// assert(diff.expected == 2 && diff.established == 2 && diff.differences.is_empty());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bgp_differences(cluster: Cluster, node: &str, family: &str, protocols: Dynamic) -> Result<Dynamic> {
        let found = differences(&cluster.0, node, family, &protocols)?;
        let mut evidence = session_evidence(&cluster.0).to_vec();
        evidence.extend(super::evidence_in(&protocols));
        Ok(to_script(found, true, &evidence))
    }

    /// Returns, in sentences, what keeps a node from having a session over a family with another node.
    ///
    /// The mesh first, then each BGPPeer that nearly asks for it, with the label that its selector misses. Effect: none.
    /// Errors: unknown node, no family.
    /// ```rhai
    /// assert(calico::bgp_why_no_session(calico::cluster(), "kworker-1", "kworker-2", "ipv6")[0].contains("IPv6Address"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bgp_why_no_session(cluster: Cluster, node: &str, peer: &str, family: &str) -> Result<Array> {
        let objects = &cluster.0;
        let (node, peer) = (objects.node(node)?, objects.node(peer)?);
        let why = model::bgp::why_no_session(node, peer, &inputs(objects), is_ipv6(family)?);
        Ok(why.into_iter().map(Dynamic::from).collect())
    }

    /// Returns the way that a route of one node can take to another over a family, by the sessions that should be.
    ///
    /// Shape: `#{ kind: "direct"|"relayed"|"outside"|"none", hops: [#{ from, to, to_address, session }] }`; `outside` means that both
    /// have sessions with routers, and what those pass on is not known. Effect: none. Errors: unknown node, no family.
    /// ```rhai
    /// assert(calico::bgp_way(calico::cluster(), "kworker-1", "kworker-2", "ipv4").kind == "direct");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bgp_way(cluster: Cluster, from: &str, to: &str, family: &str) -> Result<Dynamic> {
        let objects = &cluster.0;
        let (from, to) = (objects.node(from)?, objects.node(to)?);
        let way = model::bgp::way(from, to, &inputs(objects), is_ipv6(family)?);
        script(&way, &session_evidence(objects))
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
        let objects = &cluster.0;
        let known = super::blocks(&Hand::of(&cx)?, objects)?;
        let verdict = model::bgp::export_verdict(
            super::prefix(prefix)?,
            model::bgp::Origin::Local,
            &session_named(objects, node, session)?,
            &objects.model.pools,
            &known.affinities,
            &objects.model.bgp_filters,
            objects.model.bgp_config(),
        );
        let mut from = vec![objects.evidence_of("ippools"), objects.evidence_of("bgpfilters")];
        from.extend(&known.evidence);
        script(&verdict, &from)
    }

    /// Returns whether a node takes a prefix that a peer tells it, and by which rule.
    ///
    /// `session` is the name of one of `bgp_sessions(cluster, node)`, `as_path` the AS numbers that the route comes with. Shape:
    /// `#{ prefix, decision: "accept"|"reject"|"unknown", rule: "as_loop"|"bgp_filter"|"default", because }`. Effect: none.
    /// Errors: unknown node or session, not a prefix.
    /// ```rhai
    /// assert(calico::bgp_import(calico::cluster(), "kworker-1", "Mesh_198_18_0_2", "10.66.74.192/26", []).decision == "accept");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bgp_import(cluster: Cluster, node: &str, session: &str, prefix: &str, as_path: Array) -> Result<Dynamic> {
        let objects = &cluster.0;
        let number = |v: Dynamic| u32::try_from(v.as_int().ok()?).ok();
        let path: Vec<u32> = as_path.into_iter().filter_map(number).collect();
        let session = session_named(objects, node, session)?;
        let filters = &objects.model.bgp_filters;
        let verdict = model::bgp::import_verdict(super::prefix(prefix)?, &path, &session, filters);
        let mut from = session_evidence(objects).to_vec();
        from.push(objects.evidence_of("bgpfilters"));
        script(&verdict, &from)
    }

    /// Returns the blocks of all nodes, by IPAM's blocks and by its affinities, and how the two contradict each other.
    ///
    /// Shape: `#{ cidr, pool, owner, has_block, claims: [#{ node, state }], borrowed: [#{ address, node, pod }], contradiction,
    /// in_progress }`. Source: lists of both. Effect: read. Errors: unreachable, denied.
    /// ```rhai
    /// let blocks = calico::bgp_blocks(calico::cluster());
    /// assert(blocks.some(|b| b.cidr == "10.66.74.192/26" && b.owner == "kworker-2" && b.contradiction == ()));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bgp_blocks(cx: NativeCallContext<'_>, cluster: Cluster) -> Result<Dynamic> {
        let known = super::blocks(&Hand::of(&cx)?, &cluster.0)?;
        script(&known.routes, &known.evidence)
    }

    /// Returns the blocks and borrowed addresses of other nodes that a node has no usable route to.
    ///
    /// `routes` is `node::routes(node)`. Shape: `#{ node, prefix, owner, pool, borrowed, programmers: ["felix"|"bird"],
    /// programmer_uncertain, instead }`. Source: blocks, affinities, pools and who programmes them. Effect: read. Errors: unknown node,
    /// unreachable, denied.
    /// ```rhai
    /// assert(calico::missing_routes(calico::cluster(), "kworker-1", node::routes("kworker-1")).is_empty());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn missing_routes(cx: NativeCallContext<'_>, cluster: Cluster, node: &str, routes: Dynamic) -> Result<Dynamic> {
        let objects = &cluster.0;
        let known = super::blocks(&Hand::of(&cx)?, objects)?;
        let (seen, options) = (seen_routes(&routes)?, objects.options(node)?);
        let missing = model::bgp::missing_routes(&objects.model, &known.routes, objects.node(node)?, &seen, &options);
        let mut evidence = known.evidence.clone();
        evidence.extend(super::evidence_in(&routes));
        script(&missing, &evidence)
    }

    /// Returns who programmes the routes of each pool between nodes: Felix, BIRD, both or nobody.
    ///
    /// Shape: `#{ pool, cidr, encapsulation: "none"|"ipip"|"vxlan", programmers: ["felix"|"bird"], uncertain }`; `uncertain` where the version
    /// decides and is not known. Source: pools, Felix's and BGP's configuration. Effect: none. Errors: a field that does not parse.
    /// ```rhai
    /// assert(calico::route_owners(calico::cluster()).some(|p| p.encapsulation == "vxlan" && p.programmers[0] == "felix"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn route_owners(cluster: Cluster) -> Result<Dynamic> {
        let objects = &cluster.0;
        // Pools do not differ between nodes; Felix's setting may, and a node of no name has the default.
        let options = objects.options("")?;
        let owners: Vec<Value> = objects
            .model
            .pools
            .iter()
            .map(|pool| {
                let encapsulation = pool.encapsulation().0;
                let (programmers, uncertain) = model::path::programmers(encapsulation, &options);
                json!({"pool": pool.name, "cidr": pool.cidr, "encapsulation": encapsulation, "programmers": programmers, "uncertain": uncertain})
            })
            .collect();
        let from = ["ippools", "felixconfigurations", "bgpconfigurations"].map(|kind| objects.evidence_of(kind));
        Ok(to_script(owners.into(), true, &from))
    }
}
