//! The layers of a captured packet, from the link to what a tunnel carries.

use super::packet::Packet;
use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What stands in front of a packet in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Ethernet,
    /// IP right away, as on tunnel devices.
    Ip,
    /// `-i any`, old and new.
    Cooked,
    Cooked2,
    Other(i32),
}

impl Link {
    pub(crate) fn from_number(number: i32) -> Link {
        match number {
            1 => Link::Ethernet,
            12 | 14 | 101 | 228 | 229 => Link::Ip,
            113 => Link::Cooked,
            276 => Link::Cooked2,
            other => Link::Other(other),
        }
    }
}

/// Packets within packets are read this deep: a hostile capture can claim any depth.
const DEPTH: u32 = 4;

/// Ports that carry VXLAN: the standard's, and the one of Linux before it.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];

/// Ports of Calico's WireGuard, IPv4 and IPv6.
const WIREGUARD_PORTS: [u16; 2] = [51820, 51821];

pub(crate) fn read(link: Link, data: &[u8]) -> Packet {
    at_depth(link, data, DEPTH)
}

fn at_depth(link: Link, data: &[u8], depth: u32) -> Packet {
    let sliced = match link {
        Link::Ethernet => LaxSlicedPacket::from_ethernet(data).ok(),
        Link::Ip => LaxSlicedPacket::from_ip(data).ok(),
        Link::Cooked => after_header(data, 14, 16),
        Link::Cooked2 => after_header(data, 0, 20),
        Link::Other(_) => None,
    };
    let mut packet = Packet::default();
    if link == Link::Cooked2 {
        packet.direction = data.get(10).and_then(|kind| direction(*kind));
    }
    match sliced {
        Some(sliced) => layers(&mut packet, &sliced, depth),
        None => {
            packet.family = match link {
                Link::Other(number) => format!("link type {number}"),
                _ => "malformed".into(),
            }
        }
    }
    packet
}

/// Cooked headers: the kind of packet stands at `kind`, the packet itself after `length` bytes.
fn after_header(data: &[u8], kind: usize, length: usize) -> Option<LaxSlicedPacket<'_>> {
    let [high, low] = data.get(kind..kind + 2)? else {
        return None;
    };
    Some(LaxSlicedPacket::from_ether_type(
        EtherType(u16::from_be_bytes([*high, *low])),
        data.get(length..)?,
    ))
}

fn direction(kind: u8) -> Option<String> {
    let word = match kind {
        0 => "In",
        1 => "B",
        2 => "M",
        3 => "P",
        4 => "Out",
        _ => return None,
    };
    Some(word.to_owned())
}

fn layers(packet: &mut Packet, sliced: &LaxSlicedPacket<'_>, depth: u32) {
    // What the network layer says it carries, its bytes, and how long it was before the capture cut it.
    let (payload, whole) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            packet.family = "ip".into();
            packet.src = Some(header.source_addr().to_string());
            packet.dst = Some(header.destination_addr().to_string());
            packet.ttl = Some(header.ttl());
            packet.dont_fragment = Some(header.dont_fragment());
            let length = u64::from(header.total_len()).saturating_sub(u64::from(header.ihl()) * 4);
            (ip.payload(), length)
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            packet.family = "ip6".into();
            packet.src = Some(header.source_addr().to_string());
            packet.dst = Some(header.destination_addr().to_string());
            packet.ttl = Some(header.hop_limit());
            (ip.payload(), u64::from(header.payload_length()))
        }
        Some(LaxNetSlice::Arp(arp)) => {
            packet.family = "arp".into();
            packet.protocol = Some("arp".into());
            packet.arp = match arp.operation().0 {
                1 => Some("request".into()),
                2 => Some("reply".into()),
                _ => None,
            };
            packet.src = address(arp.sender_protocol_addr());
            packet.dst = address(arp.target_protocol_addr());
            packet.mac = packet
                .arp
                .as_deref()
                .filter(|op| *op == "reply")
                .map(|_| mac(arp.sender_hw_addr()));
            packet.length = u64::try_from(arp.slice().len()).ok();
            return;
        }
        None => {
            let kind = sliced.ether_payload().map(|payload| payload.ether_type.0);
            packet.family = kind.map_or_else(|| "malformed".into(), |kind| format!("ethertype {kind:#06x}"));
            return;
        }
    };
    packet.length = Some(whole);
    match &sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            packet.protocol = Some("tcp".into());
            (packet.src_port, packet.dst_port) = (Some(tcp.source_port()), Some(tcp.destination_port()));
            packet.tcp_flags = Some(flags(tcp));
            packet.length = Some(whole.saturating_sub(u64::from(tcp.data_offset()) * 4));
        }
        Some(TransportSlice::Udp(udp)) => {
            packet.protocol = Some("udp".into());
            (packet.src_port, packet.dst_port) = (Some(udp.source_port()), Some(udp.destination_port()));
            packet.length = Some(u64::from(udp.length()).saturating_sub(8));
            inside_udp(packet, udp.payload(), depth);
        }
        Some(TransportSlice::Icmpv4(icmp)) => {
            packet.protocol = Some("icmp".into());
            packet.icmp = Some(icmp4(icmp.type_u8(), icmp.code_u8()).into());
            let [_, _, high, low] = icmp.bytes5to8();
            let needs_mtu = (icmp.type_u8(), icmp.code_u8()) == (3, 4);
            packet.mtu = needs_mtu.then(|| u32::from(u16::from_be_bytes([high, low])));
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            packet.protocol = Some("icmp6".into());
            packet.icmp = Some(icmp6(icmp.type_u8(), icmp.code_u8()).into());
            packet.mtu = (icmp.type_u8() == 2).then(|| u32::from_be_bytes(icmp.bytes5to8()));
        }
        _ if matches!(payload.ip_number, IpNumber::IPV4 | IpNumber::IPV6) => {
            packet.protocol = Some("ipip".into());
            packet.inner = (depth > 0).then(|| Box::new(at_depth(Link::Ip, payload.payload, depth - 1)));
        }
        _ => packet.protocol = Some(number_name(payload.ip_number)),
    }
}

