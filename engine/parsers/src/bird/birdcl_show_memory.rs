//! `birdcl show memory` of BIRD 1.6 and 2.

use super::reply::{Refusal, Reply};
use crate::ParseError;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowMemory<'a> {
    pub bird_version: Option<&'a str>,
    pub refusal: Option<Refusal<'a>>,
    pub usage: Vec<Usage<'a>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Usage<'a> {
    /// `Routing tables`, `Protocols`, `Total`, ...
    pub name: &'a str,
    /// To the precision printed: BIRD rounds to kB.
    pub used_bytes: u64,
    /// BIRD 2 only.
    pub overhead_bytes: Option<u64>,
}

/// Reads the output of `birdcl show memory`. Sizes in bytes.
pub fn parse(text: &str) -> Result<ShowMemory<'_>, ParseError> {
    let mut reply = Reply::new(text);
    let mut usage = Vec::new();
    while let Some((number, line)) = reply.next() {
        let title = matches!(line.split_ascii_whitespace().next(), None | Some("BIRD" | "Effective"));
        if !title && !reply.refuses(line) {
            usage.push(row(line).ok_or_else(|| ParseError::new(number, line, "`name: size unit [size unit]`"))?);
        }
    }
    if usage.is_empty() && !reply.answered() {
        return Err(ParseError::new(
            1,
            text.lines().next().unwrap_or_default(),
            "`BIRD VERSION ready.`",
        ));
    }
    Ok(ShowMemory {
        bird_version: reply.version,
        refusal: reply.refusal,
        usage,
    })
}

/// `Route attributes: 3144.0  B   8080.0  B`
fn row(line: &str) -> Option<Usage<'_>> {
    let (name, sizes) = line.split_once(':')?;
    let mut words = sizes.split_ascii_whitespace();
    let used_bytes = size(words.next()?, words.next()?)?;
    let overhead_bytes = match words.next() {
        Some(number) => Some(size(number, words.next()?)?),
        None => None,
    };
    Some(Usage {
        name,
        used_bytes,
        overhead_bytes,
    })
}

fn size(number: &str, unit: &str) -> Option<u64> {
    let factor = match unit {
        "B" => 1.0,
        "kB" => 1024.0,
        "MB" => 1024.0 * 1024.0,
        "GB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    // The cast saturates; negative and absurd numbers become 0 and the maximum.
    Some((number * factor).round() as u64)
}
