use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use ipnet::IpNet;

use super::{
    hint::LabelValues,
    objects::{EndpointSlice, HostEndpoint, NetworkSet, Service, Tier},
    types::{Policy, Protocol},
};
use crate::{
    cluster::Cluster,
    felix::FelixConfig,
    labels::{NAMESPACE, ORCHESTRATOR},
    names::Direction,
    node::Node,
    object::ObjectError,
    pool::IpPool,
    selector::{Expr, Selector},
    workload::{EndpointLabels, Inherited, WorkloadEndpoint, endpoint_of},
};

/// Per address, protocols and ports; no port is every port.
type ServiceEndpoints = HashMap<IpAddr, HashSet<(Protocol, Option<u16>)>>;

/// Everything a verdict asks, found without scanning.
#[derive(Debug, Clone)]
pub struct PolicyIndex {
    pub endpoints: Vec<WorkloadEndpoint>,
    pub host_endpoints: Vec<HostEndpoint>,
    pub nodes: Vec<Node>,
    pub tiers: Vec<Tier>,
    /// Sorted by tier, order and name: an index is a rank.
    pub policies: Vec<Policy>,
    /// Per policy, an index into `tiers`; none where the tier does not exist.
    pub(super) tier_of: Vec<Option<usize>>,
    pub(super) pools: Vec<IpPool>,
    pub(super) services: Vec<Service>,
    pub(super) network_sets: Vec<(NetworkSet, EndpointLabels)>,
    pub(super) inherited: Inherited,
    pub(super) felix: BTreeMap<String, FelixConfig>,
    pub(super) label_values: LabelValues,
    pub(super) unread: Vec<(Option<String>, String)>,
    pub(super) missing_lists: Vec<&'static str>,
    pub(super) host_network_pods: HashMap<(String, String), String>,
    by_pod: HashMap<String, HashMap<String, usize>>,
    by_address: HashMap<IpAddr, Vec<usize>>,
    set_nets: HashMap<IpNet, Vec<usize>>,
    set_lengths: Vec<u8>,
    by_label: HashMap<String, HashMap<String, Vec<usize>>>,
    without_label: Vec<usize>,
    service_endpoints: HashMap<(String, String), ServiceEndpoints>,
    pub(super) cluster_ips: HashMap<IpAddr, usize>,
}

impl PolicyIndex {
    /// Builds the index. A Felix configuration that cannot be read is told and defaults hold for its node.
    pub fn new(cluster: &Cluster) -> (Self, Vec<ObjectError>) {
        let inherited = Inherited::new(&cluster.namespaces, &cluster.service_accounts);
        let mut errors = Vec::new();
        let mut felix = BTreeMap::new();
        for node in &cluster.nodes {
            match cluster.felix(&node.name) {
                Ok(config) => {
                    felix.insert(node.name.clone(), config);
                }
                Err(error) => errors.push(error),
            }
        }
        let default = FelixConfig::default();
        let mut endpoints = Vec::with_capacity(cluster.pods.len());
        for pod in &cluster.pods {
            let config = pod.node.as_ref().and_then(|node| felix.get(node)).unwrap_or(&default);
            endpoints.extend(endpoint_of(pod, &inherited, config.prefix()));
        }
        let (tiers, policies, tier_of) = sorted(cluster);
        let mut index = Self {
            host_endpoints: cluster.host_endpoints.clone(),
            nodes: cluster.nodes.clone(),
            pools: cluster.pools.clone(),
            services: cluster.services.clone(),
            network_sets: cluster
                .network_sets
                .iter()
                .map(|set| (set.clone(), set_labels(set, &inherited)))
                .collect(),
            unread: cluster.unread_policies.clone(),
            missing_lists: missing(cluster),
            host_network_pods: host_network_pods(cluster),
            endpoints,
            tiers,
            policies,
            tier_of,
            inherited,
            felix,
            label_values: LabelValues::default(),
            by_pod: HashMap::new(),
            by_address: HashMap::new(),
            set_nets: HashMap::new(),
            set_lengths: Vec::new(),
            by_label: HashMap::new(),
            without_label: Vec::new(),
            service_endpoints: HashMap::new(),
            cluster_ips: HashMap::new(),
        };
        index.fill(&cluster.endpoint_slices);
        (index, errors)
    }

