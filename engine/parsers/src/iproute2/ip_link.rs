//! `ip link`: devices, their state, what kind they are and what they counted.

use super::{link_json, link_text};
use crate::ParseError;
use crate::text::{clean, is_json};
use serde::Serialize;

/// One network device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Link {
    pub ifindex: u32,
    pub name: String,
    /// What follows the `@`: a device name, or `if7` for an index in another namespace (the other end of a veth).
    pub parent: Option<String>,
    /// As printed in `<...>`: `UP`, `LOWER_UP`, `NO-CARRIER`, ...
    pub flags: Vec<String>,
    /// Flag `UP`: somebody wants it up. This decides for tunnels, whose `operstate` is `UNKNOWN` when all is well.
    pub admin_up: bool,
    /// Flag `LOWER_UP`: there is a carrier.
    pub lower_up: bool,
    /// `UP`, `DOWN`, `UNKNOWN`, `LOWERLAYERDOWN`, ...
    pub operstate: Option<String>,
    /// In bytes.
    pub mtu: Option<u32>,
    pub qdisc: Option<String>,
    pub master: Option<String>,
    pub group: Option<String>,
    /// Transmit queue length in packets.
    pub txqlen: Option<u32>,
    /// `ether`, `loopback`, `ipip`, `none`, ...
    pub link_type: Option<String>,
    /// Usually a MAC address; the local address for IP tunnels.
    pub address: Option<String>,
    pub broadcast: Option<String>,
    /// Far end of a point-to-point device.
    pub peer: Option<String>,
    /// Name of the other end's namespace; only the text form gives it, and only where the name is known.
    pub link_netns: Option<String>,
    /// Id of the other end's namespace.
    pub link_netnsid: Option<i64>,
    /// `veth`, `vxlan`, `ipip`, `wireguard`, `bridge`, ...; needs `-d`.
    pub link_kind: Option<String>,
    pub vxlan: Option<Vxlan>,
    pub ipip: Option<Tunnel>,
    pub altnames: Vec<String>,
    pub alias: Option<String>,
    /// Needs `-s`.
    pub stats: Option<LinkStats>,
    /// What `-d` and `-s -s` print and no field here holds, as printed.
    pub details: Vec<String>,
}

/// Details of a VXLAN device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Vxlan {
    /// VNI.
    pub id: Option<u32>,
    /// Source address of the outer packets.
    pub local: Option<String>,
    pub remote: Option<String>,
    pub group: Option<String>,
    /// Underlying device.
    pub dev: Option<String>,
    /// UDP destination port.
    pub port: Option<u16>,
    /// Whether it learns MAC addresses by itself; Calico's does not.
    pub learning: Option<bool>,
    pub external: bool,
}

/// Details of an IPIP (or SIT, GRE) device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tunnel {
    /// `None` for `any`.
    pub local: Option<String>,
    /// `None` for `any`.
    pub remote: Option<String>,
    pub dev: Option<String>,
    /// `inherit` or a number.
    pub ttl: Option<String>,
    pub pmtudisc: Option<bool>,
}

/// Counters since the device was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LinkStats {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    /// Text form of newer versions only.
    pub rx_missed: Option<u64>,
    /// JSON form, and text form of older versions.
    pub rx_over_errors: Option<u64>,
    pub rx_multicast: Option<u64>,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
    pub tx_carrier_errors: Option<u64>,
    pub tx_collisions: Option<u64>,
}

impl Link {
    pub(crate) fn with_flags(mut self, flags: Vec<String>) -> Link {
        self.admin_up = flags.iter().any(|f| f == "UP");
        self.lower_up = flags.iter().any(|f| f == "LOWER_UP");
        self.flags = flags;
        self
    }
}

/// Reads `ip link`, with or without `-j`, `-d`, `-s`; of iproute2 or busybox.
///
/// Shape: a list of [`Link`]; `mtu` in bytes. A device that does not exist is an error of the command, on standard error.
pub fn parse(text: &str) -> Result<Vec<Link>, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        return Ok(link_json::read(&text)?.into_iter().map(|(link, _)| link).collect());
    }
    let mut links = Vec::new();
    for (link, addresses) in link_text::read(&text)? {
        if let Some(line) = addresses.first() {
            return Err(line.error("a line of `ip link`, not of `ip addr`"));
        }
        links.push(link);
    }
    Ok(links)
}
