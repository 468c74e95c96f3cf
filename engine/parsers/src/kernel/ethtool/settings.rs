//! `ethtool NAME`: speed and link.

use crate::ParseError;
use crate::text::{clean, lines};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// Megabits per second; `None` for `Unknown!`, that is without a link.
    pub speed_mbps: Option<u64>,
    /// `Full`, `Half`; `None` for `Unknown!`.
    pub duplex: Option<String>,
    pub auto_negotiation: Option<bool>,
    pub port: Option<String>,
    pub link_detected: Option<bool>,
    /// Everything else as printed, lines of a list joined by a blank.
    pub other: BTreeMap<String, String>,
}

/// Reads `ethtool NAME`.
///
/// Shape: [`Settings`]. A veth says 10 Gb/s whatever it can do.
pub fn parse(text: &str) -> Result<Settings, ParseError> {
    let text = clean(text);
    let mut found = Settings::default();
    let mut last: Option<String> = None;
    for line in lines(&text) {
        if line.text.starts_with("Settings for ") || line.text == "No data available" {
            continue;
        }
        // What a list or an explanation goes on with is indented by more than one tab.
        let deeper = line.text.starts_with("\t ") || line.text.starts_with("\t\t");
        let (key, value) = match line.text.split_once(':').filter(|_| !deeper) {
            Some((key, value)) => (key.trim().to_owned(), value.trim()),
            None => {
                let key = last
                    .clone()
                    .filter(|_| deeper)
                    .ok_or_else(|| line.error("`NAME: VALUE`"))?;
                let list = found.other.entry(key).or_default();
                list.push(' ');
                list.push_str(line.text.trim());
                continue;
            }
        };
        let known = Some(value).filter(|v| !v.starts_with("Unknown"));
        match key.as_str() {
            "Speed" => {
                let number = known.map(|v| match v.strip_suffix("Mb/s") {
                    Some(number) => line.number(number, "the speed"),
                    None => Err(line.error("`Speed: NMb/s`")),
                });
                found.speed_mbps = number.transpose()?;
            }
            "Duplex" => found.duplex = known.map(str::to_owned),
            "Auto-negotiation" => found.auto_negotiation = known.map(|v| v == "on"),
            "Port" => found.port = Some(value.to_owned()),
            "Link detected" => found.link_detected = Some(value.starts_with("yes")),
            _ => {
                found.other.insert(key.clone(), value.to_owned());
            }
        }
        last = Some(key);
    }
    Ok(found)
}
