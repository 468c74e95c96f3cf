use std::{
    collections::{BTreeMap, HashSet},
    io::Read,
    net::IpAddr,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::stream::{StreamError, each_item};
use crate::{
    cluster::Cluster,
    node::Node,
    object::Object,
    pool::{BlockAffinity, IpPool, IpamHandle},
    workload::Pod,
};

/// A pod, as far as its addresses go: a hundred thousand of them stay small.
#[derive(Debug, Clone)]
pub(super) struct AuditPod {
    pub namespace: Arc<str>,
    pub name: Box<str>,
    pub node: Option<Arc<str>>,
    pub addresses: Box<[IpAddr]>,
    pub finished: bool,
    /// Being deleted: its address is on the way back.
    pub leaving: bool,
    pub host_network: bool,
}

/// A pod that reports an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressUser {
    /// `namespace/name`
    pub pod: String,
    pub node: Option<String>,
    pub finished: bool,
    pub leaving: bool,
    pub host_network: bool,
}

impl AuditPod {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    pub(super) fn live(&self) -> bool {
        !self.host_network && !self.finished && self.node.is_some()
    }
}

/// A node's name and its tunnels' addresses.
#[derive(Debug, Clone)]
pub(super) struct AuditNode {
    pub name: Box<str>,
    pub tunnels: Box<[IpAddr]>,
}

/// A handle and how many addresses it counts.
#[derive(Debug, Clone)]
pub(super) struct AuditHandle {
    pub name: Box<str>,
    pub count: i64,
    pub deleted: bool,
}

/// What blocks are compared with.
#[derive(Debug, Default)]
pub struct AuditFacts {
    pub(super) pods: Vec<AuditPod>,
    pub(super) nodes: Vec<AuditNode>,
    pub(super) handles: Vec<AuditHandle>,
    pub(super) affinities: Vec<BlockAffinity>,
    pub(super) pools: Vec<IpPool>,
    /// Names that many pods share are kept once.
    names: HashSet<Arc<str>>,
}

impl AuditFacts {
    /// From objects that are all at hand.
    pub fn of(cluster: &Cluster) -> Self {
        let mut facts = Self {
            affinities: cluster.affinities.clone(),
            pools: cluster.pools.clone(),
            ..Self::default()
        };
        cluster.pods.iter().for_each(|pod| facts.pod(pod));
        facts.nodes.extend(cluster.nodes.iter().map(node));
        facts.handles.extend(cluster.handles.iter().map(handle));
        facts
    }

    pub fn pools(&mut self, pools: impl IntoIterator<Item = IpPool>) {
        self.pools.extend(pools);
    }

    pub fn affinities(&mut self, affinities: impl IntoIterator<Item = BlockAffinity>) {
        self.affinities.extend(affinities);
    }

    /// Adds one pod.
    pub fn pod(&mut self, pod: &Pod) {
        let slim = AuditPod {
            namespace: self.shared(pod.meta.namespace.as_deref().unwrap_or("")),
            name: pod.meta.name.as_str().into(),
            node: pod.node.as_deref().map(|node| self.shared(node)),
            addresses: pod.addresses.as_slice().into(),
            finished: pod.finished(),
            leaving: pod.meta.deletion_timestamp.is_some(),
            host_network: pod.host_network,
        };
        self.pods.push(slim);
    }

    /// Returns the pods that report an address, finished and host-networked ones too.
    pub fn users(&self, address: IpAddr) -> Vec<AddressUser> {
        self.pods
            .iter()
            .filter(|pod| pod.addresses.contains(&address))
            .map(|pod| AddressUser {
                pod: pod.full_name(),
                node: pod.node.as_deref().map(str::to_owned),
                finished: pod.finished,
                leaving: pod.leaving,
                host_network: pod.host_network,
            })
            .collect()
    }

    /// Returns the nodes that say that an address is one of their tunnels'.
    pub fn tunnels(&self, address: IpAddr) -> Vec<&str> {
        let has = |node: &&AuditNode| node.tunnels.contains(&address);
        self.nodes.iter().filter(has).map(|node| &*node.name).collect()
    }

    /// Reads a PodList without keeping it. An object of the wrong shape ends the reading: read the list leniently then.
    pub fn read_pods(&mut self, list: impl Read) -> Result<(), StreamError> {
        each_item(&mut serde_json::Deserializer::from_reader(list), |pod: ApiPod| {
            self.api_pod(pod)
        })
    }

