//! Which prefixes every node should know, who carries them, and which of them a node lacks.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    cluster::Cluster,
    node::Node,
    path::{self, PathOptions, Programmer},
    pool::{AffinityState, IpPool, Owner, pool_of_cidr},
};

/// A claim of a block by a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    pub node: String,
    /// `confirmed`, `pending`, `pending_deletion`, …
    pub state: AffinityState,
}

/// An address of a block that a pod on another node than the block's uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Borrowed {
    pub address: IpAddr,
    pub node: String,
    pub pod: String,
}

/// A block as its two kinds of objects tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockRoute {
    pub cidr: IpNet,
    pub pool: Option<String>,
    /// The node that the IPAMBlock belongs to; none without an IPAMBlock or for a block of nobody.
    pub owner: Option<String>,
    pub has_block: bool,
    pub claims: Vec<Claim>,
    pub borrowed: Vec<Borrowed>,
    /// How the two kinds contradict each other, in words.
    pub contradiction: Option<String>,
    /// A claim is on its way: contradictions may be of the moment.
    pub in_progress: bool,
}

/// Returns every block that belongs to a node, by its blocks and by its affinities.
pub fn block_routes(cluster: &Cluster) -> Vec<BlockRoute> {
    let mut all: BTreeMap<(IpAddr, u8), BlockRoute> = BTreeMap::new();
    let key = |cidr: IpNet| (cidr.network(), cidr.prefix_len());
    let fresh = |cidr: IpNet| BlockRoute {
        cidr,
        pool: pool_of_cidr(&cluster.pools, cidr).map(|pool| pool.name.clone()),
        owner: None,
        has_block: false,
        claims: vec![],
        borrowed: vec![],
        contradiction: None,
        in_progress: false,
    };
    for block in cluster.blocks.iter().filter(|block| !block.deleted) {
        let entry = all.entry(key(block.cidr)).or_insert_with(|| fresh(block.cidr));
        entry.has_block = true;
        entry.owner = block.node().map(str::to_owned);
        for (address, allocation) in block.allocated() {
            let Owner::Pod { namespace, pod, node } = allocation.owner() else {
                continue;
            };
            let Some(node) = node.filter(|node| Some(node.as_ref()) != block.node()) else {
                continue;
            };
            entry.borrowed.push(Borrowed {
                address,
                node: node.into_owned(),
                pod: format!("{namespace}/{pod}"),
            });
        }
    }
    let claims = cluster.affinities.iter().filter(|claim| claim.affinity_type == "host");
    for claim in claims.filter(|claim| !claim.deleted) {
        let entry = all.entry(key(claim.cidr)).or_insert_with(|| fresh(claim.cidr));
        entry.claims.push(Claim {
            node: claim.node.clone(),
            state: claim.state,
        });
    }
    let mut routes: Vec<BlockRoute> = all.into_values().collect();
    for route in &mut routes {
        route.in_progress = route.claims.iter().any(|claim| claim.state != AffinityState::Confirmed);
        route.contradiction = contradiction(route);
    }
    routes.retain(|route| route.owner.is_some() || !route.claims.is_empty());
    routes
}

fn contradiction(route: &BlockRoute) -> Option<String> {
    let confirmed: Vec<&str> = route
        .claims
        .iter()
        .filter(|claim| claim.state == AffinityState::Confirmed)
        .map(|claim| claim.node.as_str())
        .collect();
    let cidr = route.cidr;
    if let [first, second, ..] = confirmed[..] {
        return Some(format!(
            "both `{first}` and `{second}` hold a confirmed affinity of {cidr}"
        ));
    }
    let owner = route.owner.as_deref()?;
    match confirmed[..] {
        [node] if node != owner => Some(format!(
            "the IPAMBlock {cidr} belongs to `{owner}`, the affinity to `{node}`"
        )),
        [] if route.claims.iter().any(|claim| claim.node == owner) => Some(format!(
            "the IPAMBlock {cidr} belongs to `{owner}`, whose affinity is not confirmed"
        )),
        [] => Some(format!(
            "the IPAMBlock {cidr} belongs to `{owner}`, which has no affinity of it"
        )),
        _ => None,
    }
}

/// A route of a node's main table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SeenRoute {
    pub prefix: IpNet,
    /// `unicast`, `blackhole`, …
    pub kind: String,
}

/// A prefix that a node should have a route to and has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingRoute {
    pub node: String,
    pub prefix: IpNet,
    /// The node whose pods are behind it.
    pub owner: String,
    pub pool: String,
    /// One address of another node's block.
    pub borrowed: Option<Borrowed>,
    pub programmers: Vec<Programmer>,
    /// True where the version decides who programmes and is not known.
    pub programmer_uncertain: bool,
    /// What stands there instead: `blackhole`, `unreachable`.
    pub instead: Option<String>,
}

/// Returns the prefixes of other nodes that `node` has no usable route to.
///
/// Left out are blocks of nodes that are gone, and what WireGuard carries by its own table.
pub fn missing_routes(
    cluster: &Cluster,
    blocks: &[BlockRoute],
    node: &Node,
    routes: &[SeenRoute],
    options: &PathOptions,
) -> Vec<MissingRoute> {
    let present: HashMap<IpNet, &str> = routes.iter().map(|route| (route.prefix, route.kind.as_str())).collect();
    let nodes: HashMap<&str, &Node> = cluster.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let mut missing = Vec::new();
    for block in blocks {
        let Some(pool) = pool_of_cidr(&cluster.pools, block.cidr) else {
            continue;
        };
        let confirmed = block
            .claims
            .iter()
            .find(|claim| claim.state == AffinityState::Confirmed);
        let owner = block.owner.as_deref().or(confirmed.map(|claim| claim.node.as_str()));
        let whole = owner.map(|owner| (block.cidr, owner, None));
        let single = block
            .borrowed
            .iter()
            .map(|borrowed| (IpNet::from(borrowed.address), borrowed.node.as_str(), Some(borrowed)));
        for (prefix, owner, borrowed) in whole.into_iter().chain(single) {
            let Some(owner) = nodes.get(owner).filter(|owner| owner.name != node.name) else {
                continue;
            };
            let instead = match present.get(&prefix) {
                Some(kind) if ["unicast", "multipath"].contains(kind) => continue,
                other => other.map(|kind| (*kind).to_owned()),
            };
            missing.extend(lacking(node, owner, prefix, pool, options).map(|found| MissingRoute {
                borrowed: borrowed.cloned(),
                instead,
                ..found
            }));
        }
    }
    missing
}

fn lacking(node: &Node, owner: &Node, prefix: IpNet, pool: &IpPool, options: &PathOptions) -> Option<MissingRoute> {
    let expected = path::expected(node, owner, prefix, pool, options);
    (!expected.wireguard).then(|| MissingRoute {
        node: node.name.clone(),
        prefix,
        owner: owner.name.clone(),
        pool: pool.name.clone(),
        borrowed: None,
        programmers: expected.programmers,
        programmer_uncertain: expected.programmer_uncertain,
        instead: None,
    })
}
