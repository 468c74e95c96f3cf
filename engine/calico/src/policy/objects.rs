use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::types::{Action, Protocol};
use crate::{
    object::{Meta, Object, ObjectError, de_cidrs, part},
    workload::NamedPort,
};

/// A tier: policies are evaluated tier by tier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tier {
    pub name: String,
    /// None comes last.
    pub order: Option<f64>,
    pub default_action: Action,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TierSpec {
    order: Option<f64>,
    default_action: Option<Action>,
}

impl Object for Tier {
    const KIND: &'static str = "Tier";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: TierSpec = part(&meta, value, "spec")?;
        let built_in = Self::built_in(&meta.name);
        Ok(Self {
            order: spec.order.or(built_in.as_ref().and_then(|tier| tier.order)),
            default_action: spec
                .default_action
                .or(built_in.map(|tier| tier.default_action))
                .unwrap_or(Action::Deny),
            name: meta.name,
        })
    }
}

impl Tier {
    /// The tiers that exist without anyone having made them.
    pub fn built_in(name: &str) -> Option<Self> {
        let (order, default_action) = match name {
            "default" => (1_000_000.0, Action::Deny),
            "kube-admin" | "adminnetworkpolicy" => (1000.0, Action::Pass),
            "kube-baseline" | "baselineadminnetworkpolicy" => (10_000_000.0, Action::Pass),
            _ => return None,
        };
        Some(Self {
            name: name.to_owned(),
            order: Some(order),
            default_action,
        })
    }
}

/// A NetworkSet or GlobalNetworkSet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkSet {
    pub name: String,
    pub namespace: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub nets: Vec<IpNet>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NetworkSetSpec {
    #[serde(deserialize_with = "de_cidrs")]
    nets: Vec<IpNet>,
}

impl Object for NetworkSet {
    const KIND: &'static str = "NetworkSet";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: NetworkSetSpec = part(&meta, value, "spec")?;
        Ok(Self {
            name: meta.name,
            namespace: meta.namespace,
            labels: meta.labels,
            nets: spec.nets,
        })
    }
}

/// A HostEndpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostEndpoint {
    pub name: String,
    pub node: String,
    /// None where it is found by address; `*` is every interface.
    pub interface: Option<String>,
    pub addresses: Vec<IpAddr>,
    pub labels: BTreeMap<String, String>,
    pub profiles: Vec<String>,
    pub ports: Vec<NamedPort>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HostEndpointSpec {
    node: String,
    interface_name: Option<String>,
    #[serde(rename = "expectedIPs")]
    expected_ips: Option<Vec<IpAddr>>,
    profiles: Option<Vec<String>>,
    ports: Option<Vec<EndpointPort>>,
}

#[derive(Debug, Deserialize)]
struct EndpointPort {
    name: String,
    protocol: Protocol,
    port: u16,
}

impl Object for HostEndpoint {
    const KIND: &'static str = "HostEndpoint";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: HostEndpointSpec = part(&meta, value, "spec")?;
        if spec.node.is_empty() {
            return Err(ObjectError::new(meta.describe(), "spec.node", "is missing"));
        }
        Ok(Self {
            name: meta.name,
            node: spec.node,
            interface: spec.interface_name.filter(|name| !name.is_empty()),
            addresses: spec.expected_ips.unwrap_or_default(),
            labels: meta.labels,
            profiles: spec.profiles.unwrap_or_default(),
            ports: spec
                .ports
                .unwrap_or_default()
                .into_iter()
                .map(|port| NamedPort {
                    name: port.name,
                    protocol: port.protocol.to_string(),
                    port: port.port,
                })
                .collect(),
        })
    }
}

/// A Service, for its addresses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Service {
    pub namespace: String,
    pub name: String,
    pub cluster_ips: Vec<IpAddr>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Option<Vec<String>>,
}

impl Object for Service {
    const KIND: &'static str = "Service";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: ServiceSpec = part(&meta, value, "spec")?;
        let addresses = spec
            .cluster_ips
            .unwrap_or_else(|| spec.cluster_ip.into_iter().collect());
        Ok(Self {
            namespace: meta.namespace.unwrap_or_default(),
            name: meta.name,
            // `None` and empty are no addresses.
            cluster_ips: addresses.iter().filter_map(|address| address.parse().ok()).collect(),
        })
    }
}

/// An EndpointSlice of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndpointSlice {
    pub namespace: String,
    pub service: Option<String>,
    pub addresses: Vec<IpAddr>,
    /// None is every port.
    pub ports: Vec<(Protocol, Option<u16>)>,
}

const SERVICE_NAME: &str = "kubernetes.io/service-name";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SliceBody {
    endpoints: Option<Vec<SliceEndpoint>>,
    ports: Option<Vec<SlicePort>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SliceEndpoint {
    addresses: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SlicePort {
    protocol: Option<Protocol>,
    port: Option<u16>,
}

impl Object for EndpointSlice {
    const KIND: &'static str = "EndpointSlice";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let body: SliceBody = crate::object::decode(value, &meta.describe(), "")?;
        Ok(Self {
            service: meta.labels.get(SERVICE_NAME).cloned(),
            namespace: meta.namespace.unwrap_or_default(),
            addresses: body
                .endpoints
                .unwrap_or_default()
                .into_iter()
                .flat_map(|endpoint| endpoint.addresses.unwrap_or_default())
                .filter_map(|address| address.parse().ok())
                .collect(),
            ports: body
                .ports
                .unwrap_or_default()
                .into_iter()
                .map(|port| (port.protocol.unwrap_or(Protocol::TCP), port.port))
                .collect(),
        })
    }
}
