//! `ethtool -c`: how long a device waits before it interrupts.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coalesce {
    pub adaptive_rx: Option<bool>,
    pub adaptive_tx: Option<bool>,
    /// By ethtool's names (`rx-usecs`, `tx-frames`, ...); what the device does not have is left out.
    pub values: BTreeMap<String, u64>,
}

/// Reads `ethtool -c NAME`.
///
/// Shape: [`Coalesce`]; `*-usecs` in microseconds, `*-frames` in packets.
pub fn parse(text: &str) -> Result<Coalesce, ParseError> {
    let text = clean(text);
    let mut found = Coalesce::default();
    for line in lines(&text) {
        let (key, value) = line.text.split_once(':').ok_or_else(|| line.error("`NAME: N`"))?;
        match key {
            "Adaptive RX" => adaptive(&mut found, line, value)?,
            // The same shape, on newer kernels only: `CQE mode RX: n/a  TX: n/a`.
            "CQE mode RX" => {}
            _ if key.starts_with("Coalesce parameters for ") => {}
            _ if value.trim() == "n/a" => {}
            _ => {
                found.values.insert(key.to_owned(), line.number(value.trim(), key)?);
            }
        }
    }
    Ok(found)
}

/// `off  TX: n/a`
fn adaptive(found: &mut Coalesce, line: Line<'_>, value: &str) -> Result<(), ParseError> {
    let state = |word: &str| match word.trim() {
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        "n/a" => Ok(None),
        _ => Err(line.error("`Adaptive RX: on|off|n/a  TX: on|off|n/a`")),
    };
    let (rx, tx) = value.split_once("TX:").unwrap_or((value, "n/a"));
    found.adaptive_rx = state(rx)?;
    found.adaptive_tx = state(tx)?;
    Ok(())
}
