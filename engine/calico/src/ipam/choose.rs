use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde::Serialize;

use super::capacity::pool_capacity;
use crate::{
    cluster::Cluster,
    labels::NAME,
    names::nth_address,
    pool::{AllowedUse, Block, Eligibility, IpPool, PoolRequest, Predicate, eligible_pools},
};

/// What IPAM would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// From a block that the node has.
    OwnBlock,
    /// The node claims a new block, or one that lies empty at its owner.
    NewBlock,
    /// No block is free: an address of another node's.
    Borrow,
    /// CNI's ADD fails.
    Refused,
}

/// The choice and what led to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    pub node: String,
    pub pools: Vec<Eligibility>,
    pub own_blocks: usize,
    pub block_limit: u32,
    pub outcome: Outcome,
    pub pool: Option<String>,
    pub block: Option<IpNet>,
    pub address: Option<IpAddr>,
    /// The node that a borrowed block, or an empty one, belongs to.
    pub owner: Option<String>,
    /// Why it is refused, as Calico people call it: `IPAM-BLOCK-LIMIT`, …
    pub conclusion: Option<&'static str>,
    pub sentence: String,
}

/// The part of a choice that the search decides.
#[derive(Debug)]
struct Found {
    outcome: Outcome,
    pool: Option<String>,
    block: Option<IpNet>,
    address: Option<IpAddr>,
    owner: Option<String>,
    conclusion: Option<&'static str>,
    sentence: String,
}

/// Returns where the next address of a pod on `node` in `namespace` comes from, or why there is none.
///
/// `requested` are pools of the pod's or the namespace's annotation, names or CIDRs.
pub fn choose(cluster: &Cluster, node: &str, namespace: Option<&str>, requested: &[&str], ipv6: bool) -> Choice {
    let config = cluster.ipam_config.clone().unwrap_or_default();
    let namespace_labels = namespace.map(|name| {
        let found = cluster.namespaces.iter().find(|namespace| namespace.meta.name == name);
        let mut labels: BTreeMap<String, String> = found.map(|found| found.meta.labels.clone()).unwrap_or_default();
        labels.insert(NAME.to_owned(), name.to_owned());
        labels
    });
    let request = PoolRequest {
        node_labels: cluster.node(node).map(|node| node.labels.clone()).unwrap_or_default(),
        namespace_labels,
        requested: requested.to_vec(),
        usage: Some(AllowedUse::Workload),
        ipv6,
    };
    let pools = eligible_pools(&cluster.pools, &request);
    let usable = |block: &Block| {
        let from = |(pool, answer): (&IpPool, &Eligibility)| answer.eligible && pool.cidr.contains(&block.cidr);
        !block.deleted && cluster.pools.iter().zip(&pools).any(from)
    };
    // The limit counts the node's blocks in the pools that this request may use.
    let own = cluster.blocks.iter().filter(|block| block.node() == Some(node));
    let own_blocks = own.filter(|block| usable(block)).count();
    let found = outcome(cluster, node, requested, &pools, own_blocks);
    Choice {
        node: node.to_owned(),
        pools,
        own_blocks,
        block_limit: config.max_blocks_per_host,
        outcome: found.outcome,
        pool: found.pool,
        block: found.block,
        address: found.address,
        owner: found.owner,
        conclusion: found.conclusion,
        sentence: found.sentence,
    }
}

fn found(outcome: Outcome, pool: Option<String>, sentence: String) -> Found {
    Found {
        outcome,
        pool,
        block: None,
        address: None,
        owner: None,
        conclusion: None,
        sentence,
    }
}

fn refused(conclusion: &'static str, sentence: String) -> Found {
    Found {
        conclusion: Some(conclusion),
        ..found(Outcome::Refused, None, sentence)
    }
}

