//! `ip -br link` and `ip -br addr`: one line a device, which says little.

use super::address::{bits, split};
use crate::ParseError;
use crate::text::{Line, clean, is_json, json, lines};
use serde::{Deserialize, Serialize};

/// A device in short. What the form does not say is `None`: with `addr` whether somebody wants the device up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Brief {
    pub name: String,
    /// What follows the `@`: a device name, or `if7` for an index in another namespace.
    pub parent: Option<String>,
    /// `UP`, `DOWN`, `UNKNOWN`, `LOWERLAYERDOWN`, ...
    pub operstate: String,
    /// Usually a MAC address; with `link`.
    pub address: Option<String>,
    pub flags: Option<Vec<String>>,
    /// Flag `UP`. This decides for tunnels, whose `operstate` is `UNKNOWN` when all is well.
    pub admin_up: Option<bool>,
    /// Flag `LOWER_UP`: there is a carrier.
    pub lower_up: Option<bool>,
    /// With `addr`.
    pub addresses: Vec<BriefAddress>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BriefAddress {
    /// `inet` or `inet6`.
    pub family: String,
    pub address: String,
    pub prefix_len: u8,
    /// Far end of a point-to-point address.
    pub peer: Option<String>,
    pub metric: Option<u32>,
}

const STATES: &[&str] = &[
    "UNKNOWN",
    "NOTPRESENT",
    "DOWN",
    "LOWERLAYERDOWN",
    "TESTING",
    "DORMANT",
    "UP",
];
const EXPECTED: &str = "`NAME STATE MAC <FLAGS>` or `NAME STATE ADDRESS/LENGTH ...`";

/// Reads `ip -br link` or `ip -br addr`, with or without `-j`.
///
/// Shape: a list of [`Brief`].
pub fn parse(text: &str) -> Result<Vec<Brief>, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        let raw: Vec<Raw> = json(&text, "the devices of `ip -j -br link` or `ip -j -br addr`")?;
        return raw.into_iter().map(Raw::typed).collect();
    }
    lines(&text).map(device).collect()
}

fn device(line: Line<'_>) -> Result<Brief, ParseError> {
    let mut words = line.words();
    let name = words.value("a device")?;
    let state = words.value(name)?;
    if !STATES.contains(&state) && !state.starts_with("0x") {
        return Err(line.error(EXPECTED));
    }
    let (name, parent) = name.split_once('@').map_or((name, None), |(n, p)| (n, Some(p)));
    let mut found = Brief {
        name: name.to_owned(),
        parent: parent.filter(|p| *p != "NONE").map(str::to_owned),
        operstate: state.to_owned(),
        ..Brief::default()
    };
    while let Some(word) = words.next() {
        if let Some(flags) = word.strip_prefix('<').and_then(|w| w.strip_suffix('>')) {
            found.set_flags(flags.split(',').filter(|f| !f.is_empty()).map(str::to_owned).collect());
        } else if word.contains('/') || words.peek() == Some("peer") {
            let peer = words.accept("peer").then(|| words.value("peer")).transpose()?;
            let mut address = address(word, peer).ok_or_else(|| line.error(EXPECTED))?;
            if words.accept("metric") {
                address.metric = Some(words.number("metric")?);
            }
            found.addresses.push(address);
        } else if found.address.is_none() && word.contains([':', '.']) {
            found.address = Some(word.to_owned());
        } else {
            return Err(words.unknown(word, EXPECTED));
        }
    }
    Ok(found)
}

/// `10.65.10.64/32`; `10.0.0.1` with the peer `10.0.0.2/32`.
fn address(word: &str, peer: Option<&str>) -> Option<BriefAddress> {
    let (local, length) = split(word)?;
    let peer = match peer {
        Some(peer) => Some(split(peer)?),
        None => None,
    };
    let length = length.or(peer.and_then(|(_, length)| length));
    Some(BriefAddress {
        family: family(local.is_ipv4()),
        address: local.to_string(),
        prefix_len: length.unwrap_or_else(|| bits(local)),
        peer: peer.map(|(address, _)| address.to_string()),
        metric: None,
    })
}

fn family(ipv4: bool) -> String {
    if ipv4 { "inet" } else { "inet6" }.into()
}

impl Brief {
    fn set_flags(&mut self, flags: Vec<String>) {
        self.admin_up = Some(flags.iter().any(|f| f == "UP"));
        self.lower_up = Some(flags.iter().any(|f| f == "LOWER_UP"));
        self.flags = Some(flags);
    }
}

#[derive(Deserialize)]
struct Raw {
    ifname: String,
    link: Option<String>,
    link_index: Option<u32>,
    operstate: String,
    address: Option<String>,
    flags: Option<Vec<String>>,
    #[serde(default)]
    addr_info: Vec<RawAddress>,
}

#[derive(Deserialize)]
struct RawAddress {
    local: String,
    prefixlen: u8,
    address: Option<String>,
    metric: Option<u32>,
}

impl Raw {
    fn typed(self) -> Result<Brief, ParseError> {
        let mut found = Brief {
            name: self.ifname,
            parent: self.link.or(self.link_index.map(|i| format!("if{i}"))),
            operstate: self.operstate,
            address: self.address,
            ..Brief::default()
        };
        if let Some(flags) = self.flags {
            found.set_flags(flags);
        }
        for raw in self.addr_info {
            let (local, _) = split(&raw.local).ok_or_else(|| ParseError::new(1, &raw.local, "an address"))?;
            found.addresses.push(BriefAddress {
                family: family(local.is_ipv4()),
                address: raw.local,
                prefix_len: raw.prefixlen,
                peer: raw.address,
                metric: raw.metric,
            });
        }
        Ok(found)
    }
}
