//! `iptables-save`, `ip6tables-save`, with and without `-c`, in both backends.
//!
//! The value borrows from the text: a busy node has 100,000 rules, and a copy of each word would cost more than reading
//! them. Reading decides what each word of a rule is; a [`Rule`] is made of that when somebody looks at its chain.

mod rule;
mod stored;
mod table;
mod words;

use crate::{ParseError, Unparsed};
use serde::Serialize;
use std::borrow::Cow;
use table::OpenTable;

pub use stored::Rules;

/// What `iptables-save` printed. An empty output is a dump without tables: the node uses the other backend.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct IptablesSave<'a> {
    /// Which kernel interface the command spoke to, from its header; `null` without a header.
    pub backend: Option<Backend>,
    /// The version of the command: `1.8.9`.
    pub version: Option<&'a str>,
    /// `ip6tables-save` prints `inet6`, `iptables-save` prints `inet`.
    pub family: Option<Family>,
    pub tables: Vec<Table<'a>>,
    /// Other comment lines: the command warns there about tables of the other backend.
    pub warnings: Vec<&'a str>,
    /// Lines inside of a table that are neither chain nor rule.
    pub unparsed: Vec<Unparsed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    Nft,
    Legacy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    Inet,
    Inet6,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table<'a> {
    /// `filter`, `nat`, `mangle`, `raw`, `security`.
    pub name: &'a str,
    /// Whether the closing `COMMIT` was there: without it the output was cut off.
    pub committed: bool,
    pub chains: Vec<Chain<'a>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Chain<'a> {
    pub name: &'a str,
    /// `ACCEPT` or `DROP` for base chains, `null` for all others.
    pub policy: Option<&'a str>,
    pub packets: Option<u64>,
    pub bytes: Option<u64>,
    /// In evaluation order.
    pub rules: Rules<'a>,
}

/// One rule. Parts that it does not name are `null`, which means "any".
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Rule<'a> {
    pub chain: &'a str,
    /// Packets that matched, with `-c` only.
    pub packets: Option<u64>,
    pub bytes: Option<u64>,
    /// `-s`, a CIDR.
    pub source: Option<Operand<'a>>,
    pub destination: Option<Operand<'a>>,
    /// A name (`tcp`, `ipencap`) or a number.
    pub protocol: Option<Operand<'a>>,
    /// A name; a trailing `+` means "starts with".
    pub in_interface: Option<Operand<'a>>,
    pub out_interface: Option<Operand<'a>>,
    /// One entry per option of a match module, in order; all of them have to hold. Comments are not in here.
    pub matches: Vec<Match<'a>>,
    pub comments: Vec<Cow<'a, str>>,
    /// `-j`: the target, or the chain that returns to here.
    pub jump: Option<&'a str>,
    /// `-g`: the chain that returns to the caller of this one.
    pub goto: Option<&'a str>,
    /// Options of the target: `set-xmark` `0x0/0x20000`.
    pub target_options: Vec<TargetOption<'a>>,
    /// The rule as printed, without counters.
    pub text: &'a str,
}

/// A value of the packet header that a rule asks for, or asks not to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Operand<'a> {
    pub value: &'a str,
    pub negated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match<'a> {
    /// The module: `set`, `conntrack`, `mark`; the protocol for its own options.
    pub module: &'a str,
    /// Without the dashes; `null` for a module used without options.
    pub option: Option<&'a str>,
    /// The words after the option as printed, without quotes; `null` for a flag.
    pub value: Option<Cow<'a, str>>,
    pub negated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetOption<'a> {
    pub option: &'a str,
    pub value: Option<Cow<'a, str>>,
}

/// Reads the output of `iptables-save` or `ip6tables-save`.
///
/// Shape: tables, in them chains, in them rules, each in the order printed. Counters are packets and bytes since the
/// rule was made. A line outside of tables that is no comment is an error; inside of one it is kept in `unparsed`.
pub fn parse(text: &str) -> Result<IptablesSave<'_>, ParseError> {
    let mut dump = IptablesSave::default();
    let mut open: Option<OpenTable<'_>> = None;
    let mut rest = text;
    for number in 1.. {
        if rest.is_empty() {
            break;
        }
        if let Some(table) = &mut open
            && matches!(rest.as_bytes(), [b'[' | b'-', ..])
            && let Some(after) = table.rule(rest)
        {
            rest = after;
            continue;
        }
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = after;
        let line = line.trim_ascii_end();
        match (line.as_bytes().first(), &mut open) {
            (None, _) => {}
            (Some(b'#'), _) => dump.comment(line),
            (Some(b'*'), _) => {
                let cut_off = open.replace(OpenTable::new(&line[1..]));
                dump.tables.extend(cut_off.map(|table| table.close(false)));
            }
            (Some(_), Some(_)) if line == "COMMIT" => dump.tables.extend(open.take().map(|table| table.close(true))),
            (Some(_), Some(table)) => {
                if table.declare(line).is_none() {
                    dump.unparsed.push(Unparsed::new(number, line));
                }
            }
            (Some(_), None) => return Err(ParseError::new(number, line, "`*table`, `# comment` or nothing")),
        }
    }
    dump.tables.extend(open.map(|table| table.close(false)));
    Ok(dump)
}

impl<'a> IptablesSave<'a> {
    /// `# Generated by iptables-save v1.8.9 (nf_tables) on Tue Nov 24 16:31:14 2026`; 1.8 marks nft only.
    fn comment(&mut self, line: &'a str) {
        let text = line.trim_start_matches(['#', ' ']);
        if let Some((command, rest)) = text.strip_prefix("Generated by ").and_then(|t| t.split_once(" v")) {
            self.family = Some(if command.starts_with("ip6") {
                Family::Inet6
            } else {
                Family::Inet
            });
            self.version = rest.split(' ').next();
            self.backend = Some(if rest.contains("(nf_tables)") {
                Backend::Nft
            } else {
                Backend::Legacy
            });
        } else if !text.starts_with("Completed on") && !text.is_empty() {
            self.warnings.push(text);
        }
    }
}

#[cfg(test)]
mod tests;
