//! `/proc/stat`: what the processors did.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// Counters of the whole machine since boot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stat {
    /// The sum of all processors.
    pub cpu: CpuTime,
    pub cpus: Vec<CpuTime>,
    pub interrupts: u64,
    pub context_switches: u64,
    /// Seconds since 1970.
    pub boot_time_s: u64,
    pub forks: u64,
    pub runnable: u64,
    /// Waiting for a disk.
    pub blocked: u64,
    pub softirqs: u64,
    /// Of these, network: packets received.
    pub softirqs_net_rx: Option<u64>,
    pub softirqs_net_tx: Option<u64>,
}

/// Time in ticks, which are hundredths of a second on all usual kernels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CpuTime {
    /// `cpu`, `cpu0`, ...
    pub name: String,
    pub user_ticks: u64,
    pub nice_ticks: u64,
    pub system_ticks: u64,
    pub idle_ticks: u64,
    pub iowait_ticks: u64,
    pub irq_ticks: u64,
    pub softirq_ticks: u64,
    /// Time that the hypervisor gave to others.
    pub steal_ticks: u64,
    pub guest_ticks: u64,
    pub guest_nice_ticks: u64,
}

/// Reads `/proc/stat`.
///
/// Shape: [`Stat`]. Load is the difference of two readings.
pub fn parse(text: &str) -> Result<Stat, ParseError> {
    let text = clean(text);
    let mut found = Stat::default();
    let mut seen = false;
    for line in lines(&text) {
        seen = true;
        let mut words = line.words();
        let name = words.next().unwrap_or_default();
        match name {
            "cpu" => found.cpu = cpu(line)?,
            "intr" => found.interrupts = words.number(name)?,
            "ctxt" => found.context_switches = words.number(name)?,
            "btime" => found.boot_time_s = words.number(name)?,
            "processes" => found.forks = words.number(name)?,
            "procs_running" => found.runnable = words.number(name)?,
            "procs_blocked" => found.blocked = words.number(name)?,
            "softirq" => {
                // total, HI, TIMER, NET_TX, NET_RX, ...
                let numbers: Vec<u64> = words.map(|w| line.number(w, name)).collect::<Result<_, _>>()?;
                found.softirqs = numbers.first().copied().unwrap_or_default();
                found.softirqs_net_tx = numbers.get(3).copied();
                found.softirqs_net_rx = numbers.get(4).copied();
            }
            _ if name.starts_with("cpu") => found.cpus.push(cpu(line)?),
            _ => return Err(line.error("cpu, intr, ctxt, btime, processes, procs_running, procs_blocked or softirq")),
        }
    }
    if seen {
        Ok(found)
    } else {
        Err(ParseError::new(1, "", "`cpu N N N N ...`"))
    }
}

fn cpu(line: Line<'_>) -> Result<CpuTime, ParseError> {
    let mut words = line.words();
    let name = words.text("a name")?;
    let numbers: Vec<u64> = words.map(|w| line.number(w, "ticks")).collect::<Result<_, _>>()?;
    if numbers.len() < 4 {
        return Err(line.error("at least four numbers: user, nice, system, idle"));
    }
    let at = |index: usize| numbers.get(index).copied().unwrap_or_default();
    Ok(CpuTime {
        name,
        user_ticks: at(0),
        nice_ticks: at(1),
        system_ticks: at(2),
        idle_ticks: at(3),
        iowait_ticks: at(4),
        irq_ticks: at(5),
        softirq_ticks: at(6),
        steal_ticks: at(7),
        guest_ticks: at(8),
        guest_nice_ticks: at(9),
    })
}
