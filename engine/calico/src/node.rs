//! Calico's view of a node, read from the Kubernetes Node's annotations.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    names,
    object::{Meta, Object, ObjectError, parse_cidr, part},
};

/// A node as Felix and confd see it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Node {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Address and subnet from the annotation; none where calico/node never registered.
    pub ipv4: Option<IpNet>,
    pub ipv6: Option<IpNet>,
    pub ipip_tunnel_address: Option<IpAddr>,
    pub vxlan_tunnel_address: Option<IpAddr>,
    pub vxlan_tunnel_address_v6: Option<IpAddr>,
    /// From the annotation; see [`Node::vtep_mac`] for the rule.
    pub vxlan_tunnel_mac: Option<String>,
    pub vxlan_tunnel_mac_v6: Option<String>,
    pub wireguard_address: Option<IpAddr>,
    pub wireguard_address_v6: Option<IpAddr>,
    pub wireguard_public_key: Option<String>,
    pub as_number: Option<u32>,
    pub route_reflector_cluster_id: Option<String>,
    pub interfaces: Vec<NodeInterface>,
    /// `status.addresses` of type InternalIP.
    pub internal_ips: Vec<IpAddr>,
    pub pod_cidrs: Vec<IpNet>,
    pub max_pods: Option<u32>,
    pub ready: Option<bool>,
    /// Condition `NetworkUnavailable` is not true.
    pub network_available: Option<bool>,
}

/// An interface that calico/node found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeInterface {
    pub name: String,
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    #[serde(rename = "podCIDRs")]
    pod_cidrs: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    addresses: Option<Vec<Address>>,
    conditions: Option<Vec<Condition>>,
    allocatable: Option<BTreeMap<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Address {
    r#type: String,
    address: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
}

impl Object for Node {
    const KIND: &'static str = "Node";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: Spec = part(&meta, value, "spec")?;
        let status: Status = part(&meta, value, "status")?;
        let conditions = status.conditions.unwrap_or_default();
        let condition = |name: &str| conditions.iter().find(|condition| condition.r#type == name);
        let read = Annotations(&meta);
        Ok(Self {
            ipv4: read.parsed("IPv4Address", parse_interface)?,
            ipv6: read.parsed("IPv6Address", parse_interface)?,
            ipip_tunnel_address: read.parsed("IPv4IPIPTunnelAddr", parse_address)?,
            vxlan_tunnel_address: read.parsed("IPv4VXLANTunnelAddr", parse_address)?,
            vxlan_tunnel_address_v6: read.parsed("IPv6VXLANTunnelAddr", parse_address)?,
            vxlan_tunnel_mac: read.text("VXLANTunnelMACAddr").map(str::to_lowercase),
            vxlan_tunnel_mac_v6: read.text("VXLANTunnelMACAddrV6").map(str::to_lowercase),
            wireguard_address: read.parsed("IPv4WireguardInterfaceAddr", parse_address)?,
            wireguard_address_v6: read.parsed("IPv6WireguardInterfaceAddr", parse_address)?,
            wireguard_public_key: read.text("WireguardPublicKey").map(str::to_owned),
            as_number: read.parsed("ASNumber", parse_as_number)?,
            route_reflector_cluster_id: read.text("RouteReflectorClusterID").map(str::to_owned),
            interfaces: read
                .parsed("Interfaces", |text| serde_json::from_str(text).ok())?
                .unwrap_or_default(),
            internal_ips: status
                .addresses
                .unwrap_or_default()
                .iter()
                .filter(|address| address.r#type == "InternalIP")
                .filter_map(|address| address.address.parse().ok())
                .collect(),
            pod_cidrs: spec
                .pod_cidrs
                .unwrap_or_default()
                .iter()
                .filter_map(|cidr| parse_cidr(cidr))
                .collect(),
            max_pods: status
                .allocatable
                .as_ref()
                .and_then(|map| map.get("pods"))
                .and_then(|pods| match pods {
                    Value::String(text) => text.parse().ok(),
                    other => other.as_u64().and_then(|pods| pods.try_into().ok()),
                }),
            ready: condition("Ready").map(|condition| condition.status == "True"),
            network_available: condition("NetworkUnavailable").map(|condition| condition.status != "True"),
            labels: meta.labels,
            name: meta.name,
        })
    }
}

struct Annotations<'a>(&'a Meta);

