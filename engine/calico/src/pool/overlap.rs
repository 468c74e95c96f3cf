use ipnet::IpNet;
use serde::Serialize;

use super::IpPool;
use crate::node::Node;

/// What a pool overlaps with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapKind {
    Pool,
    NodeAddress,
    NodeSubnet,
    Service,
}

/// A pool that covers addresses it should not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overlap {
    pub pool: String,
    pub pool_cidr: IpNet,
    pub kind: OverlapKind,
    /// The other pool's or the node's name; the CIDR for services.
    pub other: String,
    pub other_cidr: IpNet,
}

/// Returns the overlaps of pools with each other, with node addresses and with service CIDRs.
///
/// A node's subnet is told only where the node's own address lies outside the pool.
pub fn overlaps(pools: &[IpPool], nodes: &[Node], service_cidrs: &[IpNet]) -> Vec<Overlap> {
    let mut found = Vec::new();
    for (index, pool) in pools.iter().enumerate() {
        let mut push = |kind, other: &str, other_cidr| {
            found.push(Overlap {
                pool: pool.name.clone(),
                pool_cidr: pool.cidr,
                kind,
                other: other.to_owned(),
                other_cidr,
            });
        };
        for other in &pools[index + 1..] {
            if overlap(pool.cidr, other.cidr) {
                push(OverlapKind::Pool, &other.name, other.cidr);
            }
        }
        for node in nodes {
            for address in [node.ipv4, node.ipv6].into_iter().flatten() {
                if pool.cidr.contains(&address.addr()) {
                    push(OverlapKind::NodeAddress, &node.name, IpNet::from(address.addr()));
                } else if overlap(pool.cidr, address.trunc()) {
                    push(OverlapKind::NodeSubnet, &node.name, address.trunc());
                }
            }
        }
        for service in service_cidrs {
            if overlap(pool.cidr, *service) {
                push(OverlapKind::Service, &service.to_string(), *service);
            }
        }
    }
    found
}

pub(crate) fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}
