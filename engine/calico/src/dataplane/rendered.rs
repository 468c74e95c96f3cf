use std::collections::{BTreeMap, BTreeSet};

use super::{
    expected::{ExpectedChain, ExpectedSet},
    routes::{DIRECTIONS, of_family},
};
use crate::{
    names::{
        CHAIN_MAX_IPTABLES, CHAIN_MAX_NFTABLES, Direction, endpoint_chain, named_port_set_id, nft_set, policy_chains,
        profile_chain, selector_set_id, service_set_id, set_name,
    },
    policy::{Entity, Policy, PolicyIndex, Port, Protocol},
    selector::Selector,
    workload::EndpointLabels,
};

const BASE_CHAINS: [&str; 6] = [
    "cali-FORWARD",
    "cali-INPUT",
    "cali-OUTPUT",
    "cali-from-wl-dispatch",
    "cali-to-wl-dispatch",
    "cali-wl-to-host",
];

/// Policies that Felix on a node renders, with the directions in which they apply there.
pub(super) fn active<'a>(index: &'a PolicyIndex, node: &str) -> Vec<(&'a Policy, Direction)> {
    let mut ranks: BTreeMap<usize, &Policy> = BTreeMap::new();
    let workloads = index
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.node == node)
        .map(|endpoint| &endpoint.labels);
    let hosts: Vec<EndpointLabels> = index
        .host_endpoints
        .iter()
        .filter(|endpoint| endpoint.node == node)
        .map(|endpoint| EndpointLabels {
            own: endpoint.labels.clone(),
            ..EndpointLabels::default()
        })
        .collect();
    for labels in workloads.chain(&hosts) {
        for (rank, policy) in index.selected(labels) {
            ranks.insert(rank, policy);
        }
    }
    let enforced = ranks.into_values().filter(|policy| !policy.staged());
    enforced
        .flat_map(|policy| DIRECTIONS.map(|direction| (policy, direction)))
        .filter(|(policy, direction)| policy.applies(*direction))
        .collect()
}

pub(super) fn chains(index: &PolicyIndex, node: &str, active: &[(&Policy, Direction)]) -> Vec<ExpectedChain> {
    let mut chains = Vec::new();
    let mut push = |name: &dyn Fn(usize) -> Vec<String>, optional: bool, because: String| {
        let nftables = name(CHAIN_MAX_NFTABLES)
            .into_iter()
            .map(|name| format!("filter-{name}"))
            .collect();
        chains.push(ExpectedChain {
            iptables: name(CHAIN_MAX_IPTABLES),
            nftables,
            optional,
            because,
        });
    };
    for name in BASE_CHAINS {
        push(&|_| vec![name.to_owned()], false, "every node has it".to_owned());
    }
    let mut profiles: BTreeMap<&str, bool> = BTreeMap::new();
    for endpoint in index.endpoints.iter().filter(|endpoint| endpoint.node == node) {
        // Without an address, a pod waits for one or has finished; Felix may or may not know it.
        let optional = endpoint.addresses.is_empty();
        for profile in &endpoint.profiles {
            let known = profiles.entry(profile).or_insert(optional);
            *known &= optional;
        }
        for direction in DIRECTIONS {
            let because = format!("{} of pod `{}/{}`", direction.word(), endpoint.namespace, endpoint.pod);
            push(
                &|max| vec![endpoint_chain(&endpoint.interface, direction, max)],
                optional,
                because,
            );
        }
    }
    for (profile, optional) in profiles {
        for direction in DIRECTIONS {
            let because = format!("{} of profile `{profile}`", direction.word());
            push(&|max| vec![profile_chain(profile, direction, max)], optional, because);
        }
    }
    for (policy, direction) in active {
        let because = format!("{} of {}", direction.word(), policy.describe());
        push(&|max| policy_chains(&policy.id, *direction, max), false, because);
    }
    chains
}

/// Sets that the rules of active policies match.
pub(super) fn rule_sets(index: &PolicyIndex, active: &[(&Policy, Direction)], ipv6: bool) -> Vec<ExpectedSet> {
    let mut sets: BTreeMap<String, ExpectedSet> = BTreeMap::new();
    for (policy, direction) in active {
        for (at, rule) in policy.rules(*direction).iter().enumerate() {
            let because = format!("{} rule {at} of {}", direction.word(), policy.describe());
            for (entity, destination) in [(&rule.source, false), (&rule.destination, true)] {
                for mut set in sets_of(index, entity, rule.protocol, destination, ipv6) {
                    set.because.clone_from(&because);
                    // What one rule must have is not optional because another may do without.
                    let known = sets.entry(set.id.clone()).or_insert_with(|| set.clone());
                    known.optional &= set.optional;
                }
            }
        }
    }
    sets.into_values().collect()
}

