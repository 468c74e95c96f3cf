use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    index::PolicyIndex,
    types::{Entity, Icmp, Port, Protocol, Rule},
};
use crate::{selector::Selector, workload::NamedPort};

/// One end of a flow with all that rules may ask of it.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub address: IpAddr,
    /// The workload whose policy holds here.
    pub workload: Option<usize>,
    /// The node, where this end is one.
    pub node: Option<String>,
    /// Everything that has this address: workloads, host endpoints, network sets.
    pub workloads: Vec<usize>,
    pub host_endpoints: Vec<usize>,
    pub sets: Vec<usize>,
}

/// A flow between resolved ends.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub source: Side,
    pub destination: Side,
    pub protocol: Protocol,
    pub source_port: Option<u16>,
    pub destination_port: Option<u16>,
    pub icmp: Icmp,
    pub ipv6: bool,
}

/// How a rule and a flow compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    /// The first field that does not hold.
    No(&'static str),
    Unknown(String),
}

impl PolicyIndex {
    pub(super) fn side(&self, address: IpAddr, workload: Option<usize>, node: Option<String>) -> Side {
        Side {
            address,
            workload,
            node,
            workloads: self.endpoints_with(address).to_vec(),
            host_endpoints: self.host_endpoints_with(address),
            sets: self.sets_with(address),
        }
    }

    pub(super) fn rule_matches(&self, rule: &Rule, flow: &Seen) -> Match {
        let mut unknown = rule
            .unsupported
            .as_ref()
            .map(|what| format!("{what} is not followed by the model"));
        let mut check = |field: &'static str, holds: Result<bool, String>| match holds {
            Ok(true) => None,
            Ok(false) => Some(Match::No(field)),
            Err(reason) => {
                unknown.get_or_insert(reason);
                None
            }
        };
        let icmp = |wanted: Icmp| {
            flow.protocol.is_icmp()
                && wanted.r#type.is_none_or(|kind| flow.icmp.r#type == Some(kind))
                && wanted.code.is_none_or(|code| flow.icmp.code == Some(code))
        };
        let family = if flow.ipv6 { 6 } else { 4 };
        let simple = [
            ("ip_version", rule.ip_version.is_none_or(|version| version == family)),
            (
                "protocol",
                rule.protocol.is_none_or(|protocol| protocol == flow.protocol),
            ),
            (
                "not_protocol",
                rule.not_protocol.is_none_or(|protocol| protocol != flow.protocol),
            ),
            ("icmp", rule.icmp.is_none_or(icmp)),
            ("not_icmp", rule.not_icmp.is_none_or(|wanted| !icmp(wanted))),
        ];
        for (field, holds) in simple {
            if let Some(miss) = check(field, Ok(holds)) {
                return miss;
            }
        }
        let ends = [
            (&rule.source, &flow.source, flow.source_port, SOURCE),
            (&rule.destination, &flow.destination, flow.destination_port, DESTINATION),
        ];
        for (entity, side, port, names) in ends {
            let holds = [
                (names.nets, Ok(nets_hold(&entity.nets, side.address))),
                (names.not_nets, Ok(not_nets_hold(&entity.not_nets, side.address))),
                (
                    names.selector,
                    Ok(entity
                        .selector
                        .as_ref()
                        .is_none_or(|selector| self.selects(selector, side))),
                ),
                (
                    names.not_selector,
                    Ok(!entity.not_selector.as_ref().is_some_and(|not| self.selects(not, side))),
                ),
                (
                    names.ports,
                    self.ports_hold(&entity.ports, side, port, flow.protocol, entity.selector.as_ref()),
                ),
                (names.not_ports, self.not_ports_hold(entity, side, port, flow.protocol)),
                (
                    names.services,
                    self.service_holds(entity, side, port, flow.protocol, names.service_ports),
                ),
            ];
            for (field, holds) in holds {
                if let Some(miss) = check(field, holds) {
                    return miss;
                }
            }
        }
        unknown.map_or(Match::Yes, Match::Unknown)
    }

    /// Whether anything that has the side's address matches.
    pub(super) fn selects(&self, selector: &Selector, side: &Side) -> bool {
        side.workloads
            .iter()
            .any(|at| selector.matches(&self.endpoints[*at].labels))
            || side
                .host_endpoints
                .iter()
                .any(|at| selector.matches(&self.host_endpoints[*at].labels))
            || side.sets.iter().any(|at| selector.matches(self.labels_of_set(*at)))
    }

    fn ports_hold(
        &self,
        ports: &[Port],
        side: &Side,
        port: Option<u16>,
        protocol: Protocol,
        selector: Option<&Selector>,
    ) -> Result<bool, String> {
        if ports.is_empty() {
            return Ok(true);
        }
        let Some(port) = port else {
            return if protocol.has_ports() {
                Err("the flow's port is not known".to_owned())
            } else {
                Ok(false)
            };
        };
        Ok(ports.iter().any(|wanted| match wanted {
            Port::Range(low, high) => (*low..=*high).contains(&port),
            Port::Named(name) => self.has_named_port(side, name, port, protocol, selector),
        }))
    }

    fn not_ports_hold(
        &self,
        entity: &Entity,
        side: &Side,
        port: Option<u16>,
        protocol: Protocol,
    ) -> Result<bool, String> {
        if entity.not_ports.is_empty() {
            return Ok(true);
        }
        self.ports_hold(&entity.not_ports, side, port, protocol, None)
            .map(|holds| !holds)
    }

    /// A named port is an address, a protocol and a number of endpoints that name it.
    fn has_named_port(
        &self,
        side: &Side,
        name: &str,
        port: u16,
        protocol: Protocol,
        selector: Option<&Selector>,
    ) -> bool {
        let names_it = |ports: &[NamedPort]| {
            ports.iter().any(|known| {
                known.name == name && known.port == port && Protocol::parse(&known.protocol) == Some(protocol)
            })
        };
        side.workloads.iter().any(|at| {
            let endpoint = &self.endpoints[*at];
            names_it(&endpoint.ports) && selector.is_none_or(|selector| selector.matches(&endpoint.labels))
        }) || side.host_endpoints.iter().any(|at| {
            let endpoint = &self.host_endpoints[*at];
            names_it(&endpoint.ports) && selector.is_none_or(|selector| selector.matches(&endpoint.labels))
        })
    }

    fn service_holds(
        &self,
        entity: &Entity,
        side: &Side,
        port: Option<u16>,
        protocol: Protocol,
        with_ports: bool,
    ) -> Result<bool, String> {
        let Some(service) = &entity.service else {
            return Ok(true);
        };
        let Some(endpoints) = self.service_has(&service.namespace, &service.name) else {
            return Ok(false);
        };
        let Some(ports) = endpoints.get(&side.address) else {
            return Ok(false);
        };
        if !with_ports {
            return Ok(true);
        }
        Ok(ports
            .iter()
            .any(|(known, number)| *known == protocol && (number.is_none() || *number == port)))
    }
}

