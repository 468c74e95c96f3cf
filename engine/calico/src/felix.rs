//! Felix's configuration, as far as the model follows it.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    object::{Meta, ObjectError, decode, items, parse_cidr},
    version::Version,
};

/// Who may programme the routes of which pools (`programClusterRoutes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProgramClusterRoutes {
    Disabled,
    Enabled,
    #[serde(rename = "EnabledIPIPOnly")]
    EnabledIpipOnly,
    EnabledNoEncapOnly,
}

impl ProgramClusterRoutes {
    pub fn covers_ipip(self) -> bool {
        matches!(self, Self::Enabled | Self::EnabledIpipOnly)
    }

    pub fn covers_no_encap(self) -> bool {
        matches!(self, Self::Enabled | Self::EnabledNoEncapOnly)
    }
}

/// A protocol and port that host endpoint policy never blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtoPort {
    pub protocol: String,
    pub port: u16,
    #[serde(default)]
    pub net: Option<String>,
}

/// The effective configuration of one node: `node.<name>` over `default` over Felix's defaults.
///
/// Environment variables of the DaemonSet beat both and are not in the API; the caller adds them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"), default)]
pub struct FelixConfig {
    pub interface_prefix: Option<String>,
    pub default_endpoint_to_host_action: Option<String>,
    pub program_cluster_routes: Option<ProgramClusterRoutes>,
    pub ipip_enabled: Option<bool>,
    pub vxlan_enabled: Option<bool>,
    pub wireguard_enabled: Option<bool>,
    pub wireguard_enabled_v6: Option<bool>,
    pub wireguard_listening_port: Option<u16>,
    #[serde(rename(deserialize = "vxlanPort"))]
    pub vxlan_port: Option<u16>,
    #[serde(rename(deserialize = "vxlanVNI"))]
    pub vxlan_vni: Option<u32>,
    #[serde(rename(deserialize = "ipipMTU"))]
    pub ipip_mtu: Option<u32>,
    #[serde(rename(deserialize = "vxlanMTU"))]
    pub vxlan_mtu: Option<u32>,
    #[serde(rename(deserialize = "vxlanMTUV6"))]
    pub vxlan_mtu_v6: Option<u32>,
    #[serde(rename(deserialize = "wireguardMTU"))]
    pub wireguard_mtu: Option<u32>,
    #[serde(rename(deserialize = "wireguardMTUV6"))]
    pub wireguard_mtu_v6: Option<u32>,
    pub mtu_iface_pattern: Option<String>,
    pub bpf_enabled: Option<bool>,
    pub nftables_mode: Option<String>,
    pub iptables_backend: Option<String>,
    pub route_source: Option<String>,
    pub device_route_protocol: Option<u32>,
    pub nat_outgoing_exclusions: Option<String>,
    pub nat_outgoing_address: Option<String>,
    pub nat_port_range: Option<Value>,
    pub workload_source_spoofing: Option<String>,
    pub ip_forwarding: Option<String>,
    #[serde(rename(deserialize = "ipv6Support"))]
    pub ipv6_support: Option<bool>,
    #[serde(rename(deserialize = "allowVXLANPacketsFromWorkloads"))]
    pub allow_vxlan_packets_from_workloads: Option<bool>,
    #[serde(rename(deserialize = "allowIPIPPacketsFromWorkloads"))]
    pub allow_ipip_packets_from_workloads: Option<bool>,
    pub failsafe_inbound_host_ports: Option<Vec<ProtoPort>>,
    pub failsafe_outbound_host_ports: Option<Vec<ProtoPort>>,
    pub external_nodes_list: Option<Vec<String>>,
    pub service_loop_prevention: Option<String>,
}

