use std::collections::HashMap;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Serialize;

use crate::{
    node::Node,
    object::ser_wide,
    pool::{Block, IpPool, IpReservation, IpamConfig},
};

/// How full a pool is. Counts of IPv6 pools may be as large as 2^128.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolCapacity {
    pub pool: String,
    pub cidr: IpNet,
    pub disabled: bool,
    #[serde(serialize_with = "ser_wide")]
    pub addresses: u128,
    #[serde(serialize_with = "ser_wide")]
    pub used: u128,
    /// Reserved and not used.
    #[serde(serialize_with = "ser_wide")]
    pub reserved: u128,
    #[serde(serialize_with = "ser_wide")]
    pub free: u128,
    /// 0 to 1, of what is not reserved.
    pub used_ratio: f64,
    #[serde(serialize_with = "ser_wide")]
    pub blocks: u128,
    #[serde(serialize_with = "ser_wide")]
    pub blocks_existing: u128,
    #[serde(serialize_with = "ser_wide")]
    pub blocks_free: u128,
    pub block_size: u8,
    /// Free addresses inside blocks that exist.
    #[serde(serialize_with = "ser_wide")]
    pub free_in_blocks: u128,
}

/// Returns the capacity of each pool, in the order given.
pub fn pool_capacity(pools: &[IpPool], blocks: &[Block], reservations: &[IpReservation]) -> Vec<PoolCapacity> {
    pools
        .iter()
        .map(|pool| capacity_of(pool, blocks, reservations))
        .collect()
}

fn capacity_of(pool: &IpPool, blocks: &[Block], reservations: &[IpReservation]) -> PoolCapacity {
    let inside: Vec<&Block> = blocks
        .iter()
        .filter(|block| !block.deleted && pool.cidr.contains(&block.cidr))
        .collect();
    let reserved_nets = reserved_in(pool.cidr, reservations);
    let is_reserved = |address: std::net::IpAddr| reserved_nets.iter().any(|net| net.contains(&address));
    let used: u128 = inside.iter().map(|block| block.used() as u128).sum();
    let used_of_reserved = match reserved_nets.is_empty() {
        true => 0,
        false => {
            let taken = inside.iter().flat_map(|block| block.allocated());
            taken.filter(|(address, _)| is_reserved(*address)).count() as u128
        }
    };
    let addresses = pool.addresses();
    let reserved: u128 = reserved_nets.iter().map(|net| size(*net)).fold(0, u128::saturating_add);
    let reserved = reserved.saturating_sub(used_of_reserved);
    let usable = addresses.saturating_sub(reserved);
    let existing = inside.len() as u128;
    PoolCapacity {
        pool: pool.name.clone(),
        cidr: pool.cidr,
        disabled: pool.disabled,
        addresses,
        used,
        reserved,
        free: usable.saturating_sub(used),
        used_ratio: if usable == 0 { 1.0 } else { used as f64 / usable as f64 },
        blocks: pool.blocks(),
        blocks_existing: existing,
        blocks_free: pool.blocks().saturating_sub(existing),
        block_size: pool.block_size,
        free_in_blocks: inside.iter().map(|block| block.free() as u128).sum(),
    }
}

fn size(net: IpNet) -> u128 {
    1u128
        .checked_shl(u32::from(net.max_prefix_len() - net.prefix_len()))
        .unwrap_or(u128::MAX)
}

/// The reserved parts of a CIDR, without double counting.
fn reserved_in(cidr: IpNet, reservations: &[IpReservation]) -> Vec<IpNet> {
    let all = reservations
        .iter()
        .flat_map(|reservation| &reservation.cidrs)
        .filter_map(|net| {
            if cidr.contains(net) {
                Some(*net)
            } else {
                net.contains(&cidr).then_some(cidr)
            }
        });
    let (mut four, mut six): (Vec<Ipv4Net>, Vec<Ipv6Net>) = (Vec::new(), Vec::new());
    for net in all {
        match net {
            IpNet::V4(net) => four.push(net),
            IpNet::V6(net) => six.push(net),
        }
    }
    let four = Ipv4Net::aggregate(&four).into_iter().map(IpNet::V4);
    four.chain(Ipv6Net::aggregate(&six).into_iter().map(IpNet::V6))
        .collect()
}

/// What a node may still hand out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeCapacity {
    pub node: String,
    pub blocks: usize,
    pub block_limit: u32,
    /// In the node's own blocks.
    pub addresses: usize,
    pub used: usize,
    pub free: usize,
    /// Taken from other nodes' blocks.
    pub borrowed: usize,
    /// Of its blocks, used by other nodes.
    pub lent: usize,
    pub max_pods: Option<u32>,
    /// What the limit of blocks and `maxPods` let the node reach, with the blocks' present size.
    pub reachable: Option<u64>,
}

/// What the blocks say about one node.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    blocks: usize,
    addresses: usize,
    used: usize,
    borrowed: usize,
    lent: usize,
    largest: u64,
}

/// Returns the capacity of each node, in the order given.
pub fn node_capacity(nodes: &[Node], blocks: &[Block], config: &IpamConfig) -> Vec<NodeCapacity> {
    let mut shares: HashMap<&str, Share> = HashMap::with_capacity(nodes.len());
    for block in blocks.iter().filter(|block| !block.deleted) {
        let owner = block.node();
        let mut lent = 0;
        for node in block.allocated().filter_map(|(_, allocation)| allocation.node()) {
            if owner != Some(node) {
                shares.entry(node).or_default().borrowed += 1;
                lent += 1;
            }
        }
        if let Some(owner) = owner {
            let share = shares.entry(owner).or_default();
            share.blocks += 1;
            share.addresses += block.allocations.len();
            share.used += block.used();
            share.lent += lent;
            share.largest = share.largest.max(block.allocations.len() as u64);
        }
    }
    let of = |node: &Node| capacity_of_node(node, shares.get(&*node.name).copied().unwrap_or_default(), config);
    nodes.iter().map(of).collect()
}

fn capacity_of_node(node: &Node, share: Share, config: &IpamConfig) -> NodeCapacity {
    let limit = u64::from(config.max_blocks_per_host);
    let by_blocks = (share.blocks > 0).then(|| share.largest.saturating_mul(limit));
    let by_pods = node.max_pods.map(u64::from);
    NodeCapacity {
        node: node.name.clone(),
        blocks: share.blocks,
        block_limit: config.max_blocks_per_host,
        addresses: share.addresses,
        used: share.used,
        free: share.addresses - share.used,
        borrowed: share.borrowed,
        lent: share.lent,
        max_pods: node.max_pods,
        reachable: match (by_blocks, by_pods) {
            (Some(blocks), Some(pods)) => Some(blocks.min(pods)),
            (one, other) => one.or(other),
        },
    }
}