fn sets_of(
    index: &PolicyIndex,
    entity: &Entity,
    protocol: Option<Protocol>,
    destination: bool,
    ipv6: bool,
) -> Vec<ExpectedSet> {
    let mut sets = Vec::new();
    let named = |ports: &[Port]| -> Vec<String> {
        let names = ports.iter().filter_map(|port| match port {
            Port::Named(name) => Some(name.clone()),
            Port::Range(..) => None,
        });
        names.collect()
    };
    let names = named(&entity.ports);
    let word = protocol.unwrap_or(Protocol::TCP).to_string();
    let canonical = entity
        .selector
        .as_ref()
        .map_or_else(|| "all()".to_owned(), Selector::canonical);
    for name in &names {
        let id = named_port_set_id(&canonical, &word, name);
        let members = named_port_members(index, entity.selector.as_ref(), &word, name, ipv6);
        sets.push(ExpectedSet::new(id, ipv6, Some(members)));
    }
    if let Some(selector) = &entity.selector {
        let mut set = ExpectedSet::new(
            selector_set_id(&selector.canonical()),
            ipv6,
            Some(members(index, selector, ipv6)),
        );
        // Named ports bring the selector's addresses with them.
        set.optional = !names.is_empty();
        sets.push(set);
    }
    if let Some(selector) = &entity.not_selector {
        sets.push(ExpectedSet::new(
            selector_set_id(&selector.canonical()),
            ipv6,
            Some(members(index, selector, ipv6)),
        ));
    }
    for name in named(&entity.not_ports) {
        let mut set = ExpectedSet::new(named_port_set_id(&canonical, &word, &name), ipv6, None);
        set.optional = true;
        sets.push(set);
    }
    if let Some(service) = &entity.service {
        sets.push(ExpectedSet::new(
            service_set_id(&service.namespace, &service.name, destination),
            ipv6,
            None,
        ));
    }
    sets
}

/// Addresses of endpoints, and nets of network sets, that a selector matches.
fn members(index: &PolicyIndex, selector: &Selector, ipv6: bool) -> BTreeSet<String> {
    let workloads = index
        .endpoints
        .iter()
        .filter(|endpoint| selector.matches(&endpoint.labels));
    let hosts = index
        .host_endpoints
        .iter()
        .filter(|endpoint| selector.matches(&endpoint.labels));
    let mut all: BTreeSet<String> = workloads
        .flat_map(|endpoint| of_family(&endpoint.addresses, ipv6))
        .chain(hosts.flat_map(|endpoint| of_family(&endpoint.addresses, ipv6)))
        .map(ToString::to_string)
        .collect();
    let nets = index.sets_selected(selector).flat_map(|set| &set.nets);
    let nets = nets.filter(|net| matches!(net, ipnet::IpNet::V6(_)) == ipv6);
    all.extend(nets.map(|net| super::member(&net.to_string())));
    all
}

fn named_port_members(
    index: &PolicyIndex,
    selector: Option<&Selector>,
    protocol: &str,
    name: &str,
    ipv6: bool,
) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut add = |addresses: &[std::net::IpAddr], ports: &[crate::workload::NamedPort]| {
        for port in ports
            .iter()
            .filter(|port| port.name == name && port.protocol.eq_ignore_ascii_case(protocol))
        {
            let word = port.protocol.to_lowercase();
            all.extend(of_family(addresses, ipv6).map(|address| format!("{address},{word}:{}", port.port)));
        }
    };
    for endpoint in index
        .endpoints
        .iter()
        .filter(|e| selector.is_none_or(|s| s.matches(&e.labels)))
    {
        add(&endpoint.addresses, &endpoint.ports);
    }
    for endpoint in index
        .host_endpoints
        .iter()
        .filter(|e| selector.is_none_or(|s| s.matches(&e.labels)))
    {
        add(&endpoint.addresses, &endpoint.ports);
    }
    all
}

impl ExpectedSet {
    pub(super) fn new(id: String, ipv6: bool, members: Option<BTreeSet<String>>) -> Self {
        Self {
            ipset: vec![set_name(&id, ipv6)],
            nft: vec![nft_set(&id, ipv6)],
            id,
            members,
            optional: false,
            because: String::new(),
        }
    }
}