fn outcome(cluster: &Cluster, node: &str, requested: &[&str], answers: &[Eligibility], own_blocks: usize) -> Found {
    let config = cluster.ipam_config.clone().unwrap_or_default();
    // One pool of those asked for that is not there, or gives nothing, refuses the whole request.
    let named = |wanted: &str| {
        let mut pools = cluster.pools.iter();
        pools.find(|pool| pool.name == wanted || pool.cidr.to_string() == wanted)
    };
    for wanted in requested {
        let refuses = match named(wanted) {
            None => "does not exist",
            Some(pool) if pool.disabled => "is disabled",
            Some(pool) if pool.deleting => "is being deleted",
            Some(_) => continue,
        };
        return refused(
            "IPAM-POOL-DISABLED",
            format!("pool `{wanted}` that was asked for {refuses}"),
        );
    }
    let eligible: Vec<&IpPool> = cluster
        .pools
        .iter()
        .zip(answers)
        .filter(|(_, answer)| answer.eligible)
        .map(|(pool, _)| pool)
        .collect();
    if eligible.is_empty() {
        let reasons: Vec<String> = answers
            .iter()
            .map(|answer| format!("pool `{}` {}", answer.pool, answer.rejected_because.join(" and ")))
            .collect();
        let reasons = if reasons.is_empty() {
            "there is no pool".to_owned()
        } else {
            reasons.join("; ")
        };
        let asked = |answer: &&Eligibility| {
            !answer
                .rejected
                .iter()
                .any(|one| one.predicate == Predicate::NotRequested)
        };
        let disabled =
            |answer: &Eligibility| matches!(answer.rejected.as_slice(), [one] if one.predicate == Predicate::Disabled);
        let all_disabled = !answers.is_empty() && answers.iter().filter(asked).all(disabled);
        let conclusion = if all_disabled {
            "IPAM-POOL-DISABLED"
        } else {
            "IPAM-NO-POOL-FOR-NODE"
        };
        return refused(conclusion, format!("no pool is left for node `{node}`: {reasons}"));
    }
    let reserved = |address: IpAddr| {
        cluster
            .reservations
            .iter()
            .flat_map(|reservation| &reservation.cidrs)
            .any(|net| net.contains(&address))
    };
    let free_in = |block: &Block| {
        let free = block
            .unallocated
            .iter()
            .filter_map(|ordinal| u64::try_from(*ordinal).ok());
        free.filter_map(|ordinal| nth_address(block.cidr, ordinal))
            .find(|address| !reserved(*address))
    };
    let in_pool = |block: &Block| eligible.iter().find(|pool| pool.cidr.contains(&block.cidr)).copied();
    let live: Vec<&Block> = cluster
        .blocks
        .iter()
        .filter(|block| !block.deleted && in_pool(block).is_some())
        .collect();
    let with_room = |block: &&&Block| free_in(block).is_some();
    let pool_name = |block: &Block| in_pool(block).map(|pool| pool.name.clone()).unwrap_or_default();
    if let Some(block) = live.iter().filter(|block| block.node() == Some(node)).find(with_room) {
        let sentence = format!("node `{node}` has room in its block {}", block.cidr);
        return Found {
            block: Some(block.cidr),
            address: free_in(block),
            ..found(Outcome::OwnBlock, Some(pool_name(block)), sentence)
        };
    }
    if own_blocks as u64 >= u64::from(config.max_blocks_per_host) {
        return refused(
            "IPAM-BLOCK-LIMIT",
            format!(
                "node `{node}` has {own_blocks} blocks without a free address, and may have {}",
                config.max_blocks_per_host
            ),
        );
    }
    let capacity = pool_capacity(&cluster.pools, &cluster.blocks, &cluster.reservations);
    let room = capacity
        .iter()
        .find(|pool| eligible.iter().any(|one| one.name == pool.pool) && pool.blocks_free > 0);
    if let Some(pool) = room.filter(|_| config.auto_allocate_blocks) {
        let sentence = format!("pool `{}` has {} free blocks", pool.pool, pool.blocks_free);
        return found(Outcome::NewBlock, Some(pool.pool.clone()), sentence);
    }
    let names: Vec<String> = eligible.iter().map(|pool| format!("`{}`", pool.name)).collect();
    let names = names.join(", ");
    // Recent releases take over a block that lies empty for a minute.
    let empty = live.iter().find(|block| block.node().is_some() && block.used() == 0);
    if let Some(block) = empty.filter(|_| config.auto_allocate_blocks) {
        let sentence = format!(
            "no block is free in {names}, but block {} of another node is empty",
            block.cidr
        );
        return Found {
            block: Some(block.cidr),
            owner: block.node().map(str::to_owned),
            ..found(Outcome::NewBlock, Some(pool_name(block)), sentence)
        };
    }
    let lender = live.iter().find(with_room);
    match lender {
        Some(_) if config.strict_affinity => refused(
            "IPAM-STRICT-NO-BLOCK",
            format!("no block is free in {names}, and strict affinity keeps node `{node}` out of other nodes' blocks"),
        ),
        Some(block) => Found {
            block: Some(block.cidr),
            owner: block.node().map(str::to_owned),
            ..found(
                Outcome::Borrow,
                Some(pool_name(block)),
                format!("no block is free in {names}: an address of block {}", block.cidr),
            )
        },
        None => refused("IPAM-POOL-EXHAUSTED", format!("no address is free in {names}")),
    }
}