    fn fill(&mut self, slices: &[EndpointSlice]) {
        for (at, endpoint) in self.endpoints.iter().enumerate() {
            self.label_values.add(&endpoint.labels);
            self.by_pod
                .entry(endpoint.namespace.clone())
                .or_default()
                .insert(endpoint.pod.clone(), at);
            for address in &endpoint.addresses {
                self.by_address.entry(*address).or_default().push(at);
            }
        }
        for endpoint in &self.host_endpoints {
            let labels = EndpointLabels {
                own: endpoint.labels.clone(),
                ..EndpointLabels::default()
            };
            self.label_values.add(&labels);
        }
        for (at, (set, labels)) in self.network_sets.iter().enumerate() {
            self.label_values.add(labels);
            for net in &set.nets {
                self.set_nets.entry(*net).or_default().push(at);
                self.set_lengths.push(net.prefix_len());
            }
        }
        self.set_lengths.sort_unstable();
        self.set_lengths.dedup();
        for (at, policy) in self.policies.iter().enumerate() {
            match index_key(policy.selector.expr()) {
                Some((label, value)) => {
                    self.by_label
                        .entry(label.to_owned())
                        .or_default()
                        .entry(value.to_owned())
                        .or_default()
                        .push(at);
                }
                None => self.without_label.push(at),
            }
        }
        for slice in slices {
            let Some(service) = &slice.service else { continue };
            let endpoints = self
                .service_endpoints
                .entry((slice.namespace.clone(), service.clone()))
                .or_default();
            for address in &slice.addresses {
                endpoints
                    .entry(*address)
                    .or_default()
                    .extend(slice.ports.iter().copied());
            }
        }
        for (at, service) in self.services.iter().enumerate() {
            self.cluster_ips
                .extend(service.cluster_ips.iter().map(|address| (*address, at)));
        }
    }

    /// The policies that a person may mean with `[kind/][ns/]name`, in the order of evaluation.
    pub fn named(&self, name: &str) -> Vec<usize> {
        let all = self.policies.iter().enumerate();
        all.filter(|(_, policy)| super::why::is_called(policy, name))
            .map(|(rank, _)| rank)
            .collect()
    }

    /// The endpoint of a pod.
    pub fn endpoint(&self, namespace: &str, pod: &str) -> Option<&WorkloadEndpoint> {
        self.endpoint_at(namespace, pod).map(|at| &self.endpoints[at])
    }

    pub(super) fn endpoint_at(&self, namespace: &str, pod: &str) -> Option<usize> {
        self.by_pod.get(namespace)?.get(pod).copied()
    }

    /// The endpoints that have an address; more than one is a duplicate.
    pub(super) fn endpoints_with(&self, address: IpAddr) -> &[usize] {
        self.by_address.get(&address).map_or(&[], Vec::as_slice)
    }

