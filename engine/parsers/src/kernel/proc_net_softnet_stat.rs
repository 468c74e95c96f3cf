//! `/proc/net/softnet_stat`: packets that the kernel had no time or room for.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// Counters of one processor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SoftnetCpu {
    /// Number of the processor; its place in the file on kernels before 5.10.
    pub cpu: u64,
    pub processed: u64,
    /// No room in the backlog (`net.core.netdev_max_backlog`).
    pub dropped: u64,
    /// More work left when the budget (`net.core.netdev_budget`) was used up.
    pub time_squeeze: u64,
    /// Woken up by another processor to share the load.
    pub received_rps: Option<u64>,
    pub flow_limit_count: Option<u64>,
    /// Packets that wait now.
    pub backlog_len: Option<u64>,
}

/// Reads `/proc/net/softnet_stat`: one line of hexadecimal numbers for each processor that is online.
///
/// Shape: a list of [`SoftnetCpu`].
pub fn parse(text: &str) -> Result<Vec<SoftnetCpu>, ParseError> {
    let text = clean(text);
    lines(&text).zip(0..).map(|(line, place)| cpu(line, place)).collect()
}

fn cpu(line: Line<'_>, place: u64) -> Result<SoftnetCpu, ParseError> {
    let numbers: Vec<u64> = line
        .words()
        .map(|word| u64::from_str_radix(word, 16).map_err(|_| line.error("hexadecimal numbers")))
        .collect::<Result<_, _>>()?;
    // processed, dropped, time_squeeze, five unused, cpu_collision, received_rps, flow_limit_count, backlog_len, cpu
    let [processed, dropped, time_squeeze, ..] = numbers[..] else {
        return Err(line.error("at least three numbers: processed, dropped, time_squeeze"));
    };
    let at = |index: usize| numbers.get(index).copied();
    Ok(SoftnetCpu {
        cpu: at(12).unwrap_or(place),
        processed,
        dropped,
        time_squeeze,
        received_rps: at(9),
        flow_limit_count: at(10),
        backlog_len: at(11),
    })
}
