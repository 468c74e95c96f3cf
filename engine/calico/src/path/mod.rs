//! What should carry packets from one node to the pods of another.

mod mtu;
mod route;

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

pub use mtu::{EnabledEncaps, ExpectedMtu, expected_mtu};
pub use route::{DeviceClass, ExpectedFdb, ExpectedNeigh, ExpectedRoute, Programmer, RouteKind, programmers};

use crate::{
    felix::FelixConfig,
    felix::ProgramClusterRoutes,
    node::{Node, same_subnet},
    pool::{EncapMode, Encapsulation, IpPool},
    version::Version,
};

/// What the expectation depends on besides nodes and pool.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PathOptions {
    pub felix: FelixConfig,
    /// `BGPConfiguration default`, field `programClusterRoutes`.
    pub bgp_program_cluster_routes: Option<ProgramClusterRoutes>,
    pub version: Option<Version>,
    /// False where the backend is `vxlan` or `none`: no BIRD then; unknown counts as true.
    pub bird: Option<bool>,
    /// MTU of the underlay, where known.
    pub host_mtu: Option<u32>,
    pub encaps: EnabledEncaps,
}

/// What goes over the wire between the two nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Underlay {
    /// `udp`, `ipip` (protocol 4) or `none` (the pods' own packets).
    pub protocol: &'static str,
    pub port: Option<u16>,
    /// For a capture on the underlay interface.
    pub capture_filter: String,
}

/// The path from `source` to a block of `destination`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpectedPath {
    pub source: String,
    pub destination: String,
    pub block: IpNet,
    pub pool: String,
    pub encapsulation: Encapsulation,
    pub mode: EncapMode,
    /// None where one of the nodes has no Calico address of that family.
    pub same_subnet: Option<bool>,
    /// Both nodes have WireGuard: its own table beats the route below.
    pub wireguard: bool,
    /// Empty: nobody would programme the route. Two: Felix and BIRD both would.
    pub programmers: Vec<Programmer>,
    /// True where the version decides who programmes and is not known.
    pub programmer_uncertain: bool,
    pub route: Option<ExpectedRoute>,
    pub neigh: Option<ExpectedNeigh>,
    pub fdb: Option<ExpectedFdb>,
    pub tunnel_device: Option<String>,
    /// The source's own address on the tunnel device.
    pub tunnel_address: Option<IpAddr>,
    pub mtu: ExpectedMtu,
    pub underlay: Underlay,
    /// What keeps the path from existing, in words.
    pub missing: Vec<String>,
}

/// Returns the path from `source` to `block`, which is affine to `destination` and lies in `pool`.
///
/// For `source` = `destination` the route is the blackhole that backs the node's own block.
pub fn expected(source: &Node, destination: &Node, block: IpNet, pool: &IpPool, options: &PathOptions) -> ExpectedPath {
    let ipv6 = matches!(block, IpNet::V6(_));
    let (pool_encapsulation, mode) = pool.encapsulation();
    let local = source.name == destination.name;
    let same_subnet = same_subnet(source, destination, ipv6);
    let crosses = mode == EncapMode::Always || (mode == EncapMode::CrossSubnet && same_subnet != Some(true));
    let encapsulation = if crosses && !local {
        pool_encapsulation
    } else {
        Encapsulation::None
    };
    let wireguard = options.felix.wireguard(ipv6) && source.has_wireguard() && destination.has_wireguard() && !local;
    let (programmers, programmer_uncertain) = programmers(pool_encapsulation, options);
    let mtu = expected_mtu(&options.felix, options.encaps, options.host_mtu);

    let mut path = ExpectedPath {
        source: source.name.clone(),
        destination: destination.name.clone(),
        block,
        pool: pool.name.clone(),
        encapsulation,
        mode,
        same_subnet,
        wireguard,
        programmers,
        programmer_uncertain,
        route: None,
        neigh: None,
        fdb: None,
        tunnel_device: None,
        tunnel_address: None,
        mtu,
        underlay: underlay(encapsulation, wireguard, options, ipv6),
        missing: missing(source, destination, encapsulation, ipv6),
    };
    if path.programmers.is_empty() {
        path.missing.push(format!(
            "neither Felix nor BIRD programmes the routes of pool `{}`",
            pool.name
        ));
    }
    route::fill(&mut path, source, destination, pool_encapsulation, options);
    path
}

fn underlay(encapsulation: Encapsulation, wireguard: bool, options: &PathOptions, ipv6: bool) -> Underlay {
    let udp = |port: u16| Underlay {
        protocol: "udp",
        port: Some(port),
        capture_filter: format!("udp port {port}"),
    };
    match encapsulation {
        _ if wireguard => udp(options.felix.wireguard_port(ipv6)),
        Encapsulation::Vxlan => udp(options.felix.vxlan_port()),
        Encapsulation::Ipip => Underlay {
            protocol: "ipip",
            port: None,
            capture_filter: "ip proto 4".to_owned(),
        },
        Encapsulation::None => Underlay {
            protocol: "none",
            port: None,
            capture_filter: String::new(),
        },
    }
}

fn missing(source: &Node, destination: &Node, encapsulation: Encapsulation, ipv6: bool) -> Vec<String> {
    let mut missing = Vec::new();
    let family = if ipv6 { "IPv6" } else { "IPv4" };
    for node in [source, destination] {
        if node.address(ipv6).is_none() {
            missing.push(format!(
                "node `{}` has no annotation `projectcalico.org/{family}Address`",
                node.name
            ));
        }
        if encapsulation == Encapsulation::Vxlan && node.vxlan_address(ipv6).is_none() {
            missing.push(format!(
                "node `{}` has no annotation `projectcalico.org/{family}VXLANTunnelAddr`",
                node.name
            ));
        }
        if source.name == destination.name {
            break;
        }
    }
    if encapsulation == Encapsulation::Ipip && source.ipip_tunnel_address.is_none() {
        missing.push(format!(
            "node `{}` has no annotation `projectcalico.org/IPv4IPIPTunnelAddr`",
            source.name
        ));
    }
    missing
}

#[cfg(test)]
mod tests;
