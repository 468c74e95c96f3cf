//! `conntrack -S` and `conntrack -C`.

use crate::ParseError;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ConntrackStats<'a> {
    pub cpus: Vec<Cpu<'a>>,
}

/// Counters of one CPU since the start of the machine: compare two readings. What a kernel does not count is `null`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Cpu<'a> {
    pub cpu: u32,
    pub found: Option<u64>,
    /// Packets that no flow could be made of.
    pub invalid: Option<u64>,
    pub insert: Option<u64>,
    /// Lost races, and a full table.
    pub insert_failed: Option<u64>,
    /// Packets dropped, because the table was full among others.
    pub drop: Option<u64>,
    /// Flows thrown out to make room.
    pub early_drop: Option<u64>,
    pub error: Option<u64>,
    pub search_restart: Option<u64>,
    pub clash_resolve: Option<u64>,
    pub chain_too_long: Option<u64>,
    /// Counters of other kernels.
    pub other: Vec<Count<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count<'a> {
    pub name: &'a str,
    pub value: u64,
}

/// Reads the output of `conntrack -S`: counters per CPU, since the start of the machine.
pub fn parse(text: &str) -> Result<ConntrackStats<'_>, ParseError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let cpus =
        lines.map(|(index, line)| cpu(line).ok_or_else(|| ParseError::new(index + 1, line, "`cpu=N name=count ...`")));
    Ok(ConntrackStats {
        cpus: cpus.collect::<Result<_, _>>()?,
    })
}

fn cpu(line: &str) -> Option<Cpu<'_>> {
    let mut words = line.split_ascii_whitespace();
    let mut cpu = Cpu {
        cpu: words.next()?.strip_prefix("cpu=")?.parse().ok()?,
        ..Cpu::default()
    };
    for word in words {
        let (name, value) = word.split_once('=')?;
        let value = value.parse().ok()?;
        let field = match name {
            "found" => &mut cpu.found,
            "invalid" => &mut cpu.invalid,
            "insert" => &mut cpu.insert,
            "insert_failed" => &mut cpu.insert_failed,
            "drop" => &mut cpu.drop,
            "early_drop" => &mut cpu.early_drop,
            "error" => &mut cpu.error,
            "search_restart" => &mut cpu.search_restart,
            "clash_resolve" => &mut cpu.clash_resolve,
            "chaintoolong" => &mut cpu.chain_too_long,
            _ => {
                cpu.other.push(Count { name, value });
                continue;
            }
        };
        *field = Some(value);
    }
    Some(cpu)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ConntrackCount {
    /// Flows now. Compare with `net.netfilter.nf_conntrack_max`.
    pub entries: u64,
}

/// Reads the output of `conntrack -C`: the number of flows.
pub fn parse_count(text: &str) -> Result<ConntrackCount, ParseError> {
    let error = || ParseError::new(1, text.trim(), "a number of entries");
    Ok(ConntrackCount {
        entries: text.trim().parse().map_err(|_| error())?,
    })
}
