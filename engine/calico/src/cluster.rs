//! All API objects that the model uses, read from lists of any layout.

use std::collections::{BTreeSet, HashSet};

use ipnet::IpNet;
use serde_json::Value;

use crate::{
    bgp::{BgpConfig, BgpFilter, BgpPeer},
    felix::FelixConfig,
    names::PolicyKind,
    node::Node,
    object::{Meta, Object, ObjectError, items, parse_cidr, strip_tier},
    policy::{self, EndpointSlice, HostEndpoint, NetworkSet, Policy, Service, Tier},
    pool::{Block, BlockAffinity, IpPool, IpReservation, IpamConfig, IpamHandle},
    version::Version,
    workload::{Namespace, Pod, ServiceAccount},
};

/// The objects, and what of the input was not used.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    pub nodes: Vec<Node>,
    pub namespaces: Vec<Namespace>,
    pub service_accounts: Vec<ServiceAccount>,
    pub pods: Vec<Pod>,
    pub services: Vec<Service>,
    pub endpoint_slices: Vec<EndpointSlice>,
    pub pools: Vec<IpPool>,
    pub blocks: Vec<Block>,
    pub affinities: Vec<BlockAffinity>,
    pub handles: Vec<IpamHandle>,
    pub ipam_config: Option<IpamConfig>,
    pub reservations: Vec<IpReservation>,
    pub bgp_configs: Vec<BgpConfig>,
    pub bgp_peers: Vec<BgpPeer>,
    pub bgp_filters: Vec<BgpFilter>,
    pub tiers: Vec<Tier>,
    pub policies: Vec<Policy>,
    pub network_sets: Vec<NetworkSet>,
    pub host_endpoints: Vec<HostEndpoint>,
    pub service_cidrs: Vec<IpNet>,
    pub version: Option<Version>,
    pub datastore_ready: Option<bool>,
    /// As they came: which holds for a node is asked by [`Cluster::felix`].
    pub felix_configurations: Vec<Value>,
    /// Objects that could not be read; what they would have said is not known.
    pub left_out: Vec<ObjectError>,
    /// Policies among them, with their namespace: a verdict near them is `Unknown`.
    pub(crate) unread_policies: Vec<(Option<String>, String)>,
    /// Kinds of objects that the model has no use for.
    pub ignored_kinds: BTreeSet<String>,
    /// Kinds whose list was given, empty ones too: `NetworkPolicy.networking.k8s.io`, `IPPool`.
    pub given: BTreeSet<String>,
    seen: HashSet<(String, Option<String>, String)>,
}