struct Names {
    nets: &'static str,
    not_nets: &'static str,
    selector: &'static str,
    not_selector: &'static str,
    ports: &'static str,
    not_ports: &'static str,
    services: &'static str,
    service_ports: bool,
}

const SOURCE: Names = Names {
    nets: "source.nets",
    not_nets: "source.not_nets",
    selector: "source.selector",
    not_selector: "source.not_selector",
    ports: "source.ports",
    not_ports: "source.not_ports",
    services: "source.services",
    service_ports: false,
};

const DESTINATION: Names = Names {
    nets: "destination.nets",
    not_nets: "destination.not_nets",
    selector: "destination.selector",
    not_selector: "destination.not_selector",
    ports: "destination.ports",
    not_ports: "destination.not_ports",
    services: "destination.services",
    service_ports: true,
};

fn nets_hold(nets: &[IpNet], address: IpAddr) -> bool {
    nets.is_empty() || nets.iter().any(|net| net.contains(&address))
}

/// Nets of the other family only: Felix does not render the rule for this one.
fn not_nets_hold(nets: &[IpNet], address: IpAddr) -> bool {
    let same_family = |net: &IpNet| matches!(net, IpNet::V6(_)) == address.is_ipv6();
    nets.is_empty() || (nets.iter().any(same_family) && !nets.iter().any(|net| net.contains(&address)))
}
