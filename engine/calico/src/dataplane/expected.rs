use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;
use serde::Serialize;

use super::{rendered, routes};
use crate::{
    cluster::Cluster,
    felix::FelixConfig,
    names::{nft_set, set_name},
    node::Node,
    path::{EnabledEncaps, ExpectedFdb, ExpectedMtu, ExpectedNeigh, ExpectedRoute, PathOptions, expected_mtu},
    policy::PolicyIndex,
    pool::AllowedUse,
};

/// A device that Felix or CNI makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedDevice {
    pub name: String,
    pub mtu: Option<u32>,
    pub mac: Option<String>,
    pub address: Option<IpAddr>,
    pub because: String,
}

/// A chain, under the name of any release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedChain {
    pub iptables: Vec<String>,
    pub nftables: Vec<String>,
    /// Neither its presence nor its absence is wrong.
    pub optional: bool,
    pub because: String,
}

/// A set, under the name of any release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedSet {
    pub id: String,
    pub ipset: Vec<String>,
    pub nft: Vec<String>,
    /// None where the model does not know them.
    pub members: Option<BTreeSet<String>>,
    /// Releases differ in whether they make it.
    pub optional: bool,
    pub because: String,
}

/// A kernel setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedSysctl {
    pub key: String,
    pub value: String,
    pub because: String,
}

/// Source NAT of what leaves the pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NatOutgoing {
    pub enabled: bool,
    /// Pools whose pods are hidden behind the node.
    pub sources: Vec<IpNet>,
    /// Destinations that are never hidden: every pool that pods may use.
    pub except: Vec<IpNet>,
}

/// All that a node should have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpectedDataplane {
    pub node: String,
    pub routes: Vec<ExpectedRoute>,
    pub neigh: Vec<ExpectedNeigh>,
    pub fdb: Vec<ExpectedFdb>,
    pub devices: Vec<ExpectedDevice>,
    pub chains: Vec<ExpectedChain>,
    pub sets: Vec<ExpectedSet>,
    pub nat_outgoing: NatOutgoing,
    pub sysctls: Vec<ExpectedSysctl>,
    pub mtu: ExpectedMtu,
    /// The eBPF dataplane: policy is in programs, not in chains and sets, which are not compared.
    pub ebpf: bool,
    /// Pools of this family: routes into them are Calico's.
    pub pools: Vec<IpNet>,
    /// What of the API objects keeps the node from having more.
    pub missing: Vec<String>,
}

/// Returns what `node` should have programmed for one family.
///
/// `host_mtu` is the underlay's MTU where it is known.
pub fn expected_dataplane(
    cluster: &Cluster,
    index: &PolicyIndex,
    node: &Node,
    felix: &FelixConfig,
    host_mtu: Option<u32>,
    ipv6: bool,
) -> ExpectedDataplane {
    let encaps = EnabledEncaps::of(&cluster.pools, felix);
    let options = PathOptions {
        felix: felix.clone(),
        bgp_program_cluster_routes: cluster.bgp_config().and_then(|config| config.program_cluster_routes),
        version: cluster.version,
        bird: None,
        host_mtu,
        encaps,
    };
    let mtu = expected_mtu(felix, encaps, host_mtu);
    let active = rendered::active(index, &node.name);
    let routes = routes::routes(cluster, index, node, &options, ipv6);
    let mut sets = rendered::rule_sets(index, &active, ipv6);
    sets.extend(pool_sets(cluster, node, felix, encaps, ipv6));
    let family = |cidr: &IpNet| matches!(cidr, IpNet::V6(_)) == ipv6;
    ExpectedDataplane {
        node: node.name.clone(),
        routes: routes.routes,
        neigh: routes.neigh,
        fdb: routes.fdb,
        devices: devices(index, node, encaps, &mtu, ipv6),
        chains: rendered::chains(index, &node.name, &active),
        sets,
        nat_outgoing: NatOutgoing {
            enabled: cluster.pools.iter().any(|pool| pool.nat_outgoing && family(&pool.cidr)),
            sources: cluster
                .pools
                .iter()
                .filter(|pool| pool.nat_outgoing)
                .map(|pool| pool.cidr)
                .filter(family)
                .collect(),
            except: cluster.pools.iter().map(|pool| pool.cidr).filter(family).collect(),
        },
        sysctls: sysctls(index, node, felix, ipv6),
        mtu,
        ebpf: felix.bpf_enabled.unwrap_or(false),
        pools: cluster.pools.iter().map(|pool| pool.cidr).filter(family).collect(),
        missing: routes.missing,
    }
}

