//! `tcpdump`: packets as text.

use super::packet::Packet;
use crate::text::{Line, clean, lines};
use crate::{ParseError, Unparsed};
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tcpdump {
    pub packets: Vec<Packet>,
    /// From the last lines, which go to standard error.
    pub captured: Option<u64>,
    pub received_by_filter: Option<u64>,
    pub dropped_by_kernel: Option<u64>,
    /// What the tool itself said.
    pub notes: Vec<String>,
    /// Lines below a packet that were not understood: hex dumps, details of `-v`.
    pub unparsed: Vec<Unparsed>,
}

/// Packets within packets are read this deep: a hostile capture can claim any depth.
const DEPTH: u32 = 4;

/// Reads `tcpdump -nn`, with or without `-e`, `-v`, `-t`, `-tt`, `-i any`.
///
/// Shape: [`Tcpdump`]. Without `-n` names stand where addresses are and ports stay part of them.
pub fn parse(text: &str) -> Result<Tcpdump, ParseError> {
    let text = clean(text);
    let mut found = Tcpdump::default();
    // `-v` breaks a packet: `IP (tos 0x0, ttl 64, ...)` and on the next line its addresses.
    let mut broken = false;
    for line in lines(&text) {
        if let Some(last) = found.packets.last_mut() {
            if broken && line.indented() {
                ip(last, line.text.trim_start(), DEPTH);
                broken = false;
                continue;
            }
            if is_inner(last, line) {
                let mut inner = Packet::default();
                start(&mut inner, line.text.trim_start(), DEPTH - 1);
                last.inner = Some(Box::new(inner));
                continue;
            }
            if line.indented() {
                found.unparsed.push(Unparsed::new(line.number, line.text));
                continue;
            }
        }
        if !footer(&mut found, line)? {
            let packet = packet(line)?;
            broken = packet.src.is_none() && packet.ttl.is_some();
            found.packets.push(packet);
        }
    }
    Ok(found)
}

/// The packet inside VXLAN is printed on a line of its own, without time.
fn is_inner(last: &Packet, line: Line<'_>) -> bool {
    last.protocol.as_deref() == Some("vxlan")
        && last.inner.is_none()
        && ["IP ", "IP6 ", "ARP, "]
            .iter()
            .any(|start| line.text.trim_start().starts_with(start))
}

