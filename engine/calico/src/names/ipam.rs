use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Returns the IPAMBlock's name of a CIDR: `10-244-1-0-26`.
pub fn block_name(cidr: IpNet) -> String {
    cidr.trunc().to_string().replace(['.', ':', '/'], "-")
}

/// Reads the CIDR back from an IPv4 block's name, or from the end of an affinity's name.
pub fn block_cidr_from_name(name: &str) -> Option<IpNet> {
    let mut parts = name.rsplit('-');
    let length: u8 = parts.next()?.parse().ok()?;
    let mut octets = [0u8; 4];
    for octet in octets.iter_mut().rev() {
        *octet = parts.next()?.parse().ok()?;
    }
    IpNet::new(IpAddr::V4(Ipv4Addr::from(octets)), length).ok()
}

/// Returns the BlockAffinity's name: node and block.
///
/// Names of 253 characters and more are hashed by Calico; they are matched by `spec` instead.
pub fn affinity_name(node: &str, cidr: IpNet) -> String {
    format!("{node}-{}", block_name(cidr))
}

/// Returns the IPAMHandle object's name of a handle id: names of objects are lower case.
pub fn handle_name(handle_id: &str) -> String {
    handle_id.to_lowercase()
}

/// Returns the handle id of a pod's address: the CNI network's name and the sandbox container.
pub fn workload_handle(network: &str, container_id: &str) -> String {
    format!("{network}.{container_id}")
}

/// Returns the handle id of a tunnel address; `kind` is `ipip`, `vxlan`, `vxlan-v6`, `wireguard` or `wireguard-v6`.
pub fn tunnel_handle(kind: &str, node: &str) -> String {
    format!("{kind}-tunnel-addr-{node}")
}

/// Address number `ordinal` of a block.
pub(crate) fn nth_address(cidr: IpNet, ordinal: u64) -> Option<IpAddr> {
    match cidr.network() {
        IpAddr::V4(base) => u32::try_from(ordinal)
            .ok()
            .and_then(|ordinal| u32::from(base).checked_add(ordinal))
            .map(|address| IpAddr::V4(Ipv4Addr::from(address))),
        IpAddr::V6(base) => u128::from(base)
            .checked_add(u128::from(ordinal))
            .map(|address| IpAddr::V6(Ipv6Addr::from(address))),
    }
    .filter(|address| cidr.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        let cidr: IpNet = "10.65.228.64/26".parse().unwrap();
        assert_eq!(block_name(cidr), "10-65-228-64-26");
        assert_eq!(affinity_name("kworker-3", cidr), "kworker-3-10-65-228-64-26");
        assert_eq!(block_cidr_from_name("kworker-3-10-65-228-64-26"), Some(cidr));
        assert_eq!(block_name("fd00:1::/122".parse().unwrap()), "fd00-1---122");
        assert_eq!(block_cidr_from_name("10-300-1-0-26"), None);
        assert_eq!(nth_address(cidr, 3), Some("10.65.228.67".parse().unwrap()));
        assert_eq!(nth_address(cidr, 64), None);
    }

    #[test]
    fn handles() {
        assert_eq!(tunnel_handle("vxlan", "kworker-1"), "vxlan-tunnel-addr-kworker-1");
        assert_eq!(handle_name("k8s-pod-network.ABC"), "k8s-pod-network.abc");
    }
}
