use std::net::IpAddr;

use super::{
    flow::{Flow, Party},
    index::PolicyIndex,
    matching::{Seen, Side},
    objects::HostEndpoint,
    types::{Icmp, Protocol},
    verdict::{Decided, Part, PartKind},
    walk::{Element, Stage, Walk},
};
use crate::{
    felix::FelixConfig,
    names::Direction,
    node::{Node, same_subnet},
    object::parse_cidr,
    pool::{EncapMode, Encapsulation, pool_for},
    workload::EndpointLabels,
};

/// The profile that automatic host endpoints carry.
const ALLOW_PROFILES: [&str; 2] = ["projectcalico-default-allow", "projectcalico-allow-all"];

/// Where a flow's end is before its address family is chosen.
struct Found {
    addresses: Vec<IpAddr>,
    workload: Option<usize>,
    node: Option<String>,
}

impl PolicyIndex {
    /// Finds both ends; the error says why the flow cannot be judged.
    pub(super) fn resolve(&self, flow: &Flow) -> Result<Seen, String> {
        let source = self.find(&flow.source)?;
        let destination = self.find(&flow.destination)?;
        let pair = [false, true].into_iter().find_map(|ipv6| {
            let of = |found: &Found| {
                found
                    .addresses
                    .iter()
                    .copied()
                    .find(|address| address.is_ipv6() == ipv6)
            };
            Some((of(&source)?, of(&destination)?, ipv6))
        });
        let Some((from, to, ipv6)) = pair else {
            return Err(format!(
                "`{}` and `{}` have no address of one family",
                flow.source, flow.destination
            ));
        };
        if let Some(service) = self.cluster_ips.get(&to).map(|at| &self.services[*at]) {
            return Err(format!(
                "{to} is the cluster IP of service `{}/{}`: policy sees the endpoint that kube-proxy chooses",
                service.namespace, service.name
            ));
        }
        if flow.protocol.has_ports() && flow.destination_port.is_none() {
            return Err(format!("a {} flow needs a destination port", flow.protocol));
        }
        let from = self.tunnel_source(flow, &source, &destination, ipv6).unwrap_or(from);
        let echo = Icmp {
            r#type: Some(if ipv6 { 128 } else { 8 }),
            code: Some(0),
        };
        Ok(Seen {
            source: self.side(from, source.workload, source.node),
            destination: self.side(to, destination.workload, destination.node),
            // A ping is one question in both families.
            protocol: if ipv6 && flow.protocol == Protocol::ICMP {
                Protocol::ICMPV6
            } else {
                flow.protocol
            },
            source_port: flow.source_port,
            destination_port: flow.destination_port,
            icmp: flow.icmp.unwrap_or(echo),
            ipv6,
        })
    }

    /// A node speaks to pods behind a tunnel with the tunnel's address.
    fn tunnel_source(&self, flow: &Flow, source: &Found, destination: &Found, ipv6: bool) -> Option<IpAddr> {
        if matches!(flow.source, Party::Address(_)) {
            return None;
        }
        let from = self.node(source.node.as_deref()?)?;
        let endpoint = &self.endpoints[destination.workload?];
        let to = self.node(&endpoint.node).filter(|to| to.name != from.name)?;
        let address = endpoint
            .addresses
            .iter()
            .copied()
            .find(|address| address.is_ipv6() == ipv6)?;
        match self.encapsulation_between(from, to, address) {
            Encapsulation::None => None,
            Encapsulation::Vxlan => from.vxlan_address(ipv6),
            Encapsulation::Ipip => from.ipip_tunnel_address,
        }
    }

    /// How packets to a pod's address travel between two nodes.
    pub(super) fn encapsulation_between(&self, from: &Node, to: &Node, address: IpAddr) -> Encapsulation {
        match pool_for(&self.pools, address).map(crate::pool::IpPool::encapsulation) {
            None => Encapsulation::None,
            Some((_, EncapMode::CrossSubnet)) if same_subnet(from, to, address.is_ipv6()) == Some(true) => {
                Encapsulation::None
            }
            Some((encapsulation, _)) => encapsulation,
        }
    }

