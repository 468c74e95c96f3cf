//! `tc class`: the shares of a shaped device.

use super::traffic::{TrafficStats, rate, size};
use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// One class of a classful queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Class {
    /// `htb`, `hfsc`, ...
    pub kind: String,
    /// `1:10`
    pub id: String,
    /// Printed only when the command named no device.
    pub dev: Option<String>,
    /// `root` or the class above.
    pub parent: Option<String>,
    /// Handle of the queue at its end.
    pub leaf: Option<String>,
    pub prio: Option<u32>,
    /// Guaranteed, bits per second.
    pub rate_bps: Option<u64>,
    /// Upper limit, bits per second.
    pub ceil_bps: Option<u64>,
    pub burst_bytes: Option<u64>,
    pub cburst_bytes: Option<u64>,
    /// Settings without a field, as printed.
    pub settings: String,
    pub stats: Option<TrafficStats>,
    /// Further counters, as printed.
    pub details: Vec<String>,
}

/// Reads `tc class show dev NAME`, with or without `-s`. With `-j` iproute2 6.1 prints the same text.
///
/// Shape: a list of [`Class`]; rates in bits per second, sizes in bytes.
pub fn parse(text: &str) -> Result<Vec<Class>, ParseError> {
    let text = clean(text);
    let mut classes: Vec<Class> = Vec::new();
    for line in lines(&text) {
        if line.text.starts_with("class ") {
            classes.push(first_line(line)?);
            continue;
        }
        let last = classes.last_mut().filter(|_| line.indented());
        let last = last.ok_or_else(|| line.error("`class KIND ID root|parent ID ...`"))?;
        if !TrafficStats::read(&mut last.stats, line)? {
            last.details.push(line.text.trim().to_owned());
        }
    }
    Ok(classes)
}

/// `class htb 1:11 parent 1:10 leaf 11: prio 0 rate 1Mbit ceil 1Mbit burst 1600b cburst 1600b`
fn first_line(line: Line<'_>) -> Result<Class, ParseError> {
    let mut words = line.words();
    words.next();
    let mut found = Class {
        kind: words.text("class")?,
        id: words.text("the kind")?,
        ..Class::default()
    };
    let mut all: Vec<&str> = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "dev" => found.dev = Some(words.text(word)?),
            "root" => found.parent = Some("root".into()),
            "parent" => found.parent = Some(words.text(word)?),
            "leaf" => found.leaf = Some(words.text(word)?),
            "prio" => found.prio = Some(words.number(word)?),
            "rate" => found.rate_bps = Some(rate(&mut words, word)?),
            "ceil" => found.ceil_bps = Some(rate(&mut words, word)?),
            "burst" => found.burst_bytes = Some(size(line, words.value(word)?)?),
            "cburst" => found.cburst_bytes = Some(size(line, words.value(word)?)?),
            _ => all.push(word),
        }
    }
    found.settings = all.join(" ");
    Ok(found)
}