fn devices(
    index: &PolicyIndex,
    node: &Node,
    encaps: EnabledEncaps,
    mtu: &ExpectedMtu,
    ipv6: bool,
) -> Vec<ExpectedDevice> {
    let mut devices = Vec::new();
    let mut push = |name: &str, mtu: Option<u32>, mac: Option<String>, address: Option<IpAddr>, because: String| {
        devices.push(ExpectedDevice {
            name: name.to_owned(),
            mtu,
            mac,
            address,
            because,
        });
    };
    let vxlan = if ipv6 { encaps.vxlan_v6 } else { encaps.vxlan };
    if vxlan && let Some(address) = node.vxlan_address(ipv6) {
        let (name, mtu, mac) = if ipv6 {
            ("vxlan-v6.calico", mtu.vxlan_v6, node.vxlan_tunnel_mac_v6.clone())
        } else {
            ("vxlan.calico", mtu.vxlan, Some(node.vtep_mac()))
        };
        push(
            name,
            mtu,
            mac,
            Some(address),
            "a pool is encapsulated in VXLAN".to_owned(),
        );
    }
    if encaps.ipip && !ipv6 {
        push(
            "tunl0",
            mtu.ipip,
            None,
            node.ipip_tunnel_address,
            "a pool is encapsulated in IPIP".to_owned(),
        );
    }
    let local = index
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.node == node.name && !endpoint.addresses.is_empty());
    for endpoint in local {
        // The MTU is the one that CNI found when the pod was made.
        push(
            &endpoint.interface,
            None,
            None,
            None,
            format!("pod `{}/{}`", endpoint.namespace, endpoint.pod),
        );
    }
    devices
}

fn pool_sets(
    cluster: &Cluster,
    node: &Node,
    felix: &FelixConfig,
    encaps: EnabledEncaps,
    ipv6: bool,
) -> Vec<ExpectedSet> {
    let family = |cidr: &IpNet| matches!(cidr, IpNet::V6(_)) == ipv6;
    let text = |nets: Vec<IpNet>| {
        nets.iter()
            .map(|net| super::member(&net.to_string()))
            .collect::<BTreeSet<_>>()
    };
    let mut sets = Vec::new();
    let mut push = |ids: &[&str], members: BTreeSet<String>, because: &str| {
        sets.push(ExpectedSet {
            id: ids.first().copied().unwrap_or_default().to_owned(),
            ipset: ids.iter().map(|id| set_name(id, ipv6)).collect(),
            nft: ids.iter().map(|id| nft_set(id, ipv6)).collect(),
            members: Some(members),
            optional: false,
            because: because.to_owned(),
        });
    };
    let nat: Vec<IpNet> = cluster
        .pools
        .iter()
        .filter(|pool| pool.nat_outgoing)
        .map(|pool| pool.cidr)
        .filter(family)
        .collect();
    push(&["masq-ipam-pools"], text(nat), "pools with natOutgoing");
    // Newer releases leave out pools that only load balancers use.
    let for_pods = |uses: &[AllowedUse]| uses.iter().any(|usage| *usage != AllowedUse::LoadBalancer);
    let all: Vec<IpNet> = cluster
        .pools
        .iter()
        .filter(|pool| for_pods(&pool.allowed_uses))
        .map(|pool| pool.cidr)
        .filter(family)
        .collect();
    push(&["network-ip-pools", "all-ipam-pools"], text(all), "every pool");
    let others: BTreeSet<String> = cluster
        .nodes
        .iter()
        .filter(|other| other.name != node.name)
        .filter_map(|other| other.address(ipv6))
        .map(|address| address.to_string())
        .collect();
    let external: BTreeSet<String> = text(felix.external_nodes().into_iter().filter(family).collect());
    let vxlan = if ipv6 { encaps.vxlan_v6 } else { encaps.vxlan };
    if vxlan {
        let with_vtep = cluster
            .nodes
            .iter()
            .filter(|other| other.name != node.name && other.vxlan_address(ipv6).is_some());
        let mut members: BTreeSet<String> = with_vtep
            .filter_map(|other| other.address(ipv6))
            .map(|address| address.to_string())
            .collect();
        members.extend(external.clone());
        push(&["all-vxlan-net"], members, "nodes that VXLAN packets may come from");
    }
    if encaps.ipip && !ipv6 {
        let mut members = others;
        members.extend(node.address(ipv6).map(|address| address.to_string()));
        members.extend(external);
        push(&["all-hosts-net"], members, "nodes that IPIP packets may come from");
    }
    sets
}

fn sysctls(index: &PolicyIndex, node: &Node, felix: &FelixConfig, ipv6: bool) -> Vec<ExpectedSysctl> {
    let mut sysctls = Vec::new();
    let mut push = |key: String, value: &str, because: &str| {
        sysctls.push(ExpectedSysctl {
            key,
            value: value.to_owned(),
            because: because.to_owned(),
        });
    };
    if felix.ip_forwarding.as_deref() != Some("Disabled") {
        let key = if ipv6 {
            "net.ipv6.conf.all.forwarding"
        } else {
            "net.ipv4.ip_forward"
        };
        push(key.to_owned(), "1", "the node forwards for its pods");
    }
    let local = index
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.node == node.name && !endpoint.addresses.is_empty());
    for interface in local.map(|endpoint| &endpoint.interface) {
        let because = "Felix sets it on every pod's device";
        if ipv6 {
            push(format!("net.ipv6.conf.{interface}.forwarding"), "1", because);
            push(format!("net.ipv6.conf.{interface}.proxy_ndp"), "1", because);
        } else {
            push(format!("net.ipv4.conf.{interface}.forwarding"), "1", because);
            push(format!("net.ipv4.conf.{interface}.proxy_arp"), "1", because);
            push(format!("net.ipv4.conf.{interface}.route_localnet"), "1", because);
            push(format!("net.ipv4.neigh.{interface}.proxy_delay"), "0", because);
        }
    }
    sysctls
}
