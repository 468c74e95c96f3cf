//! What Calico should have made of the cluster's objects: one file for each part of the model.

mod bgp;
mod dataplane;
mod enforcement;
mod ipam;
mod objects;
mod policies;
mod policy;

use super::kube;
use crate::{
    data::fail,
    facts,
    host::{Hand, Result, to_script},
};
use ipnet::IpNet;
use rhai::{
    CustomType, Dynamic, Engine, EvalAltResult, Map, Module, TypeBuilder, plugin::combine_with_exported_module,
};
use runbook_calico as model;
use runbook_core::EvidenceId;
use serde::Serialize;
use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

/// The objects that decide how a cluster's network should look, read once.
#[derive(Clone, Debug)]
pub(crate) struct Cluster(Arc<Objects>);

#[derive(Debug)]
struct Objects {
    model: model::cluster::Cluster,
    /// The lists as they came, for what is built on them.
    lists: Vec<serde_json::Value>,
    evidence: Vec<EvidenceId>,
    /// Read when somebody asks: they are many.
    blocks: OnceLock<Blocks>,
}

/// Blocks and affinities, and what routes follow from them.
#[derive(Debug)]
struct Blocks {
    routes: Vec<model::bgp::BlockRoute>,
    affinities: Vec<model::pool::BlockAffinity>,
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
            .with_get("bgp_filters", |c: &mut Cluster| {
                script(&c.0.model.bgp_filters, &[c.0.evidence_of("bgpfilters")])
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
    engine.build_type::<policies::Policies>();
    ipam::register_types(engine);
}

/// The files' functions as one module.
pub(super) fn module() -> Module {
    let mut module = Module::new();
    combine_with_exported_module!(&mut module, "objects", objects::objects);
    combine_with_exported_module!(&mut module, "dataplane", dataplane::dataplane);
    combine_with_exported_module!(&mut module, "bgp", bgp::bgp);
    combine_with_exported_module!(&mut module, "policy", policy::policy);
    combine_with_exported_module!(&mut module, "ipam", ipam::ipam);
    module
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

/// The lists that a function of this module asks for; none where it asks for one object or only computes.
pub(crate) fn kinds(function: &str) -> &'static [&'static str] {
    match function {
        "cluster" => &KINDS,
        "policies" | "verdict" => &policies::KINDS,
        "ipam" => &ipam::KINDS,
        _ => &[],
    }
}

/// Asks for complete lists in one batch.
fn read_lists(hand: &Hand, kinds: &[&str]) -> Result<(Vec<serde_json::Value>, Vec<EvidenceId>)> {
    let questions = kinds
        .iter()
        .map(|k| kube::list_question(hand, k, &Map::new()))
        .collect::<Result<Vec<_>>>()?;
    let answers = hand.ask(questions, false)?;
    let lists = answers
        .iter()
        .zip(kinds)
        .map(|(e, kind)| Ok(kube::body(e, kind)?.unwrap_or_default()));
    Ok((lists.collect::<Result<_>>()?, facts::ids(&answers)))
}

fn read_cluster(hand: &Hand) -> Result<Cluster> {
    let (lists, evidence) = read_lists(hand, &KINDS)?;
    let model = model::cluster::Cluster::load(&lists);
    let blocks = OnceLock::new();
    Ok(Cluster(Arc::new(Objects {
        model,
        lists,
        evidence,
        blocks,
    })))
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
