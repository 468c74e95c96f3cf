//! `ethtool -i`: which driver a device has.

use crate::ParseError;
use crate::text::{clean, lines};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Driver {
    /// `veth`, `vxlan`, `virtio_net`, `ixgbe`, ...
    pub driver: Option<String>,
    pub version: Option<String>,
    pub firmware_version: Option<String>,
    /// Place on the bus; `None` for devices that are software only.
    pub bus_info: Option<String>,
    /// What `ethtool` can ask of it: `supports-statistics`, ...
    pub supports: BTreeMap<String, bool>,
}

/// Reads `ethtool -i NAME`.
///
/// Shape: [`Driver`].
pub fn parse(text: &str) -> Result<Driver, ParseError> {
    let text = clean(text);
    let mut found = Driver::default();
    for line in lines(&text) {
        let (key, value) = line.text.split_once(':').ok_or_else(|| line.error("`NAME: VALUE`"))?;
        let value = Some(value.trim().to_owned()).filter(|v| !v.is_empty());
        match key {
            "driver" => found.driver = value,
            "version" => found.version = value,
            "firmware-version" => found.firmware_version = value,
            "bus-info" => found.bus_info = value,
            "expansion-rom-version" => {}
            _ if key.starts_with("supports-") => {
                found.supports.insert(key.to_owned(), value.as_deref() == Some("yes"));
            }
            _ => return Err(line.error("driver, version, firmware-version, bus-info or supports-...")),
        }
    }
    Ok(found)
}
