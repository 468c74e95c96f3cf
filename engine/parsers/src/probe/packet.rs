//! One packet, as seen by `tcpdump` or read from a capture file.

use serde::Serialize;

/// A packet; layers that were not there or not read are `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Packet {
    /// As printed by tcpdump: `15:22:59.397596`.
    pub time: Option<String>,
    /// Seconds since 1970, from a capture file.
    pub time_s: Option<f64>,
    /// Device, with `-i any`.
    pub dev: Option<String>,
    /// `In`, `Out`, `P` (to another host), with `-i any`.
    pub direction: Option<String>,
    /// `ip`, `ip6`, `arp`, or the name of something else.
    pub family: String,
    pub src: Option<String>,
    pub src_port: Option<u16>,
    pub dst: Option<String>,
    pub dst_port: Option<u16>,
    /// `tcp`, `udp`, `icmp`, `icmp6`, `arp`, `ipip`, `vxlan`, `wireguard`, or a name or number.
    pub protocol: Option<String>,
    pub ttl: Option<u8>,
    pub dont_fragment: Option<bool>,
    /// As tcpdump prints them: `S`, `S.`, `P.`, `F.`, `R`, `.`.
    pub tcp_flags: Option<String>,
    /// `echo_request`, `echo_reply`, `frag_needed` (with `mtu`), `host_unreachable`, `net_unreachable`,
    /// `port_unreachable`, `prohibited`, `time_exceeded`, `redirect`, `other`.
    pub icmp: Option<String>,
    /// MTU in bytes that an ICMP error tells.
    pub mtu: Option<u32>,
    /// ARP: `request` (who has `dst`? tell `src`) or `reply` (`src` is at `mac`).
    pub arp: Option<String>,
    /// ARP reply: the link address.
    pub mac: Option<String>,
    pub vni: Option<u32>,
    /// WireGuard: `handshake_initiation`, `handshake_response`, `cookie_reply`, `data`. What is inside is encrypted.
    pub wireguard: Option<String>,
    /// Bytes of payload.
    pub length: Option<u64>,
    /// What tcpdump says after the addresses, word for word.
    pub info: String,
    /// The packet inside: VXLAN, IPIP.
    pub inner: Option<Box<Packet>>,
}
