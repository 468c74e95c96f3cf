//! What `tc qdisc` and `tc class` share: counters, and numbers with units.

use crate::ParseError;
use crate::text::{Line, Words};
use serde::Serialize;
use serde_json::{Map, Value};

/// Counters of a queue since it was made; only with `-s`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TrafficStats {
    pub bytes: u64,
    pub packets: u64,
    pub dropped: u64,
    pub overlimits: u64,
    pub requeues: u64,
    pub backlog_bytes: u64,
    pub backlog_packets: u64,
}

impl TrafficStats {
    /// Takes a counter line; `false` when the line is none.
    pub(crate) fn read(into: &mut Option<TrafficStats>, line: Line<'_>) -> Result<bool, ParseError> {
        let mut words = line.words();
        match words.next() {
            Some("Sent") => {
                // `Sent 4820810 bytes 5893 pkt (dropped 3495, overlimits 1993 requeues 0)`
                let numbers: Vec<u64> = words.filter_map(|w| w.trim_matches([',', ')']).parse().ok()).collect();
                let [bytes, packets, dropped, overlimits, requeues] = numbers[..] else {
                    return Err(line.error("`Sent N bytes N pkt (dropped N, overlimits N requeues N)`"));
                };
                *into = Some(TrafficStats {
                    bytes,
                    packets,
                    dropped,
                    overlimits,
                    requeues,
                    ..TrafficStats::default()
                });
                Ok(true)
            }
            Some("backlog") => {
                let stats = into.get_or_insert_default();
                stats.backlog_bytes = size(line, words.value("backlog")?)?;
                let packets = words.value("backlog")?;
                stats.backlog_packets = line.number(packets.trim_end_matches('p'), "backlog")?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    pub(crate) fn from_json(raw: &Map<String, Value>) -> Option<TrafficStats> {
        let number = |key: &str| raw.get(key).and_then(Value::as_u64);
        Some(TrafficStats {
            bytes: number("bytes")?,
            packets: number("packets")?,
            dropped: number("drops").unwrap_or_default(),
            overlimits: number("overlimits").unwrap_or_default(),
            requeues: number("requeues").unwrap_or_default(),
            backlog_bytes: number("backlog").unwrap_or_default(),
            backlog_packets: number("qlen").unwrap_or_default(),
        })
    }
}

/// `5Mbit`, `800Kbit`, `1500bit`, `1Gbit` in bits per second.
pub(crate) fn rate(words: &mut Words<'_>, key: &str) -> Result<u64, ParseError> {
    let line = words.line();
    let word = words.value(key)?;
    let digits = word.trim_end_matches("bit");
    scaled(digits, 1000.0).ok_or_else(|| line.error(format!("a rate such as `5Mbit` for {key}")))
}

/// `1600b`, `16Kb`, `2Mb` in bytes; tc means bytes by the small b.
pub(crate) fn size(line: Line<'_>, word: &str) -> Result<u64, ParseError> {
    // `16Kb/8` in HTB gives the cell size too.
    let word = word.split('/').next().unwrap_or(word);
    scaled(word.trim_end_matches('b'), 1024.0).ok_or_else(|| line.error(format!("a size such as `16Kb`, not `{word}`")))
}

fn scaled(word: &str, thousand: f64) -> Option<u64> {
    let (number, scale) = match word.char_indices().last()? {
        (at, 'K' | 'k') => (word.get(..at)?, thousand),
        (at, 'M' | 'm') => (word.get(..at)?, thousand.powi(2)),
        (at, 'G' | 'g') => (word.get(..at)?, thousand.powi(3)),
        _ => (word, 1.0),
    };
    let value = number.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)?;
    Some((value * scale).round() as u64)
}

/// `50ms`, `10us`, `1.5s` in milliseconds.
pub(crate) fn milliseconds(word: &str) -> Option<f64> {
    let (number, scale) = match word {
        _ if word.ends_with("us") => (word.trim_end_matches("us"), 0.001),
        _ if word.ends_with("ms") => (word.trim_end_matches("ms"), 1.0),
        _ => (word.strip_suffix('s')?, 1000.0),
    };
    number.parse::<f64>().ok().map(|n| n * scale)
}
