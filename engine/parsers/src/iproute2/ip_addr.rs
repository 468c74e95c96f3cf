//! `ip addr`: devices with their addresses.

use super::address::split;
use super::ip_link::Link;
use super::{link_json, link_text};
use crate::ParseError;
use crate::text::{Line, clean, is_json, json_word};
use serde::Serialize;
use serde_json::{Map, Value};

/// A device and its addresses; the fields of [`Link`] are on the same level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    #[serde(flatten)]
    pub link: Link,
    pub addresses: Vec<Address>,
}

/// One address of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Address {
    /// `inet` or `inet6`.
    pub family: String,
    pub address: String,
    pub prefix_len: u8,
    /// Far end of a point-to-point address.
    pub peer: Option<String>,
    pub broadcast: Option<String>,
    pub anycast: Option<String>,
    /// Who made it: `kernel_ll`, `kernel_ra`, ...; newer kernels only.
    pub proto: Option<String>,
    /// `global`, `link`, `host`, ...
    pub scope: Option<String>,
    pub label: Option<String>,
    pub metric: Option<u32>,
    /// Has a lifetime (DHCP, router advertisement).
    pub dynamic: bool,
    /// `secondary`, `tentative`, `dadfailed`, `deprecated`, `noprefixroute`, `temporary`, ...
    pub flags: Vec<String>,
    /// `None` for `forever`.
    pub valid_s: Option<u64>,
    /// `None` for `forever`.
    pub preferred_s: Option<u64>,
}

const FLAGS: &[&str] = &[
    "secondary",
    "temporary",
    "tentative",
    "deprecated",
    "dadfailed",
    "noprefixroute",
    "mngtmpaddr",
    "permanent",
    "nodad",
    "optimistic",
    "homeaddress",
    "autojoin",
    "stable-privacy",
    "home",
];

/// Reads `ip addr`, with or without `-j`, `-d`, `-s`; of iproute2 or busybox.
///
/// Shape: a list of [`Interface`]: the fields of `ip_link` and `addresses`.
pub fn parse(text: &str) -> Result<Vec<Interface>, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        let links = link_json::read(&text)?;
        return Ok(links
            .into_iter()
            .map(|(link, addresses)| Interface { link, addresses })
            .collect());
    }
    let read = link_text::read(&text)?.into_iter();
    read.map(|(link, lines)| {
        Ok(Interface {
            addresses: addresses(&link.name, &lines)?,
            link,
        })
    })
    .collect()
}

fn addresses(device: &str, lines: &[Line<'_>]) -> Result<Vec<Address>, ParseError> {
    let mut addresses: Vec<Address> = Vec::new();
    for line in lines {
        if !line.text.trim_start().starts_with("valid_lft") {
            addresses.push(address(device, *line)?);
            continue;
        }
        let last = addresses
            .last_mut()
            .ok_or_else(|| line.error("an address before its lifetime"))?;
        let mut words = line.words();
        while let Some(word) = words.next() {
            let value = words.value(word)?;
            let seconds = match value.strip_suffix("sec").unwrap_or(value) {
                "forever" => None,
                number => Some(line.number(number, word)?),
            };
            match word {
                "valid_lft" => last.valid_s = seconds,
                "preferred_lft" => last.preferred_s = seconds,
                _ => return Err(words.unknown(word, "valid_lft or preferred_lft")),
            }
        }
    }
    Ok(addresses)
}

/// `inet 10.0.0.1 peer 10.0.0.2/32 brd 10.0.0.255 scope global dynamic eth0`
fn address(device: &str, line: Line<'_>) -> Result<Address, ParseError> {
    const EXPECTED: &str = "`inet ADDRESS/LENGTH ... scope SCOPE [LABEL]`";
    let mut words = line.words();
    let family = words.next().unwrap_or_default().to_owned();
    let word = words.value(&family)?;
    let (local, mut length) = split(word).ok_or_else(|| line.error(EXPECTED))?;
    let mut found = Address {
        family,
        ..Address::default()
    };
    while let Some(word) = words.next() {
        match word {
            "peer" => {
                let (peer, peer_length) = split(words.value(word)?).ok_or_else(|| line.error(EXPECTED))?;
                found.peer = Some(peer.to_string());
                length = length.or(peer_length);
            }
            "brd" => found.broadcast = Some(words.text(word)?),
            "any" => found.anycast = Some(words.text(word)?),
            "proto" => found.proto = Some(words.text(word)?),
            // busybox, for flags it has no name for.
            "flags" => found.flags.push(format!("0x{}", words.value(word)?)),
            "scope" => found.scope = Some(words.text(word)?),
            "metric" => found.metric = Some(words.number(word)?),
            "dynamic" => found.dynamic = true,
            _ if FLAGS.contains(&word) => found.flags.push(word.to_owned()),
            // The label ends the line: `eth0`, or with a colon `eth0:1`.
            _ if words.peek().is_none() && (word.starts_with(device) || word.contains(':')) => {
                found.label = Some(word.to_owned());
            }
            _ => return Err(words.unknown(word, "an attribute of an address")),
        }
    }
    found.prefix_len = length.unwrap_or_else(|| super::address::bits(local));
    found.address = local.to_string();
    Ok(found)
}

impl Address {
    pub(crate) fn from_json(raw: &Map<String, Value>) -> Result<Address, ParseError> {
        /// JSON prints 2^32-1 for `forever`.
        const FOREVER: u64 = u32::MAX as u64;
        let word = |key: &str| raw.get(key).and_then(json_word);
        let number = |key: &str| raw.get(key).and_then(Value::as_u64);
        let flag = |key: &str| raw.get(key).and_then(Value::as_bool).unwrap_or(false);
        let length = number("prefixlen").and_then(|n| u8::try_from(n).ok());
        let (Some(family), Some(address), Some(prefix_len)) = (word("family"), word("local"), length) else {
            return Err(ParseError::new(
                1,
                Value::Object(raw.clone()).to_string(),
                "`family`, `local` and `prefixlen`",
            ));
        };
        Ok(Address {
            family,
            address,
            prefix_len,
            peer: word("address"),
            broadcast: word("broadcast"),
            anycast: word("anycast"),
            proto: word("protocol"),
            scope: word("scope"),
            label: word("label"),
            metric: number("metric").and_then(|n| u32::try_from(n).ok()),
            dynamic: flag("dynamic"),
            flags: FLAGS.iter().filter(|f| flag(f)).map(|f| (*f).to_owned()).collect(),
            valid_s: number("valid_life_time").filter(|s| *s != FOREVER),
            preferred_s: number("preferred_life_time").filter(|s| *s != FOREVER),
        })
    }
}