fn footer(found: &mut Tcpdump, line: Line<'_>) -> Result<bool, ParseError> {
    let text = line.text;
    let number = |what: &str| match text.strip_suffix(what) {
        Some(number) => line.number::<u64>(number.trim(), what).map(Some),
        None => Ok(None),
    };
    if let Some(n) = number(" packets captured")?.or(number(" packet captured")?) {
        found.captured = Some(n);
    } else if let Some(n) = number(" packets received by filter")?.or(number(" packet received by filter")?) {
        found.received_by_filter = Some(n);
    } else if let Some(n) = number(" packets dropped by kernel")?.or(number(" packet dropped by kernel")?) {
        found.dropped_by_kernel = Some(n);
    } else if text.starts_with("tcpdump: ") || text.starts_with("listening on ") || text.starts_with("reading from ") {
        found.notes.push(text.to_owned());
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn packet(line: Line<'_>) -> Result<Packet, ParseError> {
    const EXPECTED: &str = "a packet: `TIME [DEVICE In|Out] IP|IP6|ARP ...`";
    let mut found = Packet::default();
    let mut rest = line.text;
    // `15:22:59.397596`, with `-tt` seconds since 1970; nothing with `-t`.
    if let Some((time, after)) = rest.split_once(' ').filter(|(time, _)| is_time(time)) {
        found.time_s = time.parse().ok();
        found.time = Some(time.to_owned());
        rest = after;
    }
    if let Some((dev, direction, after)) = dev_and_direction(rest) {
        (found.dev, found.direction) = (Some(dev.to_owned()), Some(direction.to_owned()));
        rest = after;
    }
    if start(&mut found, rest, DEPTH) {
        Ok(found)
    } else {
        Err(line.error(EXPECTED))
    }
}

fn is_time(word: &str) -> bool {
    word.contains(['.', ':']) && word.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b':')
}

/// `cali7940e3525e5 In  IP ...`
fn dev_and_direction(text: &str) -> Option<(&str, &str, &str)> {
    let (dev, rest) = text.split_once(' ')?;
    let (direction, rest) = rest.trim_start().split_once(' ')?;
    matches!(direction, "In" | "Out" | "M" | "B" | "P").then(|| (dev, direction, rest.trim_start()))
}

/// From the protocol family on. `false` when it is none.
fn start(found: &mut Packet, text: &str, depth: u32) -> bool {
    // `-e`: `66:f9:... > 66:d1:..., ethertype IPv4 (0x0800), length 98: 10.65.10.67 > ...`
    if let Some((_, rest)) = text.split_once(", ethertype ") {
        let Some((kind, rest)) = rest.split_once(" (") else {
            return false;
        };
        let Some((_, rest)) = rest.split_once(": ") else {
            return false;
        };
        found.family = match kind {
            "IPv4" => "ip".into(),
            "IPv6" => "ip6".into(),
            other => other.to_ascii_lowercase(),
        };
        return match kind {
            "ARP" => arp(found, rest),
            "IPv4" | "IPv6" => details_or_ip(found, rest, depth),
            _ => {
                found.info = rest.to_owned();
                true
            }
        };
    }
    let Some((family, rest)) = text.split_once([' ', ',']) else {
        return false;
    };
    found.family = family.to_ascii_lowercase();
    match family {
        "IP" | "IP6" => details_or_ip(found, rest.trim_start(), depth),
        "ARP" => arp(found, rest.trim_start()),
        // Others name themselves in capitals: `STP 802.1d`, `LLDP`, `EAPOL`.
        _ if family.len() > 2 && family.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) => {
            found.info = rest.trim_start().to_owned();
            true
        }
        _ => false,
    }
}

/// `-v`: `(tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto ICMP (1), length 84) 10.0.0.1 > 10.0.0.2: ...`
fn details_or_ip(found: &mut Packet, text: &str, depth: u32) -> bool {
    if !text.starts_with('(') {
        return ip(found, text, depth);
    }
    let after = |key: &str| text.split_once(key)?.1.split([',', ')', ' ']).next();
    found.ttl = after("ttl ").or(after("hlim ")).and_then(|n| n.parse().ok());
    found.dont_fragment = text.contains("flags [").then(|| text.contains("flags [DF"));
    if let Some(rest) = after_parenthesis(text).filter(|rest| !rest.is_empty()) {
        ip(found, rest, depth);
    }
    found.ttl.is_some()
}

