//! `/proc/interrupts`: which processor serves which device.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// One interrupt line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Interrupt {
    /// A number, or a name such as `LOC`, `RES`, `TLB`.
    pub name: String,
    /// Counts since boot, in the order of the header.
    pub per_cpu: Vec<u64>,
    pub total: u64,
    /// Controller, trigger and device, as printed; or what the name stands for.
    pub description: String,
}

/// Reads `/proc/interrupts`.
///
/// Shape: a list of [`Interrupt`].
pub fn parse(text: &str) -> Result<Vec<Interrupt>, ParseError> {
    let text = clean(text);
    let mut lines = lines(&text);
    let header = lines
        .next()
        .ok_or_else(|| ParseError::new(1, "", "a header `CPU0 CPU1 ...`"))?;
    if !header.words().all(|word| word.starts_with("CPU")) {
        return Err(header.error("a header `CPU0 CPU1 ...`"));
    }
    let cpus = header.words().count();
    lines.map(|line| interrupt(line, cpus)).collect()
}

/// ` 36:  0  198020 PCI-MSIX-0000:00:02.0 1-edge virtio1-req.0`; `ERR:` and `MIS:` have one number only.
fn interrupt(line: Line<'_>, cpus: usize) -> Result<Interrupt, ParseError> {
    let mut words = line.words().peekable();
    let name = words
        .next()
        .and_then(|w| w.strip_suffix(':'))
        .ok_or_else(|| line.error("`NAME: N N ... DEVICE`"))?;
    let mut per_cpu = Vec::new();
    while per_cpu.len() < cpus {
        let Some(number) = words.peek().and_then(|w| w.parse::<u64>().ok()) else {
            break;
        };
        per_cpu.push(number);
        words.next();
    }
    let one_number_only = matches!(name, "ERR" | "MIS") && per_cpu.len() == 1;
    if per_cpu.len() < cpus && !one_number_only {
        return Err(line.error(format!("`NAME:` and {cpus} numbers")));
    }
    Ok(Interrupt {
        name: name.to_owned(),
        total: per_cpu.iter().fold(0, |sum, n| sum.saturating_add(*n)),
        per_cpu,
        description: words.collect::<Vec<_>>().join(" "),
    })
}
