//! `iptables -L -v -n`, with and without `-x` and `--line-numbers`, and without `-v`; `ip6tables` too.
//!
//! Prefer `iptables_save`: this form rounds counters, prints matches in words of each module and does not name the table.
//! It is what people paste, 50 MB of it from a busy node: a rule here is small, and what only few ask for is taken apart
//! when they ask.

mod columns;
mod stored;
mod view;

use crate::ParseError;
use crate::text::leading_number;
use columns::Columns;
use serde::Serialize;
use std::sync::Arc;
use stored::Stored;

pub use stored::Rules;
pub use view::Operand;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct IptablesList<'a> {
    pub chains: Vec<Chain<'a>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Chain<'a> {
    pub name: &'a str,
    /// For base chains only.
    pub policy: Option<&'a str>,
    /// Packets that no rule of a base chain decided on.
    pub counter: Option<Counter>,
    /// For other chains: how many rules jump here.
    pub references: Option<u64>,
    /// In evaluation order.
    pub rules: Rules<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counter {
    pub packets: u64,
    pub bytes: u64,
    /// `false` where one of them was printed with K, M, G or T: it is rounded down to that unit then.
    pub exact: bool,
}

/// One rule, its columns taken apart when it was read; see its functions.
///
/// As JSON it has a field for each of them, but `comments` and `details` for `options`, which they are made of.
#[derive(Clone, Copy)]
pub struct Rule<'a> {
    stored: &'a stored::Stored<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Fragment {
    #[serde(rename = "-f")]
    Only,
    #[serde(rename = "!f")]
    Not,
}

/// Reads the output of `iptables -L -n`, with any of `-v`, `-x` and `--line-numbers`.
///
/// Shape: chains with their rules, each in the order printed. Counters are packets and bytes. `goto`: the target does not
/// return to this chain; `details`: matches and options of the target as printed, without the comments.
pub fn parse(text: &str) -> Result<IptablesList<'_>, ParseError> {
    let mut chains: Vec<Chain<'_>> = Vec::new();
    let mut rules: Vec<Stored<'_>> = Vec::new();
    let mut start = 0;
    let mut columns = None;
    for (index, line) in lines(text).enumerate() {
        let line = line.trim_ascii_end();
        let error = |expected: &str| ParseError::new(index + 1, line, expected);
        if line.is_empty() {
            columns = None;
        } else if let Some(header) = line.strip_prefix("Chain ") {
            close(&mut chains, &mut start, rules.len());
            chains
                .push(chain(header).ok_or_else(|| error("`Chain NAME (policy ...)` or `Chain NAME (N references)`"))?);
            columns = None;
        } else if let Some(columns) = &columns {
            rules.push(Stored::default());
            let read = rules.last_mut().and_then(|rule| Columns::rule(columns, line, rule));
            read.ok_or_else(|| error("a rule with the columns above it"))?;
        } else if !line.starts_with('#') {
            // Newer versions warn in comments about tables of the other backend.
            let known = Columns::new(line).filter(|_| !chains.is_empty());
            columns =
                Some(known.ok_or_else(|| error("`Chain NAME (...)`, then `[num] [pkts bytes] target prot opt ...`"))?);
        }
    }
    close(&mut chains, &mut start, rules.len());
    let rules = Arc::new(rules);
    chains.iter_mut().for_each(|chain| chain.rules.fill(&rules));
    Ok(IptablesList { chains })
}

/// The last chain has the rules that came since it began.
fn close(chains: &mut [Chain<'_>], start: &mut usize, end: usize) {
    if let Some(chain) = chains.last_mut() {
        chain.rules = Rules::at(*start..end);
    }
    *start = end;
}

/// `INPUT (policy ACCEPT 12M packets, 34G bytes)`, `cali-INPUT (1 references)`
fn chain(header: &str) -> Option<Chain<'_>> {
    let (name, rest) = header.split_once(" (")?;
    let mut words = rest.strip_suffix(')')?.split_ascii_whitespace();
    let mut chain = Chain {
        name,
        ..Chain::default()
    };
    match words.next()? {
        "policy" => {
            chain.policy = Some(words.next()?);
            chain.counter = match (words.next(), words.next(), words.next()) {
                (Some(packets), Some("packets,"), Some(bytes)) => Some(counter(packets, bytes)?),
                (None, ..) => None,
                _ => return None,
            };
        }
        references => {
            chain.references = Some(references.parse().ok()?);
            (words.next()? == "references").then_some(())?;
        }
    }
    Some(chain)
}

fn counter(packets: &str, bytes: &str) -> Option<Counter> {
    let ((packets, exact_packets), (bytes, exact_bytes)) = (amount(packets.as_bytes())?, amount(bytes.as_bytes())?);
    Some(Counter {
        packets,
        bytes,
        exact: exact_packets && exact_bytes,
    })
}

/// `689`, `689K`: units of 1000. Exact without a unit.
fn amount(text: &[u8]) -> Option<(u64, bool)> {
    let (number, unit) = leading_number(text)?;
    let factor = match unit {
        b"" => return Some((number, true)),
        b"K" => 1_000,
        b"M" => 1_000_000,
        b"G" => 1_000_000_000,
        b"T" => 1_000_000_000_000,
        _ => return None,
    };
    Some((number.checked_mul(factor)?, false))
}

/// As `str::lines`, which is slower for millions of them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        let more = !rest.is_empty();
        rest = after.strip_prefix('\n').unwrap_or(after);
        more.then_some(line)
    })
}

#[cfg(test)]
mod tests;
