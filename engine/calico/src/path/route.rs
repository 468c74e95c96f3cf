use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use super::{ExpectedPath, PathOptions};
use crate::{
    felix::ProgramClusterRoutes,
    node::Node,
    pool::{EncapMode, Encapsulation},
};

/// Who writes a route into the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Programmer {
    Felix,
    Bird,
}

/// The kernel's route type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    Unicast,
    Blackhole,
}

/// What kind of device a route leaves by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceClass {
    Tunnel,
    Underlay,
    Workload,
}

/// A route as it should be in the main table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedRoute {
    pub dst: IpNet,
    pub kind: RouteKind,
    pub via: Option<IpAddr>,
    /// The device, where its name follows from the model.
    pub dev: Option<String>,
    pub dev_class: Option<DeviceClass>,
    /// Any of these; `boot` is what iproute2 leaves out.
    pub protos: Vec<&'static str>,
    /// None where releases differ.
    pub onlink: Option<bool>,
    pub scope_link: bool,
    /// What the route is for, in words.
    pub because: String,
}

/// A permanent neighbour entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedNeigh {
    pub address: IpAddr,
    pub dev: String,
    pub mac: String,
}

/// A permanent forwarding entry of the VXLAN device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedFdb {
    pub mac: String,
    pub dev: String,
    pub dst: IpAddr,
}

/// Returns who programmes the routes of pools of `encapsulation`, and whether that is a guess.
///
/// VXLAN is always Felix's. Up to 3.32 BIRD did the rest; from 3.33 `programClusterRoutes` of both
/// sides splits it, and by default IPIP is Felix's.
pub fn programmers(encapsulation: Encapsulation, options: &PathOptions) -> (Vec<Programmer>, bool) {
    let covers = |mode: ProgramClusterRoutes| match encapsulation {
        Encapsulation::Ipip => mode.covers_ipip(),
        _ => mode.covers_no_encap(),
    };
    if encapsulation == Encapsulation::Vxlan {
        return (vec![Programmer::Felix], false);
    }
    let felix = options.felix.cluster_routes(options.version).map(covers);
    let bird_mode = options.bgp_program_cluster_routes.or_else(|| {
        options.version.map(|version| {
            if version.at_least(3, 33) {
                ProgramClusterRoutes::EnabledNoEncapOnly
            } else {
                ProgramClusterRoutes::Enabled
            }
        })
    });
    let bird = if options.bird == Some(false) {
        Some(false)
    } else {
        bird_mode.map(covers)
    };
    // Without a version, no encapsulation is BIRD's in every release and IPIP may be either's.
    let unknown_ipip = encapsulation == Encapsulation::Ipip && (felix.is_none() || bird.is_none());
    let felix = felix.unwrap_or(encapsulation == Encapsulation::Ipip);
    let bird = bird.unwrap_or(true);
    let mut all = Vec::new();
    if felix {
        all.push(Programmer::Felix);
    }
    if bird {
        all.push(Programmer::Bird);
    }
    (all, unknown_ipip)
}

pub(super) fn fill(
    path: &mut ExpectedPath,
    source: &Node,
    destination: &Node,
    pool_encapsulation: Encapsulation,
    options: &PathOptions,
) {
    let ipv6 = matches!(path.block, IpNet::V6(_));
    if source.name == destination.name {
        path.route = Some(blackhole(path, pool_encapsulation));
        return;
    }
    match path.encapsulation {
        Encapsulation::Vxlan => vxlan(path, source, destination, ipv6),
        Encapsulation::Ipip => {
            path.tunnel_device = Some("tunl0".to_owned());
            path.tunnel_address = source.ipip_tunnel_address;
            path.route = destination.address(ipv6).map(|via| ExpectedRoute {
                dev: Some("tunl0".to_owned()),
                dev_class: Some(DeviceClass::Tunnel),
                onlink: Some(true),
                because: format!("block of node `{}` through the IPIP tunnel", destination.name),
                ..unicast(path, Some(via))
            });
        }
        Encapsulation::None => {
            let by_bird_only = path.programmers == [Programmer::Bird];
            let by_felix_only = path.programmers == [Programmer::Felix];
            let because = match path.mode {
                EncapMode::CrossSubnet => format!("block of node `{}` in the same subnet", destination.name),
                _ => format!("block of node `{}`, not encapsulated", destination.name),
            };
            let reachable = path.same_subnet != Some(false);
            if !(reachable || options.bird == Some(false) || by_felix_only) {
                // BIRD resolves the next hop through its own routes: the gateway is the network's.
                path.route = Some(ExpectedRoute {
                    because,
                    onlink: None,
                    ..unicast(path, None)
                });
                return;
            }
            path.route = destination.address(ipv6).map(|via| ExpectedRoute {
                dev: source.underlay_interface(ipv6).map(str::to_owned),
                dev_class: Some(DeviceClass::Underlay),
                onlink: if by_bird_only {
                    Some(false)
                } else if by_felix_only {
                    Some(true)
                } else {
                    None
                },
                because,
                ..unicast(path, Some(via))
            });
        }
    }
}

fn vxlan(path: &mut ExpectedPath, source: &Node, destination: &Node, ipv6: bool) {
    let device = if ipv6 { "vxlan-v6.calico" } else { "vxlan.calico" };
    path.tunnel_device = Some(device.to_owned());
    path.tunnel_address = source.vxlan_address(ipv6);
    let Some(vtep) = destination.vxlan_address(ipv6) else {
        return;
    };
    let mac = match (ipv6, &destination.vxlan_tunnel_mac_v6) {
        (true, Some(mac)) => mac.clone(),
        _ => destination.vtep_mac(),
    };
    path.route = Some(ExpectedRoute {
        dev: Some(device.to_owned()),
        dev_class: Some(DeviceClass::Tunnel),
        protos: vec!["boot", "80"],
        onlink: Some(true),
        because: format!("block of node `{}` through its VTEP", destination.name),
        ..unicast(path, Some(vtep))
    });
    path.neigh = Some(ExpectedNeigh {
        address: vtep,
        dev: device.to_owned(),
        mac: mac.clone(),
    });
    path.fdb = destination.address(ipv6).map(|dst| ExpectedFdb {
        mac,
        dev: device.to_owned(),
        dst,
    });
}

fn unicast(path: &ExpectedPath, via: Option<IpAddr>) -> ExpectedRoute {
    ExpectedRoute {
        dst: path.block,
        kind: RouteKind::Unicast,
        via,
        dev: None,
        dev_class: None,
        protos: protos(&path.programmers),
        onlink: None,
        scope_link: false,
        because: String::new(),
    }
}

fn blackhole(path: &ExpectedPath, pool_encapsulation: Encapsulation) -> ExpectedRoute {
    // BIRD backs every block that it aggregates; Felix backs those of pools that it routes.
    let protos = match pool_encapsulation {
        Encapsulation::Vxlan => vec!["80"],
        _ => protos(&path.programmers),
    };
    ExpectedRoute {
        kind: RouteKind::Blackhole,
        protos,
        because: "the node's own block: addresses that no pod has".to_owned(),
        ..unicast(path, None)
    }
}

fn protos(programmers: &[Programmer]) -> Vec<&'static str> {
    programmers
        .iter()
        .map(|programmer| if *programmer == Programmer::Felix { "80" } else { "bird" })
        .collect()
}