impl Annotations<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.annotation(&format!("projectcalico.org/{name}"))
    }

    fn parsed<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ObjectError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| {
            let path = format!("metadata.annotations[\"projectcalico.org/{name}\"]");
            ObjectError::new(self.0.describe(), path, format!("`{text}` does not parse"))
        })
    }
}

/// Address with subnet; a bare address counts as a subnet of its own, as in Calico.
fn parse_interface(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn parse_address(text: &str) -> Option<IpAddr> {
    parse_interface(text).map(|net| net.addr())
}

/// Plain, or dotted (`1.10` is 65546).
pub(crate) fn parse_as_number(text: &str) -> Option<u32> {
    match text.split_once('.') {
        None => text.parse().ok(),
        Some((high, low)) => Some(u32::from(high.parse::<u16>().ok()?) << 16 | u32::from(low.parse::<u16>().ok()?)),
    }
}

impl Node {
    /// The Calico address of a family.
    pub fn address(&self, ipv6: bool) -> Option<IpAddr> {
        if ipv6 { self.ipv6 } else { self.ipv4 }.map(|net| net.addr())
    }

    /// The subnet of a family.
    pub fn subnet(&self, ipv6: bool) -> Option<IpNet> {
        if ipv6 { self.ipv6 } else { self.ipv4 }.map(|net| net.trunc())
    }

    /// The VXLAN tunnel device's MAC: the annotation, else a hash of the node's name.
    pub fn vtep_mac(&self) -> String {
        self.vxlan_tunnel_mac
            .clone()
            .unwrap_or_else(|| names::vtep_mac(&self.name))
    }

    pub fn vxlan_address(&self, ipv6: bool) -> Option<IpAddr> {
        if ipv6 {
            self.vxlan_tunnel_address_v6
        } else {
            self.vxlan_tunnel_address
        }
    }

    pub fn has_wireguard(&self) -> bool {
        self.wireguard_public_key.is_some()
    }

    /// The interface that holds the Calico address, as calico/node reported it.
    pub fn underlay_interface(&self, ipv6: bool) -> Option<&str> {
        let address = self.address(ipv6)?;
        self.interfaces
            .iter()
            .find(|interface| interface.addresses.contains(&address))
            .map(|interface| interface.name.as_str())
    }
}

/// Tells whether `other`'s address lies in `node`'s subnet, what CrossSubnet asks on `node`.
///
/// None where one of them has no address of that family.
pub fn same_subnet(node: &Node, other: &Node, ipv6: bool) -> Option<bool> {
    Some(node.subnet(ipv6)?.contains(&other.address(ipv6)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(annotations: Value) -> Result<Node, ObjectError> {
        Node::from_value(&json!({"metadata": {"name": "kworker-1", "annotations": annotations}}))
    }

    #[test]
    fn annotations() {
        let node = node(json!({
            "projectcalico.org/IPv4Address": "198.18.0.1/24",
            "projectcalico.org/IPv4VXLANTunnelAddr": "10.65.37.192",
            "projectcalico.org/ASNumber": "1.10",
            "projectcalico.org/Interfaces": "[{\"name\":\"eth0\",\"addresses\":[\"198.18.0.1\"]}]",
        }))
        .unwrap();
        assert_eq!(node.address(false), Some("198.18.0.1".parse().unwrap()));
        assert_eq!(node.subnet(false).unwrap().to_string(), "198.18.0.0/24");
        assert_eq!(node.as_number, Some(65546));
        assert_eq!(node.vtep_mac(), names::vtep_mac("kworker-1"));
        assert_eq!(node.underlay_interface(false), Some("eth0"));
        assert_eq!(node.ready, None);
    }

    #[test]
    fn bad_annotation() {
        let error = node(json!({"projectcalico.org/IPv4Address": "eth0"})).unwrap_err();
        assert_eq!(error.path, "metadata.annotations[\"projectcalico.org/IPv4Address\"]");
    }

    #[test]
    fn subnets() {
        let at = |address: &str| Node {
            ipv4: Some(address.parse().unwrap()),
            ..Node::default()
        };
        assert_eq!(
            same_subnet(&at("198.18.0.1/24"), &at("198.18.0.2/24"), false),
            Some(true)
        );
        assert_eq!(
            same_subnet(&at("198.18.0.1/24"), &at("198.18.1.2/24"), false),
            Some(false)
        );
        assert_eq!(same_subnet(&at("198.18.0.1/24"), &Node::default(), false), None);
    }
}