    /// The flow as another host sees it: what leaves the pools wears its node's address.
    pub(super) fn after_snat(&self, seen: &Seen) -> Option<Seen> {
        let at = seen.source.workload?;
        let nat = pool_for(&self.pools, seen.source.address)?.nat_outgoing;
        if !nat || pool_for(&self.pools, seen.destination.address).is_some() {
            return None;
        }
        let node = self.node(&self.endpoints[at].node)?;
        let felix = self.felix.get(&node.name);
        if felix.and_then(|felix| felix.nat_outgoing_exclusions.as_deref()) == Some("IPPoolsAndHostIPs") {
            return None;
        }
        let source = self.side(node.address(seen.ipv6)?, None, Some(node.name.clone()));
        Some(Seen {
            source,
            source_port: None,
            ..seen.clone()
        })
    }

    fn find(&self, party: &Party) -> Result<Found, String> {
        match party {
            Party::Pod { namespace, name } => self.find_pod(namespace, name),
            Party::Node(name) => self.find_node(name),
            Party::Address(address) => {
                let endpoints = self.endpoints_with(*address);
                if let [first, second, ..] = endpoints {
                    let name = |at: &usize| format!("{}/{}", self.endpoints[*at].namespace, self.endpoints[*at].pod);
                    return Err(format!(
                        "{address} is used by both `{}` and `{}`",
                        name(first),
                        name(second)
                    ));
                }
                Ok(Found {
                    addresses: vec![*address],
                    workload: endpoints.first().copied(),
                    node: self.node_with(*address).map(|node| node.name.clone()),
                })
            }
        }
    }

    fn find_pod(&self, namespace: &str, name: &str) -> Result<Found, String> {
        if let Some(at) = self.endpoint_at(namespace, name) {
            let endpoint = &self.endpoints[at];
            if endpoint.addresses.is_empty() {
                let why = if endpoint.finished {
                    "has finished"
                } else {
                    "has no address yet"
                };
                return Err(format!("pod `{namespace}/{name}` {why}"));
            }
            return Ok(Found {
                addresses: endpoint.addresses.clone(),
                workload: Some(at),
                node: None,
            });
        }
        match self.host_network_pods.get(&(namespace.to_owned(), name.to_owned())) {
            Some(node) => self.find_node(node),
            None => Err(format!("no pod `{namespace}/{name}` on a node")),
        }
    }

    fn find_node(&self, name: &str) -> Result<Found, String> {
        let Some(node) = self.node(name) else {
            return Err(format!("no node `{name}`"));
        };
        let mut addresses: Vec<IpAddr> = [node.address(false), node.address(true)]
            .into_iter()
            .flatten()
            .collect();
        addresses.extend(&node.internal_ips);
        if addresses.is_empty() {
            return Err(format!("node `{name}` has no address"));
        }
        Ok(Found {
            addresses,
            workload: None,
            node: Some(name.to_owned()),
        })
    }

    /// The node on which an end lives.
    pub(super) fn node_of<'a>(&'a self, side: &'a Side) -> Option<&'a str> {
        side.workload
            .map(|at| self.endpoints[at].node.as_str())
            .or(side.node.as_deref())
    }

    /// The host endpoint of a node through which a flow with `address` on that node passes.
    pub(super) fn host_endpoint_of(&self, node: &str, address: Option<IpAddr>) -> Option<&HostEndpoint> {
        let own = || self.host_endpoints.iter().filter(|endpoint| endpoint.node == node);
        let interface = address.and_then(|address| {
            let node = self.node(node)?;
            let has = |interface: &&crate::node::NodeInterface| interface.addresses.contains(&address);
            node.interfaces
                .iter()
                .find(has)
                .map(|interface| interface.name.as_str())
        });
        own()
            .find(|endpoint| {
                address.is_some_and(|address| endpoint.addresses.contains(&address))
                    || (endpoint.interface.is_some() && endpoint.interface.as_deref() == interface)
            })
            .or_else(|| own().find(|endpoint| endpoint.interface.as_deref() == Some("*")))
    }

