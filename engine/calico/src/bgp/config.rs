use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    felix::ProgramClusterRoutes,
    node::parse_as_number,
    object::{Meta, Object, ObjectError, parse_cidr, part},
    selector::Selector,
};

/// A number, or a number as text, plain or dotted.
fn de_as_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(u32),
        Text(String),
        Null(()),
    }
    match Form::deserialize(deserializer)? {
        Form::Number(number) => Ok(Some(number).filter(|number| *number != 0)),
        Form::Null(()) => Ok(None),
        Form::Text(text) => parse_as_number(&text)
            .map(Some)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an AS number"))),
    }
}

/// A BGPConfiguration: `default`, or `node.<name>` of which only port, log level and prefixes count.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BgpConfig {
    pub name: String,
    pub node_to_node_mesh_enabled: bool,
    /// None means 64512.
    pub as_number: Option<u32>,
    pub listen_port: Option<u16>,
    pub mesh_password: bool,
    pub program_cluster_routes: Option<ProgramClusterRoutes>,
    pub service_cluster_ips: Vec<IpNet>,
    pub service_external_ips: Vec<IpNet>,
    pub service_load_balancer_ips: Vec<IpNet>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigSpec {
    node_to_node_mesh_enabled: Option<bool>,
    #[serde(deserialize_with = "de_as_number")]
    as_number: Option<u32>,
    listen_port: Option<u16>,
    node_mesh_password: Option<Value>,
    program_cluster_routes: Option<ProgramClusterRoutes>,
    #[serde(rename = "serviceClusterIPs")]
    service_cluster_ips: Option<Vec<Cidr>>,
    #[serde(rename = "serviceExternalIPs")]
    service_external_ips: Option<Vec<Cidr>>,
    #[serde(rename = "serviceLoadBalancerIPs")]
    service_load_balancer_ips: Option<Vec<Cidr>>,
}

#[derive(Debug, Deserialize)]
struct Cidr {
    #[serde(deserialize_with = "crate::object::de_cidr")]
    cidr: IpNet,
}

impl Object for BgpConfig {
    const KIND: &'static str = "BGPConfiguration";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: ConfigSpec = part(&meta, value, "spec")?;
        let cidrs = |list: Option<Vec<Cidr>>| list.unwrap_or_default().into_iter().map(|item| item.cidr).collect();
        Ok(Self {
            name: meta.name,
            node_to_node_mesh_enabled: spec.node_to_node_mesh_enabled.unwrap_or(true),
            as_number: spec.as_number,
            listen_port: spec.listen_port.filter(|port| *port != 0),
            mesh_password: spec.node_mesh_password.is_some_and(|password| !password.is_null()),
            program_cluster_routes: spec.program_cluster_routes,
            service_cluster_ips: cidrs(spec.service_cluster_ips),
            service_external_ips: cidrs(spec.service_external_ips),
            service_load_balancer_ips: cidrs(spec.service_load_balancer_ips),
        })
    }
}

/// A BGPPeer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BgpPeer {
    pub name: String,
    pub node: Option<String>,
    pub node_selector: Option<Selector>,
    pub peer_ip: Option<IpAddr>,
    pub peer_port: Option<u16>,
    pub peer_selector: Option<Selector>,
    pub as_number: Option<u32>,
    pub local_as_number: Option<u32>,
    /// `Manual` leaves out the session that the other side would get by itself.
    pub reverse_peering: bool,
    pub password: bool,
    pub use_node_ip: bool,
    pub keep_original_next_hop: bool,
    pub next_hop_mode: Option<String>,
    pub filters: Vec<String>,
    pub num_allowed_local_as_numbers: u32,
    pub ttl_security: Option<u8>,
    pub reachable_by: Option<IpAddr>,
    /// Peers with pods on the node, not with routers.
    pub local_workload: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PeerSpec {
    node: Option<String>,
    node_selector: Option<Selector>,
    #[serde(rename = "peerIP")]
    peer_ip: Option<String>,
    peer_selector: Option<Selector>,
    #[serde(deserialize_with = "de_as_number")]
    as_number: Option<u32>,
    #[serde(rename = "localASNumber", deserialize_with = "de_as_number")]
    local_as_number: Option<u32>,
    reverse_peering: Option<String>,
    password: Option<Value>,
    source_address: Option<String>,
    keep_original_next_hop: Option<bool>,
    next_hop_mode: Option<String>,
    filters: Option<Vec<String>>,
    #[serde(rename = "numAllowedLocalASNumbers")]
    num_allowed_local_as_numbers: Option<u32>,
    ttl_security: Option<u8>,
    #[serde(deserialize_with = "crate::object::de_opt_ip")]
    reachable_by: Option<IpAddr>,
    local_workload_selector: Option<String>,
}