/// What follows the parenthesis that `text` begins with; there are others inside.
fn after_parenthesis(text: &str) -> Option<&str> {
    let mut open = 0usize;
    let end = text.find(|c: char| {
        match c {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0
    })?;
    text.get(end + 1..).map(str::trim_start)
}

/// `10.65.10.67.37366 > 10.65.23.133.8080: Flags [S], ...`
fn ip(found: &mut Packet, text: &str, depth: u32) -> bool {
    let Some((src, rest)) = text.split_once(" > ") else {
        return false;
    };
    let Some((dst, info)) = rest.split_once(": ").or(rest.strip_suffix(':').map(|dst| (dst, ""))) else {
        return false;
    };
    if src.contains(' ') || dst.contains(' ') {
        return false;
    }
    let ((src, src_port), (dst, dst_port)) = (endpoint(src), endpoint(dst));
    (found.src, found.src_port) = (Some(src.to_owned()), src_port);
    (found.dst, found.dst_port) = (Some(dst.to_owned()), dst_port);
    found.info = info.to_owned();
    found.length = info.split_once("length ").and_then(|(_, n)| leading_number(n));
    found.protocol = Some(protocol(found, info).to_owned());
    match found.protocol.as_deref() {
        Some("tcp") => {
            found.tcp_flags = info
                .split_once("Flags [")
                .and_then(|(_, f)| f.split_once(']'))
                .map(|(f, _)| f.to_owned());
        }
        Some("icmp" | "icmp6") => {
            found.icmp = Some(icmp(info).to_owned());
            found.mtu = info
                .split_once("mtu ")
                .and_then(|(_, n)| leading_number(n))
                .and_then(|n| u32::try_from(n).ok());
        }
        Some("vxlan") => {
            found.vni = info
                .split_once("vni ")
                .and_then(|(_, n)| leading_number(n))
                .and_then(|n| u32::try_from(n).ok());
        }
        Some("ipip") if depth > 0 => {
            let mut inner = Packet::default();
            if start(&mut inner, info, depth - 1) {
                found.inner = Some(Box::new(inner));
            }
        }
        _ => {}
    }
    true
}

fn leading_number(text: &str) -> Option<u64> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// tcpdump puts the port behind a dot: `10.0.0.1.8080`, `2001:db8::1.53`.
fn endpoint(word: &str) -> (&str, Option<u16>) {
    let with_port = word.contains(':') || word.matches('.').count() == 4;
    match word.rsplit_once('.').filter(|_| with_port) {
        Some((address, port)) => match port.parse() {
            Ok(port) => (address, Some(port)),
            Err(_) => (word, None),
        },
        None => (word, None),
    }
}

fn protocol(found: &Packet, info: &str) -> &'static str {
    const PROTOCOLS: &[(&str, &str)] = &[
        ("ICMP6", "icmp6"),
        ("ICMP", "icmp"),
        ("Flags [", "tcp"),
        ("VXLAN", "vxlan"),
        ("IP ", "ipip"),
        ("IP6 ", "ipip"),
        ("UDP", "udp"),
        ("GRE", "gre"),
        ("ESP", "esp"),
        ("sctp", "sctp"),
        ("igmp", "igmp"),
    ];
    let known = PROTOCOLS
        .iter()
        .find(|(start, _)| info.starts_with(start))
        .map(|(_, protocol)| *protocol);
    // What tcpdump decodes further (DNS, NTP) has ports and no flags.
    known.unwrap_or(if found.dst_port.is_some() { "udp" } else { "other" })
}

fn icmp(info: &str) -> &'static str {
    const KINDS: &[(&str, &str)] = &[
        ("echo request", "echo_request"),
        ("echo reply", "echo_reply"),
        ("need to frag", "frag_needed"),
        ("packet too big", "frag_needed"),
        ("admin prohibited", "prohibited"),
        ("prohibited", "prohibited"),
        ("port ", "port_unreachable"),
        ("time exceeded", "time_exceeded"),
        ("redirect", "redirect"),
        ("net ", "net_unreachable"),
        ("host ", "host_unreachable"),
        ("unreachable", "host_unreachable"),
    ];
    KINDS
        .iter()
        .find(|(words, _)| info.contains(words))
        .map_or("other", |(_, kind)| kind)
}

/// `Request who-has 198.18.0.99 tell 198.18.0.1, length 28`, `Reply 198.18.0.2 is-at 2a:a1:..., length 28`
fn arp(found: &mut Packet, text: &str) -> bool {
    found.family = "arp".into();
    found.protocol = Some("arp".into());
    found.info = text.to_owned();
    // `-v`: `Ethernet (len 6), IPv4 (len 4), Request ...`
    let text = text.split_once("(len 4), ").map_or(text, |(_, rest)| rest);
    found.length = text.split_once("length ").and_then(|(_, n)| leading_number(n));
    let word = |after: &str| Some(text.split_once(after)?.1.split([' ', ',']).next()?.to_owned());
    if text.starts_with("Request") || text.starts_with("Announcement") {
        found.arp = Some("request".into());
        found.dst = word("who-has ").or_else(|| word("Announcement "));
        found.src = word("tell ")
            .or_else(|| word("Announcement "))
            .or_else(|| word("Probe "));
    } else if text.starts_with("Reply") {
        found.arp = Some("reply".into());
        found.src = word("Reply ");
        found.mac = word("is-at ");
    }
    found.arp.is_some()
}
