//! `/proc/pressure/{cpu,memory,io}`: time lost by waiting.

use crate::ParseError;
use crate::text::{clean, lines};
use serde::Serialize;

/// Pressure on one resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// Time that at least one task waited.
    pub some: Option<Share>,
    /// Time that all tasks waited at once.
    pub full: Option<Share>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Share {
    /// Share of the last 10 seconds, 0 to 1.
    pub avg10_ratio: f64,
    pub avg60_ratio: f64,
    pub avg300_ratio: f64,
    /// Microseconds since boot.
    pub total_us: u64,
}

/// Reads `/proc/pressure/cpu`, `memory`, `io`, and a cgroup's `cpu.pressure`.
///
/// Shape: [`Pressure`]; shares 0 to 1.
pub fn parse(text: &str) -> Result<Pressure, ParseError> {
    let text = clean(text);
    let mut found = Pressure::default();
    for line in lines(&text) {
        let mut words = line.words();
        let which = words.next();
        let mut share = Share::default();
        for word in words {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| line.error("`avg10=N avg60=N avg300=N total=N`"))?;
            let ratio = || {
                line.number::<f64>(value, name)
                    .map(|percent| (percent * 100.0).round() / 10_000.0)
            };
            match name {
                "avg10" => share.avg10_ratio = ratio()?,
                "avg60" => share.avg60_ratio = ratio()?,
                "avg300" => share.avg300_ratio = ratio()?,
                "total" => share.total_us = line.number(value, name)?,
                _ => return Err(line.error("`avg10=N avg60=N avg300=N total=N`")),
            }
        }
        match which {
            Some("some") => found.some = Some(share),
            Some("full") => found.full = Some(share),
            _ => return Err(line.error("`some ...` or `full ...`")),
        }
    }
    Ok(found)
}
