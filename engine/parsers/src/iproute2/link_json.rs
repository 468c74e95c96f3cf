//! The JSON form that `ip -j link` and `ip -j addr` share.

use super::ip_addr::Address;
use super::ip_link::{Link, LinkStats, Tunnel, Vxlan};
use crate::ParseError;
use crate::text::{json, json_word};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) fn read(text: &str) -> Result<Vec<(Link, Vec<Address>)>, ParseError> {
    let raw: Vec<Map<String, Value>> = json(text, "the devices of `ip -j link` or `ip -j addr`")?;
    // With a filter, some versions print `{}` for each device that was filtered out.
    raw.into_iter().filter(|map| !map.is_empty()).map(device).collect()
}

fn device(map: Map<String, Value>) -> Result<(Link, Vec<Address>), ParseError> {
    let name = map.get("ifname").and_then(json_word).unwrap_or_default();
    let raw: RawLink = serde_json::from_value(Value::Object(map))
        .map_err(|e| ParseError::new(1, name, format!("a device of `ip -j link` ({e})")))?;
    raw.typed()
}

#[derive(Deserialize)]
struct RawLink {
    ifindex: u32,
    ifname: String,
    link: Option<String>,
    link_index: Option<u32>,
    #[serde(default)]
    flags: Vec<String>,
    operstate: Option<String>,
    mtu: Option<u32>,
    qdisc: Option<String>,
    master: Option<String>,
    group: Option<String>,
    txqlen: Option<u32>,
    link_type: Option<String>,
    address: Option<String>,
    broadcast: Option<String>,
    #[serde(default)]
    link_pointtopoint: bool,
    link_netnsid: Option<i64>,
    linkinfo: Option<LinkInfo>,
    #[serde(default)]
    altnames: Vec<String>,
    ifalias: Option<String>,
    #[serde(alias = "stats")]
    stats64: Option<RawStats>,
    #[serde(default)]
    addr_info: Vec<Map<String, Value>>,
}

#[derive(Deserialize, Default)]
struct LinkInfo {
    info_kind: Option<String>,
    info_data: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct RawStats {
    rx: RawReceived,
    tx: RawSent,
}

#[derive(Deserialize)]
struct RawReceived {
    bytes: u64,
    packets: u64,
    errors: u64,
    dropped: u64,
    over_errors: Option<u64>,
    missed_errors: Option<u64>,
    multicast: Option<u64>,
}

#[derive(Deserialize)]
struct RawSent {
    bytes: u64,
    packets: u64,
    errors: u64,
    dropped: u64,
    carrier_errors: Option<u64>,
    collisions: Option<u64>,
}

impl RawLink {
    fn typed(self) -> Result<(Link, Vec<Address>), ParseError> {
        let info = self.linkinfo.unwrap_or_default();
        let kind = info.info_kind.as_deref();
        let data = info.info_data;
        let (broadcast, peer) = if self.link_pointtopoint {
            (None, self.broadcast)
        } else {
            (self.broadcast, None)
        };
        let mut link = Link {
            ifindex: self.ifindex,
            name: self.ifname,
            parent: self.link.or(self.link_index.map(|i| format!("if{i}"))),
            operstate: self.operstate,
            mtu: self.mtu,
            qdisc: self.qdisc,
            master: self.master,
            group: self.group,
            txqlen: self.txqlen,
            link_type: self.link_type,
            address: self.address,
            broadcast,
            peer,
            link_netnsid: self.link_netnsid,
            link_kind: kind.map(str::to_owned),
            altnames: self.altnames,
            alias: self.ifalias,
            stats: self.stats64.map(RawStats::typed),
            ..Link::default()
        }
        .with_flags(self.flags);
        match (kind, data) {
            (Some("vxlan"), data) => link.vxlan = Some(vxlan(&data.unwrap_or_default())),
            (Some("ipip" | "sit" | "gre" | "gretap"), data) => link.ipip = Some(tunnel(&data.unwrap_or_default())),
            (_, Some(data)) if !data.is_empty() => link.details.push(Value::Object(data).to_string()),
            _ => {}
        }
        let addresses = self
            .addr_info
            .iter()
            .map(Address::from_json)
            .collect::<Result<_, _>>()?;
        Ok((link, addresses))
    }
}

impl RawStats {
    fn typed(self) -> LinkStats {
        LinkStats {
            rx_bytes: self.rx.bytes,
            rx_packets: self.rx.packets,
            rx_errors: self.rx.errors,
            rx_dropped: self.rx.dropped,
            rx_missed: self.rx.missed_errors,
            rx_over_errors: self.rx.over_errors,
            rx_multicast: self.rx.multicast,
            tx_bytes: self.tx.bytes,
            tx_packets: self.tx.packets,
            tx_errors: self.tx.errors,
            tx_dropped: self.tx.dropped,
            tx_carrier_errors: self.tx.carrier_errors,
            tx_collisions: self.tx.collisions,
        }
    }
}

fn word(data: &Map<String, Value>, key: &str) -> Option<String> {
    data.get(key).and_then(json_word)
}

fn number<T: TryFrom<u64>>(data: &Map<String, Value>, key: &str) -> Option<T> {
    data.get(key).and_then(Value::as_u64).and_then(|n| T::try_from(n).ok())
}

fn vxlan(data: &Map<String, Value>) -> Vxlan {
    let address = |v4: &str, v6: &str| word(data, v4).or_else(|| word(data, v6));
    Vxlan {
        id: number(data, "id"),
        local: address("local", "local6"),
        remote: address("remote", "remote6"),
        group: address("group", "group6"),
        dev: word(data, "link").or_else(|| word(data, "link_index")),
        port: number(data, "port"),
        learning: Some(data.get("learning").and_then(Value::as_bool).unwrap_or(true)),
        external: data.get("external").and_then(Value::as_bool).unwrap_or(false),
    }
}

fn tunnel(data: &Map<String, Value>) -> Tunnel {
    let ttl = match number::<u64>(data, "ttl") {
        Some(0) => Some("inherit".to_owned()),
        _ => word(data, "ttl"),
    };
    Tunnel {
        local: word(data, "local").filter(|a| a != "any"),
        remote: word(data, "remote").filter(|a| a != "any"),
        dev: word(data, "link"),
        ttl,
        pmtudisc: data.get("pmtudisc").and_then(Value::as_bool),
    }
}