impl Object for BgpPeer {
    const KIND: &'static str = "BGPPeer";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: PeerSpec = part(&meta, value, "spec")?;
        let written = |selector: Option<Selector>| selector.filter(|selector| !selector.text().trim().is_empty());
        let peer = spec.peer_ip.filter(|text| !text.is_empty());
        let (peer_ip, peer_port) = match peer.as_deref().map(split_port) {
            None => (None, None),
            Some(Some((address, port))) => (Some(address), port),
            Some(None) => {
                let reason = format!("`{}` is not an address with an optional port", peer.unwrap_or_default());
                return Err(ObjectError::new(meta.describe(), "spec.peerIP", reason));
            }
        };
        Ok(Self {
            name: meta.name,
            node: spec.node.filter(|node| !node.is_empty()),
            node_selector: written(spec.node_selector),
            peer_ip,
            peer_port,
            peer_selector: written(spec.peer_selector),
            as_number: spec.as_number,
            local_as_number: spec.local_as_number,
            reverse_peering: spec.reverse_peering.as_deref() != Some("Manual"),
            password: spec.password.is_some_and(|password| !password.is_null()),
            use_node_ip: spec.source_address.as_deref() != Some("None"),
            keep_original_next_hop: spec.keep_original_next_hop.unwrap_or_default(),
            next_hop_mode: spec.next_hop_mode,
            filters: spec.filters.unwrap_or_default(),
            num_allowed_local_as_numbers: spec.num_allowed_local_as_numbers.unwrap_or_default(),
            ttl_security: spec.ttl_security.filter(|hops| *hops != 0),
            reachable_by: spec.reachable_by,
            local_workload: spec
                .local_workload_selector
                .is_some_and(|selector| !selector.is_empty()),
        })
    }
}

/// Reads `ip`, `ip:port` or `[v6]:port`.
fn split_port(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(address) = text.parse() {
        return Some((address, None));
    }
    let (address, port) = text.rsplit_once(':')?;
    let address = address.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some((address, Some(port.parse().ok()?)))
}

/// What a filter rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilterAction {
    Accept,
    Reject,
}

/// How a rule compares the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatchOperator {
    Equal,
    NotEqual,
    In,
    NotIn,
}

/// `eBGP` or `iBGP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerType {
    #[serde(rename = "eBGP")]
    Ebgp,
    #[serde(rename = "iBGP")]
    Ibgp,
}

/// One rule; every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct FilterRule {
    pub action: FilterAction,
    #[serde(default)]
    pub cidr: Option<String>,
    #[serde(default)]
    pub match_operator: Option<MatchOperator>,
    #[serde(default)]
    pub prefix_length: Option<PrefixLength>,
    #[serde(default)]
    pub source: Option<String>,
    #[serde(default)]
    pub interface: Option<String>,
    #[serde(default)]
    pub peer_type: Option<PeerType>,
    /// Conditions of newer releases that the model does not follow.
    #[serde(flatten, skip_serializing)]
    pub other: std::collections::BTreeMap<String, Value>,
}

/// Bounds of the prefix length that `In` and `NotIn` look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixLength {
    #[serde(default)]
    pub min: Option<u8>,
    #[serde(default)]
    pub max: Option<u8>,
}

/// A BGPFilter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BgpFilter {
    pub name: String,
    pub export_v4: Vec<FilterRule>,
    pub import_v4: Vec<FilterRule>,
    pub export_v6: Vec<FilterRule>,
    pub import_v6: Vec<FilterRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FilterSpec {
    export_v4: Option<Vec<FilterRule>>,
    import_v4: Option<Vec<FilterRule>>,
    export_v6: Option<Vec<FilterRule>>,
    import_v6: Option<Vec<FilterRule>>,
}

impl Object for BgpFilter {
    const KIND: &'static str = "BGPFilter";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: FilterSpec = part(&meta, value, "spec")?;
        let checked = |field: &str, rules: Option<Vec<FilterRule>>| {
            let rules = rules.unwrap_or_default();
            for (index, rule) in rules.iter().enumerate() {
                let at = |name: &str| format!("spec.{field}[{index}].{name}");
                if let Some(cidr) = rule.cidr.as_deref().filter(|cidr| parse_cidr(cidr).is_none()) {
                    return Err(ObjectError::new(
                        meta.describe(),
                        at("cidr"),
                        format!("`{cidr}` is not a CIDR"),
                    ));
                }
                if rule.cidr.is_some() && rule.match_operator.is_none() {
                    // confd renders nothing from it and keeps the old configuration.
                    return Err(ObjectError::new(
                        meta.describe(),
                        at("matchOperator"),
                        "is missing beside `cidr`",
                    ));
                }
            }
            Ok(rules)
        };
        Ok(Self {
            export_v4: checked("exportV4", spec.export_v4)?,
            import_v4: checked("importV4", spec.import_v4)?,
            export_v6: checked("exportV6", spec.export_v6)?,
            import_v6: checked("importV6", spec.import_v6)?,
            name: meta.name.clone(),
        })
    }
}
