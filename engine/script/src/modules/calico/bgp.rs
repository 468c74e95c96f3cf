use super::{Cluster, prefix, script};
use crate::{
    data::fail,
    host::{Hand, Result, to_script},
};
use rhai::{Dynamic, Map, NativeCallContext, plugin::*};
use runbook_calico as model;

/// Which sessions BIRD should have, and what it should tell its peers.
#[export_module]
pub(crate) mod bgp {
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
        let evidence = hand.ask_one(crate::modules::kube::list_question(
            &hand,
            "blockaffinities",
            &Map::new(),
        )?)?;
        let list = crate::modules::kube::body(&evidence, "the block affinities")?.unwrap_or_default();
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
}
