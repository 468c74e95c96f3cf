use ipnet::IpNet;

use super::{ExpectedSession, ExportVerdict, Origin, export_verdict};
use crate::{
    cluster::Cluster,
    pool::{AffinityState, BlockAffinity},
    workload::WorkloadEndpoint,
};

/// Returns what `session`'s node tells its peer and what it keeps back, each with the rule.
///
/// Asked are the blocks of all nodes and the node's pods outside its own blocks (a block hides the
/// pods inside it). Advertised services are not listed: ask [`export_verdict`] for their addresses.
pub fn expected_exports(
    cluster: &Cluster,
    endpoints: &[WorkloadEndpoint],
    session: &ExpectedSession,
) -> Vec<ExportVerdict> {
    let ipv6 = session.peer_address.is_ipv6();
    let family = |cidr: &IpNet| matches!(cidr, IpNet::V6(_)) == ipv6;
    let live = |affinity: &&BlockAffinity| {
        affinity.affinity_type == "host" && affinity.state == AffinityState::Confirmed && !affinity.deleted
    };
    let mut prefixes: Vec<(IpNet, Origin)> = Vec::new();
    for affinity in cluster
        .affinities
        .iter()
        .filter(live)
        .filter(|affinity| family(&affinity.cidr))
    {
        // What a node tells about itself it need not hear from us.
        if Some(&affinity.node) == session.peer_node.as_ref() {
            continue;
        }
        let own = affinity.node == session.node;
        prefixes.push((affinity.cidr, if own { Origin::Local } else { Origin::Peer }));
    }
    let own: Vec<IpNet> = prefixes
        .iter()
        .filter(|(_, origin)| *origin == Origin::Local)
        .map(|(cidr, _)| *cidr)
        .collect();
    let local = endpoints.iter().filter(|endpoint| endpoint.node == session.node);
    for address in local.flat_map(|endpoint| &endpoint.addresses) {
        let prefix = IpNet::from(*address);
        if family(&prefix) && !own.iter().any(|block| block.contains(&prefix)) {
            prefixes.push((prefix, Origin::Local));
        }
    }
    prefixes.sort_by_key(|(prefix, _)| (prefix.network(), prefix.prefix_len()));
    let config = cluster.bgp_config();
    prefixes
        .into_iter()
        .map(|(prefix, origin)| {
            export_verdict(
                prefix,
                origin,
                session,
                &cluster.pools,
                &cluster.affinities,
                &cluster.bgp_filters,
                config,
            )
        })
        .collect()
}