impl Cluster {
    /// Reads lists as the API server gives them. The same object of two layouts counts once, the first.
    pub fn load<'a>(lists: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut cluster = Self::default();
        for list in lists {
            cluster.add(list);
        }
        cluster
    }

    /// Adds one list. Its items need no `kind` of their own where the list has one.
    pub fn add(&mut self, list: &Value) {
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let list_kind = text(list, "kind");
        let list_kind = list_kind.strip_suffix("List").unwrap_or(&list_kind);
        let list_group = group(&text(list, "apiVersion"));
        if list.get("items").is_some() && !list_kind.is_empty() {
            self.given.insert(given_name(list_kind, &list_group));
        }
        for item in items(list) {
            let kind = match text(item, "kind") {
                kind if kind.is_empty() => list_kind.to_owned(),
                kind => kind,
            };
            let own = text(item, "apiVersion");
            let group = if own.is_empty() {
                list_group.clone()
            } else {
                group(&own)
            };
            if kind.is_empty() {
                let object = format!(
                    "object `{}`",
                    item.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("")
                );
                self.left_out.push(ObjectError::new(
                    object,
                    "kind",
                    "is missing on the object and on its list",
                ));
                continue;
            }
            self.given.insert(given_name(&kind, &group));
            if let Err(error) = self.add_object(&kind, &group, item) {
                if policy_kind(&kind, &group).is_some() {
                    let namespace = item
                        .pointer("/metadata/namespace")
                        .and_then(Value::as_str)
                        .map(str::to_owned);
                    self.unread_policies.push((namespace, error.to_string()));
                }
                self.left_out.push(error);
            }
        }
    }

    fn add_object(&mut self, kind: &str, group: &str, item: &Value) -> Result<(), ObjectError> {
        let canonical = match kind {
            "IPAMConfiguration" => "IPAMConfig",
            "NetworkPolicy" if group == "networking.k8s.io" => "KubernetesNetworkPolicy",
            other => other,
        };
        let meta = Meta::from_value(kind, item)?;
        // One layout shows a policy's name with its tier, the other without.
        let tier = item.pointer("/spec/tier").and_then(Value::as_str).unwrap_or("default");
        let name = strip_tier(&meta.name, tier).to_owned();
        if !self.seen.insert((canonical.to_owned(), meta.namespace.clone(), name)) {
            return Ok(());
        }
        if let Some(policy_kind) = policy_kind(kind, group) {
            self.policies.push(policy::read_policy(&meta, item, policy_kind)?);
            return Ok(());
        }
        match canonical {
            "Node" => self.nodes.push(Node::from_parts(meta, item)?),
            "Namespace" => self.namespaces.push(Namespace::from_parts(meta, item)?),
            "ServiceAccount" => self.service_accounts.push(ServiceAccount::from_parts(meta, item)?),
            "Pod" => self.pods.push(Pod::from_parts(meta, item)?),
            "Service" => self.services.push(Service::from_parts(meta, item)?),
            "EndpointSlice" => self.endpoint_slices.push(EndpointSlice::from_parts(meta, item)?),
            "IPPool" => self.pools.push(IpPool::from_parts(meta, item)?),
            "IPAMBlock" => self.blocks.push(Block::from_parts(meta, item)?),
            "BlockAffinity" => self.affinities.push(BlockAffinity::from_parts(meta, item)?),
            "IPAMHandle" => self.handles.push(IpamHandle::from_parts(meta, item)?),
            "IPAMConfig" => self.ipam_config = Some(IpamConfig::from_parts(meta, item)?),
            "IPReservation" => self.reservations.push(IpReservation::from_parts(meta, item)?),
            "BGPConfiguration" => self.bgp_configs.push(BgpConfig::from_parts(meta, item)?),
            "BGPPeer" => self.bgp_peers.push(BgpPeer::from_parts(meta, item)?),
            "BGPFilter" => self.bgp_filters.push(BgpFilter::from_parts(meta, item)?),
            "Tier" => self.tiers.push(Tier::from_parts(meta, item)?),
            "NetworkSet" | "GlobalNetworkSet" => self.network_sets.push(NetworkSet::from_parts(meta, item)?),
            "HostEndpoint" => self.host_endpoints.push(HostEndpoint::from_parts(meta, item)?),
            "FelixConfiguration" => self.felix_configurations.push(item.clone()),
            "ClusterInformation" => {
                let version = item.pointer("/spec/calicoVersion").and_then(Value::as_str);
                self.version = version.and_then(Version::parse);
                self.datastore_ready = item.pointer("/spec/datastoreReady").and_then(Value::as_bool);
            }
            "ServiceCIDR" => {
                let cidrs = item.pointer("/spec/cidrs").and_then(Value::as_array);
                let cidrs = cidrs.into_iter().flatten().filter_map(Value::as_str);
                self.service_cidrs.extend(cidrs.filter_map(parse_cidr));
            }
            other => {
                self.ignored_kinds.insert(other.to_owned());
            }
        }
        Ok(())
    }

    /// Felix's configuration on one node.
    pub fn felix(&self, node: &str) -> Result<FelixConfig, ObjectError> {
        FelixConfig::for_node(&Value::Array(self.felix_configurations.clone()), node)
    }

    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    pub fn bgp_config(&self) -> Option<&BgpConfig> {
        self.bgp_configs.iter().find(|config| config.name == "default")
    }
}

fn group(api_version: &str) -> String {
    api_version.rsplit_once('/').map_or("", |(group, _)| group).to_owned()
}

/// Two kinds share the name NetworkPolicy.
fn given_name(kind: &str, group: &str) -> String {
    if kind == "NetworkPolicy" && group == "networking.k8s.io" {
        format!("{kind}.{group}")
    } else {
        kind.to_owned()
    }
}

fn policy_kind(kind: &str, group: &str) -> Option<PolicyKind> {
    Some(match kind {
        "NetworkPolicy" if group == "networking.k8s.io" => PolicyKind::KubernetesNetworkPolicy,
        "NetworkPolicy" => PolicyKind::NetworkPolicy,
        "GlobalNetworkPolicy" => PolicyKind::GlobalNetworkPolicy,
        "StagedNetworkPolicy" => PolicyKind::StagedNetworkPolicy,
        "StagedGlobalNetworkPolicy" => PolicyKind::StagedGlobalNetworkPolicy,
        "StagedKubernetesNetworkPolicy" => PolicyKind::StagedKubernetesNetworkPolicy,
        "ClusterNetworkPolicy" => PolicyKind::ClusterNetworkPolicy,
        "AdminNetworkPolicy" => PolicyKind::AdminNetworkPolicy,
        "BaselineAdminNetworkPolicy" => PolicyKind::BaselineAdminNetworkPolicy,
        _ => return None,
    })
}
