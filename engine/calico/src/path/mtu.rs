use serde::Serialize;

use crate::{
    felix::FelixConfig,
    pool::{Encapsulation, IpPool},
};

const IPIP_OVERHEAD: u32 = 20;
const VXLAN_OVERHEAD: u32 = 50;
const VXLAN_V6_OVERHEAD: u32 = 70;
const WIREGUARD_OVERHEAD: u32 = 60;
const WIREGUARD_V6_OVERHEAD: u32 = 80;

/// Which tunnels a cluster has. One pool that asks for a tunnel lowers the MTU of every pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EnabledEncaps {
    pub ipip: bool,
    pub vxlan: bool,
    pub vxlan_v6: bool,
    pub wireguard: bool,
    pub wireguard_v6: bool,
}

impl EnabledEncaps {
    /// Reads them from all pools, disabled ones too, and from Felix's switches.
    pub fn of(pools: &[IpPool], felix: &FelixConfig) -> Self {
        let any = |encapsulation, ipv6: bool| {
            pools
                .iter()
                .any(|pool| pool.encapsulation().0 == encapsulation && matches!(pool.cidr, ipnet::IpNet::V6(_)) == ipv6)
        };
        Self {
            ipip: felix.ipip_enabled.unwrap_or_else(|| any(Encapsulation::Ipip, false)),
            vxlan: felix.vxlan_enabled.unwrap_or_else(|| any(Encapsulation::Vxlan, false)),
            vxlan_v6: felix.vxlan_enabled.unwrap_or_else(|| any(Encapsulation::Vxlan, true)),
            wireguard: felix.wireguard(false),
            wireguard_v6: felix.wireguard(true),
        }
    }
}

/// The MTUs that Felix derives; none where the host's MTU is needed and unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ExpectedMtu {
    pub host: Option<u32>,
    /// What CNI gives to new pods; old pods keep theirs.
    pub pod: Option<u32>,
    pub ipip: Option<u32>,
    pub vxlan: Option<u32>,
    pub vxlan_v6: Option<u32>,
    pub wireguard: Option<u32>,
    pub wireguard_v6: Option<u32>,
}

/// Returns the MTUs of tunnel devices and pods for a host MTU.
///
/// A configured MTU wins over the derived one. AKS takes 100 bytes more off WireGuard, which is
/// not seen here.
pub fn expected_mtu(felix: &FelixConfig, encaps: EnabledEncaps, host_mtu: Option<u32>) -> ExpectedMtu {
    let one = |enabled: bool, configured: Option<u32>, overhead: u32| {
        if !enabled {
            return None;
        }
        configured
            .filter(|mtu| *mtu != 0)
            .or_else(|| host_mtu.and_then(|host| host.checked_sub(overhead)))
    };
    let mut mtu = ExpectedMtu {
        host: host_mtu,
        pod: None,
        ipip: one(encaps.ipip, felix.ipip_mtu, IPIP_OVERHEAD),
        vxlan: one(encaps.vxlan, felix.vxlan_mtu, VXLAN_OVERHEAD),
        vxlan_v6: one(encaps.vxlan_v6, felix.vxlan_mtu_v6, VXLAN_V6_OVERHEAD),
        wireguard: one(encaps.wireguard, felix.wireguard_mtu, WIREGUARD_OVERHEAD),
        wireguard_v6: one(encaps.wireguard_v6, felix.wireguard_mtu_v6, WIREGUARD_V6_OVERHEAD),
    };
    let tunnels = [
        (encaps.ipip, mtu.ipip),
        (encaps.vxlan, mtu.vxlan),
        (encaps.vxlan_v6, mtu.vxlan_v6),
        (encaps.wireguard, mtu.wireguard),
        (encaps.wireguard_v6, mtu.wireguard_v6),
    ];
    let enabled: Vec<Option<u32>> = tunnels
        .iter()
        .filter(|(enabled, _)| *enabled)
        .map(|(_, mtu)| *mtu)
        .collect();
    mtu.pod = match enabled.iter().copied().collect::<Option<Vec<u32>>>() {
        None => None,
        Some(known) => known.into_iter().min().or(host_mtu),
    };
    mtu
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_table() {
        let felix = FelixConfig::default();
        let encaps = |ipip, vxlan, wireguard| EnabledEncaps {
            ipip,
            vxlan,
            wireguard,
            ..EnabledEncaps::default()
        };
        for (host, ipip, vxlan, wireguard, pod) in [
            (1500, false, false, false, 1500),
            (1500, true, false, false, 1480),
            (1500, false, true, false, 1450),
            (1500, false, false, true, 1440),
            (1500, true, true, false, 1450),
            (9001, true, false, false, 8981),
            (9001, false, true, false, 8951),
            (9001, false, false, true, 8941),
        ] {
            assert_eq!(
                expected_mtu(&felix, encaps(ipip, vxlan, wireguard), Some(host)).pod,
                Some(pod)
            );
        }
        assert_eq!(expected_mtu(&felix, encaps(true, false, false), None).pod, None);
        assert_eq!(expected_mtu(&felix, encaps(true, false, false), Some(10)).pod, None);
        let manual = FelixConfig {
            vxlan_mtu: Some(1400),
            ..FelixConfig::default()
        };
        assert_eq!(expected_mtu(&manual, encaps(false, true, false), None).pod, Some(1400));
    }
}