fn inside_udp(packet: &mut Packet, payload: &[u8], depth: u32) {
    let ports = [packet.src_port, packet.dst_port];
    let on = |known: [u16; 2]| ports.iter().flatten().any(|port| known.contains(port));
    // VXLAN: the flag for a VNI, then the VNI, then an Ethernet frame.
    if let [flags, _, _, _, a, b, c, _, frame @ ..] = payload
        && packet.dst_port.is_some_and(|port| VXLAN_PORTS.contains(&port))
        && flags & 0x08 != 0
    {
        packet.protocol = Some("vxlan".into());
        packet.vni = Some(u32::from_be_bytes([0, *a, *b, *c]));
        packet.inner = (depth > 0).then(|| Box::new(at_depth(Link::Ethernet, frame, depth - 1)));
    } else if let Some(message) = wireguard(payload).filter(|_| on(WIREGUARD_PORTS)) {
        packet.protocol = Some("wireguard".into());
        packet.wireguard = Some(message.into());
    }
}

/// The kind of a WireGuard message: a number and three zeros.
fn wireguard(payload: &[u8]) -> Option<&'static str> {
    match payload {
        [1, 0, 0, 0, ..] => Some("handshake_initiation"),
        [2, 0, 0, 0, ..] => Some("handshake_response"),
        [3, 0, 0, 0, ..] => Some("cookie_reply"),
        [4, 0, 0, 0, ..] => Some("data"),
        _ => None,
    }
}

/// As tcpdump writes them: the letters, then a dot for an acknowledgement.
fn flags(tcp: &etherparse::TcpSlice<'_>) -> String {
    let all = [
        (tcp.fin(), 'F'),
        (tcp.syn(), 'S'),
        (tcp.rst(), 'R'),
        (tcp.psh(), 'P'),
        (tcp.urg(), 'U'),
        (tcp.ack(), '.'),
    ];
    let set: String = all.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect();
    if set.is_empty() { "none".into() } else { set }
}

fn icmp4(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (0, _) => "echo_reply",
        (8, _) => "echo_request",
        (3, 4) => "frag_needed",
        (3, 0 | 6) => "net_unreachable",
        (3, 3) => "port_unreachable",
        (3, 9 | 10 | 13) => "prohibited",
        (3, _) => "host_unreachable",
        (5, _) => "redirect",
        (11, _) => "time_exceeded",
        _ => "other",
    }
}

fn icmp6(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (128, _) => "echo_request",
        (129, _) => "echo_reply",
        (2, _) => "frag_needed",
        (1, 0) => "net_unreachable",
        (1, 1) => "prohibited",
        (1, 4) => "port_unreachable",
        (1, _) => "host_unreachable",
        (3, _) => "time_exceeded",
        (137, _) => "redirect",
        _ => "other",
    }
}

fn number_name(number: IpNumber) -> String {
    match number.0 {
        2 => "igmp".into(),
        47 => "gre".into(),
        50 => "esp".into(),
        132 => "sctp".into(),
        number => number.to_string(),
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|v6| Ipv6Addr::from(v6).to_string())
}

fn mac(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(":")
}