    pub(super) fn sets_with(&self, address: IpAddr) -> Vec<usize> {
        let mut found = Vec::new();
        for length in &self.set_lengths {
            let Ok(net) = IpNet::new(address, *length) else {
                continue;
            };
            found.extend(self.set_nets.get(&net.trunc()).into_iter().flatten().copied());
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    pub(super) fn host_endpoints_with(&self, address: IpAddr) -> Vec<usize> {
        let has = |endpoint: &HostEndpoint| {
            endpoint.addresses.contains(&address)
                || (endpoint.interface.as_deref() == Some("*") && self.is_node_address(&endpoint.node, address))
        };
        self.host_endpoints
            .iter()
            .enumerate()
            .filter(|(_, endpoint)| has(endpoint))
            .map(|(at, _)| at)
            .collect()
    }

    fn is_node_address(&self, node: &str, address: IpAddr) -> bool {
        self.nodes
            .iter()
            .any(|known| known.name == node && node_has(known, address))
    }

    /// The node that has an address, its tunnels' included.
    pub(super) fn node_with(&self, address: IpAddr) -> Option<&Node> {
        self.nodes.iter().find(|node| node_has(node, address))
    }

    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    pub(super) fn service_has(&self, namespace: &str, name: &str) -> Option<&ServiceEndpoints> {
        self.service_endpoints.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// Ranks of the policies that select the labels, in the order of evaluation.
    ///
    /// `wanted` is asked first: it is cheaper than a selector.
    pub(super) fn selecting(&self, labels: &EndpointLabels, wanted: impl Fn(&Policy) -> bool) -> Vec<usize> {
        let mut ranks = Vec::new();
        let mut add = |candidates: &[usize]| {
            ranks.extend(candidates.iter().copied().filter(|rank| {
                let policy = &self.policies[*rank];
                wanted(policy) && policy.selector.matches(labels)
            }));
        };
        add(&self.without_label);
        for (label, value) in labels.iter() {
            if let Some(found) = self.by_label.get(label).and_then(|values| values.get(value)) {
                add(found);
            }
        }
        ranks.sort_unstable();
        ranks
    }

    /// The policies that apply to a pod in a direction, in the order of evaluation, staged ones too.
    pub fn policies_of(&self, endpoint: &WorkloadEndpoint, direction: Direction) -> Vec<&Policy> {
        let wanted = |policy: &Policy| policy.applies(direction) && !policy.do_not_track && !policy.pre_dnat;
        let ranks = self.selecting(&endpoint.labels, wanted);
        ranks
            .into_iter()
            .filter(|rank| self.tier_of[*rank].is_some())
            .map(|rank| &self.policies[rank])
            .collect()
    }

    /// The policies that select the labels, with their ranks; of tiers that exist.
    pub(crate) fn selected(&self, labels: &EndpointLabels) -> Vec<(usize, &Policy)> {
        let ranks = self.selecting(labels, |_| true);
        ranks
            .into_iter()
            .filter(|rank| self.tier_of[*rank].is_some())
            .map(|rank| (rank, &self.policies[rank]))
            .collect()
    }

    /// The network sets that a selector matches.
    pub(crate) fn sets_selected(&self, selector: &Selector) -> impl Iterator<Item = &NetworkSet> {
        self.network_sets
            .iter()
            .filter(|(_, labels)| selector.matches(labels))
            .map(|(set, _)| set)
    }

    pub(super) fn labels_of_set(&self, at: usize) -> &EndpointLabels {
        &self.network_sets[at].1
    }
}

fn node_has(node: &Node, address: IpAddr) -> bool {
    let tunnels = [
        node.ipip_tunnel_address,
        node.vxlan_tunnel_address,
        node.vxlan_tunnel_address_v6,
        node.wireguard_address,
        node.wireguard_address_v6,
    ];
    node.address(false) == Some(address)
        || node.address(true) == Some(address)
        || node.internal_ips.contains(&address)
        || tunnels.contains(&Some(address))
        || node
            .interfaces
            .iter()
            .any(|interface| interface.addresses.contains(&address))
}

fn set_labels(set: &NetworkSet, inherited: &Inherited) -> EndpointLabels {
    let mut labels = EndpointLabels {
        own: set.labels.clone(),
        ..EndpointLabels::default()
    };
    if let Some(namespace) = &set.namespace {
        labels.own.insert(NAMESPACE.to_owned(), namespace.clone());
        labels.namespace = inherited
            .namespace(namespace)
            .cloned()
            .unwrap_or_else(|| Arc::new(BTreeMap::new()));
    }
    labels
}

/// The equality under which a policy is looked up: one that few endpoints share.
fn index_key(expr: &Expr) -> Option<(&str, &str)> {
    fn equalities<'a>(expr: &'a Expr, found: &mut Vec<(&'a str, &'a str)>) {
        match expr {
            Expr::And(terms) => terms.iter().for_each(|term| equalities(term, found)),
            other => found.extend(other.required_equality()),
        }
    }
    let mut found = Vec::new();
    equalities(expr, &mut found);
    let commonness = |label: &str| match label {
        ORCHESTRATOR => 2,
        NAMESPACE => 1,
        _ => 0,
    };
    found.into_iter().min_by_key(|(label, _)| commonness(label))
}

fn sorted(cluster: &Cluster) -> (Vec<Tier>, Vec<Policy>, Vec<Option<usize>>) {
    let mut tiers = cluster.tiers.clone();
    for policy in &cluster.policies {
        // Older and newer releases name the built-in tiers differently; only used ones matter.
        if !tiers.iter().any(|tier| tier.name == policy.id.tier) {
            tiers.extend(Tier::built_in(&policy.id.tier));
        }
    }
    tiers.sort_by(|a, b| {
        let order = |tier: &Tier| tier.order.unwrap_or(f64::INFINITY);
        order(a).total_cmp(&order(b)).then_with(|| a.name.cmp(&b.name))
    });
    let rank: HashMap<String, usize> = tiers
        .iter()
        .enumerate()
        .map(|(at, tier)| (tier.name.clone(), at))
        .collect();
    let tier = |policy: &Policy| rank.get(&policy.id.tier).copied();
    let mut policies = cluster.policies.clone();
    policies.sort_by(|a, b| {
        let ((a_order, a_name, a_namespace, a_kind), (b_order, b_name, b_namespace, b_kind)) =
            (a.sort_key(), b.sort_key());
        let tiers = tier(a).unwrap_or(usize::MAX).cmp(&tier(b).unwrap_or(usize::MAX));
        tiers
            .then_with(|| a_order.total_cmp(&b_order))
            .then_with(|| (a_name, a_namespace, a_kind).cmp(&(b_name, b_namespace, b_kind)))
    });
    let tier_of = policies.iter().map(tier).collect();
    (tiers, policies, tier_of)
}

/// Lists without which a verdict would be a guess.
fn missing(cluster: &Cluster) -> Vec<&'static str> {
    let own_tiers = cluster
        .policies
        .iter()
        .any(|policy| Tier::built_in(&policy.id.tier).is_none());
    [
        "Pod",
        "Namespace",
        "NetworkPolicy.networking.k8s.io",
        "NetworkPolicy",
        "GlobalNetworkPolicy",
        "Tier",
    ]
    .into_iter()
    .filter(|kind| !cluster.given.contains(*kind) && (*kind != "Tier" || own_tiers))
    .collect()
}

fn host_network_pods(cluster: &Cluster) -> HashMap<(String, String), String> {
    let hosted = cluster.pods.iter().filter(|pod| pod.host_network);
    hosted
        .filter_map(|pod| {
            let namespace = pod.meta.namespace.clone()?;
            Some(((namespace, pod.meta.name.clone()), pod.node.clone()?))
        })
        .collect()
}
