//! `/proc/net/stat/nf_conntrack`: what connection tracking could not do.

use crate::ParseError;
use crate::text::{clean, lines};
use serde::Serialize;
use std::collections::BTreeMap;

/// Counters of connection tracking, per processor and together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConntrackStats {
    /// Connections tracked now; the same number on every line of the file.
    pub entries: u64,
    /// Sums by the names of the header: `insert_failed`, `drop`, `early_drop`, `invalid`, `search_restart`, ...
    pub total: BTreeMap<String, u64>,
    pub per_cpu: Vec<BTreeMap<String, u64>>,
}

/// Reads `/proc/net/stat/nf_conntrack`: a header, then one line of hexadecimal numbers for each processor.
///
/// Shape: [`ConntrackStats`]. `drop` grows when the table is full.
pub fn parse(text: &str) -> Result<ConntrackStats, ParseError> {
    let text = clean(text);
    let mut lines = lines(&text);
    let header = lines
        .next()
        .ok_or_else(|| ParseError::new(1, "", "a header that begins with `entries`"))?;
    let names: Vec<&str> = header.words().collect();
    if names.first() != Some(&"entries") {
        return Err(header.error("a header that begins with `entries`"));
    }
    let mut found = ConntrackStats::default();
    for line in lines {
        let numbers: Vec<u64> = line
            .words()
            .map(|word| u64::from_str_radix(word, 16).map_err(|_| line.error("hexadecimal numbers")))
            .collect::<Result<_, _>>()?;
        if numbers.len() != names.len() {
            return Err(line.error(format!("{} numbers, one for each name of the header", names.len())));
        }
        let mut cpu = BTreeMap::new();
        for (name, number) in names.iter().zip(numbers) {
            if *name == "entries" {
                found.entries = number;
                continue;
            }
            let sum = found.total.entry((*name).to_owned()).or_insert(0u64);
            *sum = sum.saturating_add(number);
            cpu.insert((*name).to_owned(), number);
        }
        found.per_cpu.push(cpu);
    }
    Ok(found)
}