    /// The same, of bytes at hand.
    pub fn read_pods_slice(&mut self, list: &[u8]) -> Result<(), StreamError> {
        each_item(&mut serde_json::Deserializer::from_slice(list), |pod: ApiPod| {
            self.api_pod(pod)
        })
    }

    /// Reads an IPAMHandleList without keeping it.
    pub fn read_handles(&mut self, list: impl Read) -> Result<(), StreamError> {
        each_item(&mut serde_json::Deserializer::from_reader(list), |handle: ApiHandle| {
            self.api_handle(handle)
        })
    }

    /// The same, of bytes at hand.
    pub fn read_handles_slice(&mut self, list: &[u8]) -> Result<(), StreamError> {
        each_item(&mut serde_json::Deserializer::from_slice(list), |handle: ApiHandle| {
            self.api_handle(handle)
        })
    }

    /// Reads a NodeList without keeping it.
    pub fn read_nodes(&mut self, list: impl Read) -> Result<(), StreamError> {
        each_item(
            &mut serde_json::Deserializer::from_reader(list),
            |value: serde_json::Value| {
                // A node whose annotations do not parse exists all the same.
                let found = Node::from_value(&value).unwrap_or_else(|_| Node {
                    name: value
                        .pointer("/metadata/name")
                        .and_then(|name| name.as_str())
                        .unwrap_or("")
                        .to_owned(),
                    ..Node::default()
                });
                self.nodes.push(node(&found));
            },
        )
    }

    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name));
        name
    }

    fn api_pod(&mut self, pod: ApiPod) {
        let ApiPod { metadata, spec, status } = pod;
        let emptied = metadata.annotations.pod_ip.as_deref() == Some("");
        let finished = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
            || (metadata.deletion_timestamp.is_some() && emptied);
        let listed: Vec<&str> = match (&status.pod_ips, &status.pod_ip, &metadata.annotations) {
            (Some(all), ..) if !all.is_empty() => all.iter().map(|address| address.ip.as_str()).collect(),
            (_, Some(one), _) if !one.is_empty() => vec![one],
            (.., Annotations { pod_ips: Some(all), .. }) if !all.is_empty() => all.split(',').collect(),
            (.., Annotations { pod_ip: Some(one), .. }) => vec![one],
            _ => Vec::new(),
        };
        let addresses = listed
            .iter()
            .filter_map(|text| text.trim().split('/').next()?.parse().ok())
            .collect();
        let slim = AuditPod {
            namespace: self.shared(&metadata.namespace),
            name: metadata.name.into(),
            node: spec
                .node_name
                .filter(|node| !node.is_empty())
                .map(|node| self.shared(&node)),
            addresses,
            finished,
            leaving: metadata.deletion_timestamp.is_some(),
            host_network: spec.host_network.unwrap_or_default(),
        };
        self.pods.push(slim);
    }

    fn api_handle(&mut self, handle: ApiHandle) {
        let ApiHandle { metadata, spec } = handle;
        self.handles.push(AuditHandle {
            name: metadata.name.into(),
            count: spec.block.unwrap_or_default().values().sum(),
            deleted: spec.deleted,
        });
    }
}

fn node(node: &Node) -> AuditNode {
    let tunnels = [
        node.ipip_tunnel_address,
        node.vxlan_tunnel_address,
        node.vxlan_tunnel_address_v6,
        node.wireguard_address,
        node.wireguard_address_v6,
    ];
    AuditNode {
        name: node.name.as_str().into(),
        tunnels: tunnels.into_iter().flatten().collect(),
    }
}

fn handle(handle: &IpamHandle) -> AuditHandle {
    AuditHandle {
        name: handle.name.as_str().into(),
        count: handle.blocks.values().sum(),
        deleted: handle.deleted,
    }
}

#[derive(Debug, Deserialize)]
struct ApiPod {
    metadata: Metadata,
    #[serde(default)]
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    deletion_timestamp: Option<String>,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "cni.projectcalico.org/podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "cni.projectcalico.org/podIPs")]
    pod_ips: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    node_name: Option<String>,
    host_network: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodStatus {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pod_ips: Option<Vec<PodIp>>,
}

#[derive(Debug, Deserialize)]
struct PodIp {
    ip: String,
}

#[derive(Debug, Deserialize)]
struct ApiHandle {
    metadata: Metadata,
    spec: HandleSpec,
}

#[derive(Debug, Deserialize)]
struct HandleSpec {
    #[serde(default)]
    block: Option<BTreeMap<String, i64>>,
    #[serde(default, deserialize_with = "crate::object::de_lenient_bool")]
    deleted: bool,
}
