//! Workload endpoints, derived from pods as Calico derives them.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::{
    labels::{NAME, NAMESPACE, NAMESPACE_PREFIX, ORCHESTRATOR, SERVICE_ACCOUNT, SERVICE_ACCOUNT_PREFIX},
    names,
    object::{Meta, Object, ObjectError, part},
    selector::Labels,
};

/// A pod, as far as networking looks at it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pod {
    pub meta: Meta,
    pub node: Option<String>,
    pub host_network: bool,
    pub service_account: Option<String>,
    pub phase: Option<String>,
    /// From the status, else from the CNI's annotations.
    pub addresses: Vec<IpAddr>,
    pub ports: Vec<NamedPort>,
    pub container_id: Option<String>,
}

/// A port that policy may call by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedPort {
    pub name: String,
    pub protocol: String,
    pub port: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_name: Option<String>,
    host_network: Option<bool>,
    service_account_name: Option<String>,
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    ports: Option<Vec<ContainerPort>>,
    restart_policy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerPort {
    container_port: u16,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    protocol: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pod_ips: Option<Vec<PodIp>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodIp {
    ip: String,
}

impl Object for Pod {
    const KIND: &'static str = "Pod";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: Spec = part(&meta, value, "spec")?;
        let status: Status = part(&meta, value, "status")?;
        if meta.namespace.is_none() {
            return Err(ObjectError::new(meta.describe(), "metadata.namespace", "is missing"));
        }
        let sidecars = spec.init_containers.unwrap_or_default();
        let sidecars = sidecars
            .into_iter()
            .filter(|container| container.restart_policy.as_deref() == Some("Always"));
        let ports = spec
            .containers
            .unwrap_or_default()
            .into_iter()
            .chain(sidecars)
            .flat_map(|container| container.ports.unwrap_or_default())
            .filter_map(|port| {
                Some(NamedPort {
                    name: port.name.filter(|name| !name.is_empty())?,
                    protocol: port.protocol.unwrap_or_else(|| "TCP".to_owned()),
                    port: port.container_port,
                })
            })
            .collect();
        Ok(Self {
            addresses: addresses(&meta, &status),
            container_id: meta.annotation("cni.projectcalico.org/containerID").map(str::to_owned),
            node: spec.node_name.filter(|node| !node.is_empty()),
            host_network: spec.host_network.unwrap_or_default(),
            service_account: spec.service_account_name.filter(|account| !account.is_empty()),
            phase: status.phase,
            ports,
            meta,
        })
    }
}

fn addresses(meta: &Meta, status: &Status) -> Vec<IpAddr> {
    let listed: Vec<&str> = status
        .pod_ips
        .iter()
        .flatten()
        .map(|pod_ip| pod_ip.ip.as_str())
        .collect();
    let annotation = |key: &str| meta.annotation(key).map(|text| text.split(',').collect::<Vec<_>>());
    let found = if listed.is_empty() {
        status
            .pod_ip
            .as_deref()
            .map(|address| vec![address])
            .or_else(|| annotation("cni.projectcalico.org/podIPs"))
            .or_else(|| annotation("cni.projectcalico.org/podIP"))
            .or_else(|| annotation("vpc.amazonaws.com/pod-ips"))
            .unwrap_or_default()
    } else {
        listed
    };
    found
        .iter()
        .filter_map(|text| text.trim().split('/').next()?.parse().ok())
        .collect()
}

impl Pod {
    /// Its sandbox is gone: the endpoint stays without addresses.
    pub fn finished(&self) -> bool {
        matches!(self.phase.as_deref(), Some("Succeeded" | "Failed"))
            || (self.meta.deletion_timestamp.is_some()
                && self
                    .meta
                    .annotations
                    .get("cni.projectcalico.org/podIP")
                    .is_some_and(String::is_empty))
    }
}

/// A namespace: its labels are inherited by its endpoints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Namespace {
    pub meta: Meta,
}

impl Object for Namespace {
    const KIND: &'static str = "Namespace";

    fn from_parts(meta: Meta, _: &Value) -> Result<Self, ObjectError> {
        Ok(Self { meta })
    }
}

/// A service account: its labels are inherited by its pods.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceAccount {
    pub meta: Meta,
}

impl Object for ServiceAccount {
    const KIND: &'static str = "ServiceAccount";

    fn from_parts(meta: Meta, _: &Value) -> Result<Self, ObjectError> {
        Ok(Self { meta })
    }
}

/// Labels of an endpoint: its own, and those that its namespace and service account lend it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointLabels {
    pub own: BTreeMap<String, String>,
    /// Keys carry `pcns.`.
    pub namespace: Arc<BTreeMap<String, String>>,
    /// Keys carry `pcsa.`.
    pub service_account: Arc<BTreeMap<String, String>>,
}

impl Labels for EndpointLabels {
    fn get(&self, label: &str) -> Option<&str> {
        BTreeMap::get(&self.own, label)
            .or_else(|| BTreeMap::get(&self.namespace, label))
            .or_else(|| BTreeMap::get(&self.service_account, label))
            .map(String::as_str)
    }
}

impl EndpointLabels {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.own
            .iter()
            .chain(self.namespace.iter())
            .chain(self.service_account.iter())
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// All of them in one map, for explanations.
    pub fn flat(&self) -> BTreeMap<String, String> {
        let mut all = self.service_account.as_ref().clone();
        all.extend(self.namespace.iter().map(|(key, value)| (key.clone(), value.clone())));
        all.extend(self.own.clone());
        all
    }
}

