//! `iptables -L -v -n`, with and without `-x` and `--line-numbers`, and without `-v`; `ip6tables` too.
//!
//! Prefer `iptables_save`: this form rounds counters, prints matches in words of each module and does not name the table.
//! It is what people paste, 50 MB of it from a busy node: a rule here is small, and what only few ask for is taken apart
//! when they ask.

mod columns;
mod options;

use super::Run;
use crate::ParseError;
use columns::Columns;
use serde::Serialize;
use std::sync::Arc;

pub use options::Operand;

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
    pub rules: Run<Rule<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counter {
    pub packets: u64,
    pub bytes: u64,
    /// `false` where one of them was printed with K, M, G or T: it is rounded down to that unit then.
    pub exact: bool,
}

/// One rule. Parts that it does not name are `null`, which means "any".
///
/// As JSON it has `goto`, `comments` and `details` instead of `options`, which they are made of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rule<'a> {
    /// 1-based, with `--line-numbers`.
    pub number: Option<u32>,
    /// With `-v`.
    pub counter: Option<Counter>,
    /// `null` for a rule that only counts.
    pub target: Option<&'a str>,
    /// As printed: a name, or a number since iptables 1.8.9 (6 is TCP, 17 UDP, 1 ICMP).
    pub protocol: Option<Operand<'a>>,
    /// `-f` or `!f`: fragments only, or all but fragments.
    pub fragment: Option<Fragment>,
    /// With `-v`. A trailing `+` means "starts with".
    pub in_interface: Option<Operand<'a>>,
    pub out_interface: Option<Operand<'a>>,
    pub source: Option<Operand<'a>>,
    pub destination: Option<Operand<'a>>,
    /// What stands behind the columns.
    pub options: &'a str,
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
    let mut rules = Vec::new();
    let mut start = 0;
    let mut columns = None;
    for (index, line) in text.lines().enumerate() {
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
            rules.push(Columns::rule(columns, line).ok_or_else(|| error("a rule with the columns above it"))?);
        } else if !line.starts_with('#') {
            // Newer versions warn in comments about tables of the other backend.
            let known = Columns::new(line).filter(|_| !chains.is_empty());
            columns =
                Some(known.ok_or_else(|| error("`Chain NAME (...)`, then `[num] [pkts bytes] target prot opt ...`"))?);
        }
    }
    close(&mut chains, &mut start, rules.len());
    let rules = Arc::new(rules);
    chains.iter_mut().for_each(|chain| chain.rules.of(&rules));
    Ok(IptablesList { chains })
}

/// The last chain has the rules that came since it began.
fn close(chains: &mut [Chain<'_>], start: &mut usize, end: usize) {
    if let Some(chain) = chains.last_mut() {
        chain.rules = Run::at(*start, end);
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
    let ((packets, exact_packets), (bytes, exact_bytes)) = (amount(packets)?, amount(bytes)?);
    Some(Counter {
        packets,
        bytes,
        exact: exact_packets && exact_bytes,
    })
}

/// `689`, `689K`: units of 1000.
fn amount(text: &str) -> Option<(u64, bool)> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1_000),
        b'M' => (&text[..text.len() - 1], 1_000_000),
        b'G' => (&text[..text.len() - 1], 1_000_000_000),
        b'T' => (&text[..text.len() - 1], 1_000_000_000_000),
        _ => (text, 1),
    };
    Some((digits.parse::<u64>().ok()?.checked_mul(factor)?, factor == 1))
}

#[cfg(test)]
mod tests;