impl FelixConfig {
    /// Reads what holds on `node` from a FelixConfigurationList.
    pub fn for_node(list: &Value, node: &str) -> Result<Self, ObjectError> {
        let mut merged = Map::new();
        let mut object = "FelixConfiguration `default`".to_owned();
        for name in ["default".to_owned(), format!("node.{node}")] {
            for value in items(list) {
                let meta = Meta::from_value("FelixConfiguration", value)?;
                if meta.name != name {
                    continue;
                }
                object = meta.describe();
                if let Some(Value::Object(spec)) = value.get("spec") {
                    merged.extend(
                        spec.iter()
                            .filter(|(_, value)| !value.is_null())
                            .map(|(k, v)| (k.clone(), v.clone())),
                    );
                }
            }
        }
        decode(&Value::Object(merged), &object, "spec")
    }

    /// The first interface prefix; the others belong to other orchestrators.
    pub fn prefix(&self) -> &str {
        self.interface_prefix
            .as_deref()
            .and_then(|list| list.split(',').next())
            .map(str::trim)
            .filter(|prefix| !prefix.is_empty())
            .unwrap_or("cali")
    }

    pub fn vxlan_port(&self) -> u16 {
        self.vxlan_port.unwrap_or(4789)
    }

    pub fn vxlan_vni(&self) -> u32 {
        self.vxlan_vni.unwrap_or(4096)
    }

    pub fn wireguard(&self, ipv6: bool) -> bool {
        if ipv6 {
            self.wireguard_enabled_v6
        } else {
            self.wireguard_enabled
        }
        .unwrap_or(false)
    }

    pub fn wireguard_port(&self, ipv6: bool) -> u16 {
        self.wireguard_listening_port
            .unwrap_or(51820)
            .saturating_add(u16::from(ipv6))
    }

    /// What happens to traffic from a pod to its own node that policy let pass. Felix's own default is Drop.
    pub fn endpoint_to_host(&self) -> &str {
        self.default_endpoint_to_host_action.as_deref().unwrap_or("Drop")
    }

    pub fn failsafes(&self, inbound: bool) -> Vec<ProtoPort> {
        let configured = if inbound {
            &self.failsafe_inbound_host_ports
        } else {
            &self.failsafe_outbound_host_ports
        };
        if let Some(ports) = configured {
            return ports.clone();
        }
        let first: &[(&str, u16)] = if inbound {
            &[("TCP", 22), ("UDP", 68)]
        } else {
            &[("UDP", 53), ("UDP", 67)]
        };
        let both = [179, 2379, 2380, 5473, 6443, 6666, 6667].map(|port| ("TCP", port));
        first
            .iter()
            .chain(&both)
            .map(|(protocol, port)| ProtoPort {
                protocol: (*protocol).to_owned(),
                port: *port,
                net: None,
            })
            .collect()
    }

    /// What Felix programmes of the routes to other nodes, none where the version decides and is unknown.
    pub fn cluster_routes(&self, version: Option<Version>) -> Option<ProgramClusterRoutes> {
        self.program_cluster_routes.or_else(|| {
            version.map(|version| {
                if version.at_least(3, 33) {
                    ProgramClusterRoutes::EnabledIpipOnly
                } else {
                    ProgramClusterRoutes::Disabled
                }
            })
        })
    }

    pub fn external_nodes(&self) -> Vec<IpNet> {
        self.external_nodes_list
            .iter()
            .flatten()
            .filter_map(|cidr| parse_cidr(cidr))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn node_over_default() {
        let list = json!({"items": [
            {"metadata": {"name": "node.a"}, "spec": {"vxlanPort": 8472}},
            {"metadata": {"name": "default"}, "spec": {"vxlanPort": 4790, "interfacePrefix": "eni,cali", "vxlanMTU": 1400}},
        ]});
        let a = FelixConfig::for_node(&list, "a").unwrap();
        assert_eq!((a.vxlan_port(), a.prefix(), a.vxlan_mtu), (8472, "eni", Some(1400)));
        assert_eq!(FelixConfig::for_node(&list, "b").unwrap().vxlan_port(), 4790);
        assert_eq!(
            FelixConfig::for_node(&Value::Null, "b").unwrap().failsafes(true).len(),
            9
        );
        let bad = json!([{"metadata": {"name": "default"}, "spec": {"vxlanPort": "x"}}]);
        assert_eq!(FelixConfig::for_node(&bad, "b").unwrap_err().path, "spec.vxlanPort");
    }
}
