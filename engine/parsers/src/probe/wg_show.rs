//! `wg show`: WireGuard peers, and whether they talk.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// One WireGuard device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WireguardDevice {
    pub name: String,
    pub public_key: Option<String>,
    pub listening_port: Option<u16>,
    /// In hexadecimal, as printed: `0x200000`.
    pub fwmark: Option<String>,
    pub peers: Vec<WireguardPeer>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WireguardPeer {
    pub public_key: String,
    /// `198.18.0.3:51820`; `None` until the peer is known.
    pub endpoint: Option<String>,
    pub allowed_ips: Vec<String>,
    /// Age of the last handshake; `None` for never. A peer that talks has one younger than 3 minutes.
    pub latest_handshake_s: Option<u64>,
    pub received_bytes: Option<u64>,
    pub sent_bytes: Option<u64>,
    pub keepalive_s: Option<u64>,
}

/// Reads `wg show` or `wg show NAME`. Private keys are not printed by the tool and never kept.
///
/// Shape: a list of [`WireguardDevice`]; sizes in bytes, rounded as the tool rounds them.
pub fn parse(text: &str) -> Result<Vec<WireguardDevice>, ParseError> {
    let text = clean(text);
    let mut devices: Vec<WireguardDevice> = Vec::new();
    for line in lines(&text) {
        let (key, value) = line.text.split_once(": ").ok_or_else(|| line.error("`NAME: VALUE`"))?;
        let (key, value) = (key.trim(), value.trim());
        if key == "interface" {
            devices.push(WireguardDevice {
                name: value.to_owned(),
                ..WireguardDevice::default()
            });
            continue;
        }
        let device = devices.last_mut().ok_or_else(|| line.error("`interface: NAME`"))?;
        match (key, device.peers.last_mut()) {
            ("peer", _) => {
                device.peers.push(WireguardPeer {
                    public_key: value.to_owned(),
                    ..WireguardPeer::default()
                });
            }
            (_, Some(peer)) => peer_line(peer, line, key, value)?,
            ("public key", None) => device.public_key = Some(value.to_owned()),
            ("private key", None) => {}
            ("listening port", None) => device.listening_port = Some(line.number(value, key)?),
            ("fwmark", None) => device.fwmark = Some(value.to_owned()).filter(|mark| mark != "off"),
            _ => return Err(line.error("public key, private key, listening port, fwmark or peer")),
        }
    }
    Ok(devices)
}

fn peer_line(peer: &mut WireguardPeer, line: Line<'_>, key: &str, value: &str) -> Result<(), ParseError> {
    match key {
        "endpoint" => peer.endpoint = Some(value.to_owned()).filter(|e| e != "(none)"),
        "allowed ips" => {
            peer.allowed_ips = value
                .split(", ")
                .filter(|ip| *ip != "(none)")
                .map(str::to_owned)
                .collect();
        }
        "latest handshake" => {
            let seconds = seconds(value.trim_end_matches(" ago"));
            peer.latest_handshake_s = Some(seconds.ok_or_else(|| line.error("`N minutes, N seconds ago`"))?);
        }
        "transfer" => {
            let sizes = value
                .split_once(" received, ")
                .and_then(|(r, s)| Some((size(r)?, size(s.strip_suffix(" sent")?)?)));
            let (received, sent) = sizes.ok_or_else(|| line.error("`N KiB received, N KiB sent`"))?;
            (peer.received_bytes, peer.sent_bytes) = (Some(received), Some(sent));
        }
        "persistent keepalive" => {
            peer.keepalive_s = value.strip_prefix("every ").and_then(seconds);
        }
        "preshared key" => {}
        _ => return Err(line.error("endpoint, allowed ips, latest handshake, transfer or persistent keepalive")),
    }
    Ok(())
}

/// `1 minute, 6 seconds`, `Now`
fn seconds(text: &str) -> Option<u64> {
    if text == "Now" {
        return Some(0);
    }
    text.split(", ").try_fold(0u64, |sum, part| {
        let (number, unit) = part.split_once(' ')?;
        let scale = match unit.trim_end_matches('s') {
            "second" => 1,
            "minute" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            "year" => 31_557_600,
            _ => return None,
        };
        sum.checked_add(number.parse::<u64>().ok()?.checked_mul(scale)?)
    })
}

/// `4.43 KiB`
fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    let power = ["B", "KiB", "MiB", "GiB", "TiB"].iter().position(|u| *u == unit)?;
    let value = number.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)?;
    Some((value * 1024f64.powi(i32::try_from(power).ok()?)) as u64)
}
