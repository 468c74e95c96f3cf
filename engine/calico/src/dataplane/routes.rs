use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use ipnet::IpNet;

use crate::{
    cluster::Cluster,
    names::Direction,
    node::Node,
    path::{DeviceClass, ExpectedFdb, ExpectedNeigh, ExpectedPath, ExpectedRoute, PathOptions, RouteKind, expected},
    policy::PolicyIndex,
    pool::{AffinityState, Block, BlockAffinity, IpPool, Owner, pool_of_cidr},
};

/// Routes, neighbours and forwarding entries of a node.
#[derive(Debug, Default)]
pub(super) struct Routes {
    pub routes: Vec<ExpectedRoute>,
    pub neigh: Vec<ExpectedNeigh>,
    pub fdb: Vec<ExpectedFdb>,
    pub missing: Vec<String>,
}

pub(super) fn routes(cluster: &Cluster, index: &PolicyIndex, node: &Node, options: &PathOptions, ipv6: bool) -> Routes {
    let mut all = Routes::default();
    all.local_pods(index, node, ipv6);
    let nodes: HashMap<&str, &Node> = cluster.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let claims = claims(cluster);
    for block in cluster
        .blocks
        .iter()
        .filter(|block| !block.deleted && matches!(block.cidr, IpNet::V6(_)) == ipv6)
    {
        let Some(pool) = pool_of_cidr(&cluster.pools, block.cidr) else {
            continue;
        };
        all.block(&claims, block, pool, node, &nodes, options);
    }
    all.vteps(cluster, node, options, ipv6);
    all
}

impl Routes {
    fn local_pods(&mut self, index: &PolicyIndex, node: &Node, ipv6: bool) {
        let local = index.endpoints.iter().filter(|endpoint| endpoint.node == node.name);
        for endpoint in local {
            for address in endpoint.addresses.iter().filter(|address| address.is_ipv6() == ipv6) {
                self.routes.push(ExpectedRoute {
                    dst: IpNet::from(*address),
                    kind: RouteKind::Unicast,
                    via: None,
                    dev: Some(endpoint.interface.clone()),
                    dev_class: Some(DeviceClass::Workload),
                    protos: vec!["boot", "80"],
                    onlink: None,
                    scope_link: true,
                    because: format!("pod `{}/{}`", endpoint.namespace, endpoint.pod),
                });
            }
        }
    }

    fn block(
        &mut self,
        claims: &Claims<'_>,
        block: &Block,
        pool: &IpPool,
        node: &Node,
        nodes: &HashMap<&str, &Node>,
        options: &PathOptions,
    ) {
        if let Some(owner) = block.node()
            && claims
                .as_ref()
                .is_none_or(|claims| claims.contains(&(block.cidr, owner)))
        {
            match nodes.get(owner) {
                Some(owner) => self.take(expected(node, owner, block.cidr, pool, options)),
                None => self.missing.push(format!(
                    "block {} belongs to node `{owner}`, which does not exist",
                    block.cidr
                )),
            }
        }
        // An address that another node borrowed has a route of its own to that node.
        for (address, allocation) in block.allocated() {
            let Owner::Pod { node: Some(user), .. } = allocation.owner() else {
                continue;
            };
            if Some(user.as_ref()) == block.node() || user.as_ref() == node.name || allocation.released_at.is_some() {
                continue;
            }
            if let Some(user) = nodes.get(user.as_ref()) {
                let mut path = expected(node, user, IpNet::from(address), pool, options);
                if let Some(route) = &mut path.route {
                    route.because = format!("address of block {} that node `{}` borrowed", block.cidr, user.name);
                }
                self.take(path);
            }
        }
    }

    fn take(&mut self, path: ExpectedPath) {
        self.missing.extend(
            path.missing
                .into_iter()
                .map(|what| format!("route to {}: {what}", path.block)),
        );
        self.routes.extend(path.route);
    }

    /// Every node with a VTEP is known to every other, with or without a block.
    fn vteps(&mut self, cluster: &Cluster, node: &Node, options: &PathOptions, ipv6: bool) {
        let enabled = if ipv6 {
            options.encaps.vxlan_v6
        } else {
            options.encaps.vxlan
        };
        if !enabled || node.vxlan_address(ipv6).is_none() {
            return;
        }
        let dev = if ipv6 { "vxlan-v6.calico" } else { "vxlan.calico" };
        for other in cluster.nodes.iter().filter(|other| other.name != node.name) {
            let (Some(vtep), Some(dst)) = (other.vxlan_address(ipv6), other.address(ipv6)) else {
                continue;
            };
            let mac = match (ipv6, &other.vxlan_tunnel_mac_v6) {
                (true, Some(mac)) => mac.clone(),
                _ => other.vtep_mac(),
            };
            self.neigh.push(ExpectedNeigh {
                address: vtep,
                dev: dev.to_owned(),
                mac: mac.clone(),
            });
            self.fdb.push(ExpectedFdb {
                mac,
                dev: dev.to_owned(),
                dst,
            });
        }
    }
}

/// Confirmed claims of blocks by nodes; none where the list was not given, then the block's own word counts.
type Claims<'a> = Option<HashSet<(IpNet, &'a str)>>;

/// BIRD advertises a block only while its claim is confirmed.
fn claims(cluster: &Cluster) -> Claims<'_> {
    let live = |affinity: &&BlockAffinity| affinity.state == AffinityState::Confirmed && !affinity.deleted;
    (!cluster.affinities.is_empty()).then(|| {
        cluster
            .affinities
            .iter()
            .filter(live)
            .map(|affinity| (affinity.cidr, affinity.node.as_str()))
            .collect()
    })
}

/// Whether an endpoint's address is of a family.
pub(super) fn of_family(addresses: &[IpAddr], ipv6: bool) -> impl Iterator<Item = &IpAddr> {
    addresses.iter().filter(move |address| address.is_ipv6() == ipv6)
}

/// Both directions, in the order in which a packet from a pod meets them.
pub(super) const DIRECTIONS: [Direction; 2] = [Direction::Egress, Direction::Ingress];
