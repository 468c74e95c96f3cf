//! `/proc/net/dev`: what each device counted.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// Counters of one device since it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeviceCounters {
    pub name: String,
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub rx_fifo: u64,
    pub rx_frame: u64,
    pub rx_compressed: u64,
    pub rx_multicast: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
    pub tx_fifo: u64,
    pub tx_collisions: u64,
    pub tx_carrier: u64,
    pub tx_compressed: u64,
}

/// Reads `/proc/net/dev`.
///
/// Shape: a list of [`DeviceCounters`], in kernel order.
pub fn parse(text: &str) -> Result<Vec<DeviceCounters>, ParseError> {
    let text = clean(text);
    let header = |text: &str| text.starts_with("Inter-|") || text.trim_start().starts_with("face |");
    lines(&text).filter(|line| !header(line.text)).map(device).collect()
}

fn device(line: Line<'_>) -> Result<DeviceCounters, ParseError> {
    const EXPECTED: &str = "`NAME: ` and 16 numbers";
    // Old kernels put no blank after the colon; names may hold colons, so the last one counts.
    let (name, numbers) = line.text.rsplit_once(':').ok_or_else(|| line.error(EXPECTED))?;
    let numbers: Result<Vec<u64>, _> = numbers
        .split_whitespace()
        .map(|word| line.number(word, "a counter"))
        .collect();
    let numbers: [u64; 16] = numbers?.try_into().map_err(|_| line.error(EXPECTED))?;
    let [
        rx_bytes,
        rx_packets,
        rx_errors,
        rx_dropped,
        rx_fifo,
        rx_frame,
        rx_compressed,
        rx_multicast,
        tx_bytes,
        tx_packets,
        tx_errors,
        tx_dropped,
        tx_fifo,
        tx_collisions,
        tx_carrier,
        tx_compressed,
    ] = numbers;
    Ok(DeviceCounters {
        name: name.trim().to_owned(),
        rx_bytes,
        rx_packets,
        rx_errors,
        rx_dropped,
        rx_fifo,
        rx_frame,
        rx_compressed,
        rx_multicast,
        tx_bytes,
        tx_packets,
        tx_errors,
        tx_dropped,
        tx_fifo,
        tx_collisions,
        tx_carrier,
        tx_compressed,
    })
}
