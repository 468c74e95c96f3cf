use ipnet::IpNet;
use serde::Serialize;

use super::{
    BgpConfig, BgpFilter, ExpectedSession, FilterAction, FilterOutcome, PeerType, RouteFacts, evaluate_filters,
};
use crate::pool::{AffinityState, BlockAffinity, IpPool};

/// Where a node has a route from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A block or a workload of this node, or a static route of its BIRD.
    Local,
    /// A tunnel device: Felix's route to another node.
    Tunnel,
    /// Another BGP speaker.
    Peer,
}

/// Whether a prefix is told to a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportDecision {
    Export,
    Reject,
    Unknown,
}

/// The decision and the rule that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportVerdict {
    pub prefix: IpNet,
    pub decision: ExportDecision,
    /// `bgp_filter`, `disable_bgp_export`, `tunnel_to_ibgp`, `ibgp_no_reflection`, `own_block`, `inside_own_block`, `service`, `pool`, `not_calico`.
    pub rule: &'static str,
    pub because: String,
}

/// Returns what `session`'s node does with `prefix`, in the order in which confd renders the rules.
pub fn export_verdict(
    prefix: IpNet,
    origin: Origin,
    session: &ExpectedSession,
    pools: &[IpPool],
    affinities: &[BlockAffinity],
    filters: &[BgpFilter],
    config: Option<&BgpConfig>,
) -> ExportVerdict {
    let verdict = |decision, rule, because: String| ExportVerdict {
        prefix,
        decision,
        rule,
        because,
    };
    let peer_type = if session.internal() {
        PeerType::Ibgp
    } else {
        PeerType::Ebgp
    };
    if origin == Origin::Peer && session.internal() && !session.route_reflector_client {
        // Not a Calico rule: BGP itself does not pass on what it learned inside the AS.
        let because = "learned over BGP inside the AS, and the peer is no reflector's client".to_owned();
        return verdict(ExportDecision::Reject, "ibgp_no_reflection", because);
    }
    let facts = RouteFacts {
        prefix,
        from_peer: origin == Origin::Peer,
        interface: None,
        peer_type,
    };
    match evaluate_filters(&session.filters, filters, true, &facts) {
        FilterOutcome::Decided { action, filter, rule } => {
            let decision = if action == FilterAction::Accept {
                ExportDecision::Export
            } else {
                ExportDecision::Reject
            };
            return verdict(
                decision,
                "bgp_filter",
                format!("rule {rule} of BGPFilter `{filter}`: {action:?}"),
            );
        }
        FilterOutcome::Unknown { filter, rule, reason } => {
            let because = format!("rule {rule} of BGPFilter `{filter}`: {reason}");
            return verdict(ExportDecision::Unknown, "bgp_filter", because);
        }
        FilterOutcome::NoMatch => {}
    }
    let inside = |pool: &&IpPool| pool.cidr.contains(&prefix);
    if let Some(pool) = pools.iter().filter(|pool| pool.disable_bgp_export).find(inside) {
        let because = format!("pool `{}` has `disableBGPExport`", pool.name);
        return verdict(ExportDecision::Reject, "disable_bgp_export", because);
    }
    if origin == Origin::Tunnel && session.internal() {
        let because = "leaves by a tunnel device, and the peer is in the same AS".to_owned();
        return verdict(ExportDecision::Reject, "tunnel_to_ibgp", because);
    }
    let own = affinities.iter().filter(|affinity| {
        affinity.node == session.node
            && affinity.affinity_type == "host"
            && affinity.state == AffinityState::Confirmed
            && !affinity.deleted
    });
    for affinity in own {
        if affinity.cidr == prefix {
            let because = format!("the node's own block {prefix}");
            return verdict(ExportDecision::Export, "own_block", because);
        }
        if affinity.cidr.contains(&prefix) {
            let because = format!("inside the node's own block {}, which is told instead", affinity.cidr);
            return verdict(ExportDecision::Reject, "inside_own_block", because);
        }
    }
    let services = config.into_iter().flat_map(|config| {
        config
            .service_cluster_ips
            .iter()
            .chain(&config.service_external_ips)
            .chain(&config.service_load_balancer_ips)
    });
    for service in services {
        if service.contains(&prefix) {
            let because = format!("advertised service range {service}");
            return verdict(ExportDecision::Export, "service", because);
        }
    }
    match pools.iter().find(inside) {
        Some(pool) => verdict(ExportDecision::Export, "pool", format!("inside pool `{}`", pool.name)),
        None => {
            let because = "in no pool and no advertised service range".to_owned();
            verdict(ExportDecision::Reject, "not_calico", because)
        }
    }
}