impl Serialize for EndpointLabels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// A pod's interface as Felix protects it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkloadEndpoint {
    /// `<node>-k8s-<pod>-eth0`, dashes doubled.
    pub name: String,
    pub namespace: String,
    pub pod: String,
    pub node: String,
    /// Host side device.
    pub interface: String,
    pub addresses: Vec<IpAddr>,
    pub labels: EndpointLabels,
    /// In the order in which they are tried.
    pub profiles: Vec<String>,
    pub ports: Vec<NamedPort>,
    pub finished: bool,
    pub container_id: Option<String>,
}

/// Labels that are inherited, by namespace and by `namespace/account`.
#[derive(Debug, Clone, Default)]
pub struct Inherited {
    namespaces: BTreeMap<String, Arc<BTreeMap<String, String>>>,
    accounts: BTreeMap<String, Arc<BTreeMap<String, String>>>,
}

impl Inherited {
    pub fn new(namespaces: &[Namespace], accounts: &[ServiceAccount]) -> Self {
        let lend = |prefix: &str, meta: &Meta| {
            let mut labels: BTreeMap<String, String> = meta
                .labels
                .iter()
                .map(|(key, value)| (format!("{prefix}{key}"), value.clone()))
                .collect();
            labels.insert(format!("{prefix}{NAME}"), meta.name.clone());
            Arc::new(labels)
        };
        Self {
            namespaces: namespaces
                .iter()
                .map(|namespace| (namespace.meta.name.clone(), lend(NAMESPACE_PREFIX, &namespace.meta)))
                .collect(),
            accounts: accounts
                .iter()
                .map(|account| (account.meta.full_name(), lend(SERVICE_ACCOUNT_PREFIX, &account.meta)))
                .collect(),
        }
    }

    pub fn namespace(&self, name: &str) -> Option<&Arc<BTreeMap<String, String>>> {
        self.namespaces.get(name)
    }

    pub fn has_account(&self, namespace: &str, name: &str) -> bool {
        self.accounts.contains_key(&format!("{namespace}/{name}"))
    }
}

/// Returns the workload endpoint of a pod; none for a pod in the host's network or without a node.
pub fn endpoint_of(pod: &Pod, inherited: &Inherited, prefix: &str) -> Option<WorkloadEndpoint> {
    let node = pod.node.as_ref().filter(|_| !pod.host_network)?;
    let namespace = pod.meta.namespace.as_deref()?;
    let name = &pod.meta.name;
    let mut own = pod.meta.labels.clone();
    own.insert(NAMESPACE.to_owned(), namespace.to_owned());
    own.insert(ORCHESTRATOR.to_owned(), "k8s".to_owned());
    let mut profiles = vec![format!("kns.{namespace}")];
    let mut service_account = Arc::default();
    if let Some(account) = &pod.service_account {
        // Longer names do not fit a label.
        if account.len() < 63 {
            own.insert(SERVICE_ACCOUNT.to_owned(), account.clone());
        }
        profiles.push(format!("ksa.{namespace}.{account}"));
        service_account = inherited
            .accounts
            .get(&format!("{namespace}/{account}"))
            .cloned()
            .unwrap_or_default();
    }
    let finished = pod.finished();
    Some(WorkloadEndpoint {
        name: names::wep(node, name, "eth0"),
        namespace: namespace.to_owned(),
        pod: name.clone(),
        node: node.clone(),
        interface: names::veth(prefix, namespace, name),
        addresses: if finished { Vec::new() } else { pod.addresses.clone() },
        labels: EndpointLabels {
            own,
            namespace: inherited.namespaces.get(namespace).cloned().unwrap_or_default(),
            service_account,
        },
        profiles,
        ports: pod.ports.clone(),
        finished,
        container_id: pod.container_id.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn endpoint() {
        let pod = Pod::from_value(&json!({
            "metadata": {"name": "web-0", "namespace": "default", "labels": {"app": "web"},
                "annotations": {"cni.projectcalico.org/podIP": "10.244.1.5/32"}},
            "spec": {"nodeName": "node-1", "serviceAccountName": "default", "containers": [
                {"name": "c", "ports": [{"containerPort": 8080, "name": "http"}, {"containerPort": 9}]}]},
        }))
        .unwrap();
        let namespace =
            Namespace::from_value(&json!({"metadata": {"name": "default", "labels": {"team": "x"}}})).unwrap();
        let endpoint = endpoint_of(&pod, &Inherited::new(&[namespace], &[]), "cali").unwrap();
        assert_eq!(endpoint.interface, "cali0d7763386da");
        assert_eq!(endpoint.name, "node--1-k8s-web--0-eth0");
        assert_eq!(endpoint.profiles, ["kns.default", "ksa.default.default"]);
        assert_eq!(endpoint.addresses, ["10.244.1.5".parse::<IpAddr>().unwrap()]);
        assert_eq!(endpoint.labels.get("pcns.team"), Some("x"));
        assert_eq!(endpoint.labels.get("pcns.projectcalico.org/name"), Some("default"));
        assert_eq!(endpoint.labels.get(SERVICE_ACCOUNT), Some("default"));
        assert_eq!(endpoint.ports.len(), 1);
    }

    #[test]
    fn finished_pods_keep_no_address() {
        let pod = json!({"metadata": {"name": "job", "namespace": "x"}, "spec": {"nodeName": "n"},
            "status": {"phase": "Succeeded", "podIP": "10.0.0.1"}});
        let endpoint = endpoint_of(&Pod::from_value(&pod).unwrap(), &Inherited::default(), "cali").unwrap();
        assert!(endpoint.finished && endpoint.addresses.is_empty());
        let host = json!({"metadata": {"name": "h", "namespace": "x"}, "spec": {"nodeName": "n", "hostNetwork": true}});
        assert_eq!(
            endpoint_of(&Pod::from_value(&host).unwrap(), &Inherited::default(), "cali"),
            None
        );
    }
}
