//! `ethtool -S`: what the driver counted.

use crate::ParseError;
use crate::kernel::counters::{Counters, value};
use crate::text::{clean, lines};

/// Reads `ethtool -S NAME`.
///
/// Shape: a map from the driver's own name (`rx_queue_0_drops`, `peer_ifindex`, ...) to its value. Names that a driver
/// prints twice are added up. A device without counters gives an empty map.
pub fn parse(text: &str) -> Result<Counters, ParseError> {
    let text = clean(text);
    let mut found = Counters::new();
    for line in lines(&text) {
        if line.text == "NIC statistics:" || line.text == "no stats available" {
            continue;
        }
        let (name, number) = line.text.rsplit_once(':').ok_or_else(|| line.error("`NAME: N`"))?;
        let sum = found.entry(name.trim().to_owned()).or_insert(0);
        *sum = sum.saturating_add(value(line, number.trim())?);
    }
    Ok(found)
}