    /// Traffic that begins or ends on a host.
    pub(super) fn host_part(&self, endpoint: &HostEndpoint, direction: Direction, flow: &Seen, tell: bool) -> Part {
        let default = FelixConfig::default();
        let felix = self.felix.get(&endpoint.node).unwrap_or(&default);
        let mut part = Part::new(PartKind::HostEndpoint, endpoint.name.clone(), direction);
        if is_failsafe(felix, direction, flow) {
            return part.allow(
                Decided::Failsafe,
                "a failsafe port: host endpoint policy never blocks it",
            );
        }
        let labels = EndpointLabels {
            own: endpoint.labels.clone(),
            ..EndpointLabels::default()
        };
        let stages: &[Stage] = match direction {
            Direction::Ingress => &[Stage::Untracked, Stage::PreDnat, Stage::Normal],
            Direction::Egress => &[Stage::Untracked, Stage::Normal],
        };
        for stage in stages {
            let element = self.host_walk(&labels, direction, flow, *stage, tell, &mut part);
            if element != Element::Nothing {
                return self.decided(part, element);
            }
        }
        match endpoint
            .profiles
            .iter()
            .find(|profile| ALLOW_PROFILES.contains(&profile.as_str()))
        {
            Some(profile) => self.decided(
                part,
                Element::Profile {
                    profile: profile.clone(),
                },
            ),
            None if endpoint.profiles.is_empty() => self.decided(part, Element::NoProfile),
            None => part.unknown(format!(
                "the rules of profile `{}` are not known",
                endpoint.profiles.join("`, `")
            )),
        }
    }

    /// Traffic of pods that passes a host endpoint; none where no policy applies on forward.
    pub(super) fn forward_part(
        &self,
        endpoint: &HostEndpoint,
        direction: Direction,
        flow: &Seen,
        tell: bool,
    ) -> Option<Part> {
        let labels = EndpointLabels {
            own: endpoint.labels.clone(),
            ..EndpointLabels::default()
        };
        let mut part = Part::new(PartKind::HostEndpointForward, endpoint.name.clone(), direction);
        let stages: &[Stage] = match direction {
            Direction::Ingress => &[Stage::Untracked, Stage::PreDnat, Stage::Forward],
            Direction::Egress => &[Stage::Untracked, Stage::Forward],
        };
        for stage in stages {
            let element = self.host_walk(&labels, direction, flow, *stage, tell, &mut part);
            if element != Element::Nothing {
                return Some(self.decided(part, element));
            }
        }
        // Forwarded traffic that no such policy concerns passes.
        None
    }

    fn host_walk(
        &self,
        labels: &EndpointLabels,
        direction: Direction,
        flow: &Seen,
        stage: Stage,
        tell: bool,
        part: &mut Part,
    ) -> Element {
        let mut walk = Walk {
            index: self,
            flow,
            direction,
            stage,
            steps: tell.then(Vec::new),
        };
        let element = walk.tiers(labels);
        part.tiers.extend(walk.steps.unwrap_or_default());
        element
    }
}

fn is_failsafe(felix: &FelixConfig, direction: Direction, flow: &Seen) -> bool {
    let inbound = direction == Direction::Ingress;
    let remote = if inbound {
        flow.source.address
    } else {
        flow.destination.address
    };
    felix.failsafes(inbound).iter().any(|port| {
        Protocol::parse(&port.protocol) == Some(flow.protocol)
            && flow.destination_port == Some(port.port)
            && port
                .net
                .as_deref()
                .is_none_or(|net| parse_cidr(net).is_some_and(|net| net.contains(&remote)))
    })
}
