//! `ethtool -g`: how many packets a device can hold.

use crate::ParseError;
use crate::text::{clean, lines};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rings {
    pub maximum: Ring,
    pub current: Ring,
    /// Settings that are no numbers, as printed: `TX Push`, `TCP data split`.
    pub other: BTreeMap<String, String>,
}

/// Sizes in packets; `None` where the device has no such ring.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ring {
    pub rx: Option<u32>,
    pub rx_mini: Option<u32>,
    pub rx_jumbo: Option<u32>,
    pub tx: Option<u32>,
}

/// Reads `ethtool -g NAME`.
///
/// Shape: [`Rings`]; sizes in packets.
pub fn parse(text: &str) -> Result<Rings, ParseError> {
    let text = clean(text);
    let mut found = Rings::default();
    let mut maximum = true;
    for line in lines(&text) {
        let (key, value) = line.text.split_once(':').ok_or_else(|| line.error("`NAME: N`"))?;
        let value = value.trim();
        let ring = if maximum {
            &mut found.maximum
        } else {
            &mut found.current
        };
        let number = || {
            if value == "n/a" {
                Ok(None)
            } else {
                line.number(value, key).map(Some)
            }
        };
        match key {
            "Pre-set maximums" => maximum = true,
            "Current hardware settings" => maximum = false,
            "RX" => ring.rx = number()?,
            "RX Mini" => ring.rx_mini = number()?,
            "RX Jumbo" => ring.rx_jumbo = number()?,
            "TX" => ring.tx = number()?,
            _ if key.starts_with("Ring parameters for ") => {}
            _ => {
                found.other.insert(key.to_owned(), value.to_owned());
            }
        }
    }
    Ok(found)
}
