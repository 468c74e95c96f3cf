//! `iperf3 -J`: how much gets through.

use crate::ParseError;
use crate::text::{clean, json};
use serde::{Deserialize, Serialize};

/// One run. iperf3 ends with code 0 even when it failed: read `error`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Iperf3 {
    pub error: Option<String>,
    pub version: Option<String>,
    /// `TCP` or `UDP`.
    pub protocol: Option<String>,
    pub server: Option<String>,
    pub server_port: Option<u16>,
    pub streams: Option<u32>,
    /// The server sent (`-R`).
    pub reverse: bool,
    /// Rate asked for (`-b`), bits per second.
    pub target_bps: Option<f64>,
    /// Largest TCP segment at the start.
    pub mss_bytes: Option<u32>,
    pub sent: Option<Transfer>,
    pub received: Option<Transfer>,
    pub retransmits: Option<u64>,
    /// Largest mean round trip time of the streams.
    pub rtt_mean_ms: Option<f64>,
    pub jitter_ms: Option<f64>,
    pub lost_packets: Option<u64>,
    pub packets: Option<u64>,
    /// 0 to 1.
    pub lost_ratio: Option<f64>,
    pub congestion_control: Option<String>,
    /// Use of all processors together; above 0.9 the machine, not the network, sets the limit.
    pub local_cpu_ratio: Option<f64>,
    pub remote_cpu_ratio: Option<f64>,
    pub intervals: Vec<Interval>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Transfer {
    pub bytes: u64,
    pub seconds_s: f64,
    pub rate_bps: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Interval {
    pub start_s: f64,
    pub end_s: f64,
    pub rate_bps: f64,
    pub retransmits: Option<u64>,
}

/// Reads `iperf3 -J`, TCP or UDP, client or server.
///
/// Shape: [`Iperf3`]; rates in bits per second.
pub fn parse(text: &str) -> Result<Iperf3, ParseError> {
    let text = clean(text);
    let raw: Raw = json(&text, "the report of `iperf3 -J`")?;
    let connected = raw.start.connected.first();
    let test = raw.start.test_start.unwrap_or_default();
    let cpu = raw.end.cpu_utilization_percent.unwrap_or_default();
    let udp = raw.end.sum.as_ref().filter(|_| test.protocol.as_deref() == Some("UDP"));
    let sent = raw.end.sum_sent.as_ref();
    let means = raw
        .end
        .streams
        .iter()
        .filter_map(|s| s.sender.as_ref()?.mean_rtt)
        .filter(|us| *us > 0.0);
    let target = raw.start.connecting_to.or(raw.start.accepted_connection);
    Ok(Iperf3 {
        error: raw.error,
        version: raw.start.version,
        server: target
            .as_ref()
            .map(|t| t.host.clone())
            .or(connected.map(|c| c.remote_host.clone())),
        server_port: target.map(|t| t.port).or(connected.map(|c| c.remote_port)),
        streams: test.num_streams,
        reverse: test.reverse.unwrap_or_default() != 0,
        target_bps: test.target_bitrate.filter(|rate| *rate > 0.0),
        mss_bytes: raw.start.tcp_mss_default.or(raw.start.tcp_mss),
        sent: sent.map(Sum::transfer),
        received: raw.end.sum_received.as_ref().map(Sum::transfer),
        retransmits: sent.and_then(|s| s.retransmits),
        rtt_mean_ms: means.reduce(f64::max).map(|us| us / 1000.0),
        jitter_ms: udp.and_then(|s| s.jitter_ms),
        lost_packets: udp.and_then(|s| s.lost_packets),
        packets: udp.and_then(|s| s.packets),
        lost_ratio: udp.and_then(|s| s.lost_percent).map(|percent| percent / 100.0),
        congestion_control: raw.end.sender_tcp_congestion,
        local_cpu_ratio: cpu.host_total.map(|percent| percent / 100.0),
        remote_cpu_ratio: cpu.remote_total.map(|percent| percent / 100.0),
        intervals: raw
            .intervals
            .iter()
            .filter_map(|i| i.sum.as_ref())
            .map(Sum::interval)
            .collect(),
        protocol: test.protocol,
    })
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    start: Start,
    #[serde(default)]
    intervals: Vec<RawInterval>,
    #[serde(default)]
    end: End,
    error: Option<String>,
}

#[derive(Deserialize, Default)]
struct Start {
    #[serde(default)]
    connected: Vec<Connected>,
    version: Option<String>,
    connecting_to: Option<Host>,
    accepted_connection: Option<Host>,
    tcp_mss_default: Option<u32>,
    tcp_mss: Option<u32>,
    test_start: Option<Test>,
}

#[derive(Deserialize)]
struct Connected {
    remote_host: String,
    remote_port: u16,
}

#[derive(Deserialize)]
struct Host {
    host: String,
    port: u16,
}

#[derive(Deserialize, Default)]
struct Test {
    protocol: Option<String>,
    num_streams: Option<u32>,
    reverse: Option<u32>,
    target_bitrate: Option<f64>,
}

#[derive(Deserialize)]
struct RawInterval {
    sum: Option<Sum>,
}

#[derive(Deserialize, Default)]
struct End {
    #[serde(default)]
    streams: Vec<Stream>,
    sum: Option<Sum>,
    sum_sent: Option<Sum>,
    sum_received: Option<Sum>,
    cpu_utilization_percent: Option<Cpu>,
    sender_tcp_congestion: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    sender: Option<Sender>,
}

#[derive(Deserialize)]
struct Sender {
    mean_rtt: Option<f64>,
}

#[derive(Deserialize)]
struct Sum {
    start: f64,
    end: f64,
    seconds: f64,
    bytes: u64,
    bits_per_second: f64,
    retransmits: Option<u64>,
    jitter_ms: Option<f64>,
    lost_packets: Option<u64>,
    packets: Option<u64>,
    lost_percent: Option<f64>,
}

#[derive(Deserialize, Default)]
struct Cpu {
    host_total: Option<f64>,
    remote_total: Option<f64>,
}

impl Sum {
    fn transfer(&self) -> Transfer {
        Transfer {
            bytes: self.bytes,
            seconds_s: self.seconds,
            rate_bps: self.bits_per_second,
        }
    }

    fn interval(&self) -> Interval {
        let retransmits = self.retransmits;
        Interval {
            start_s: self.start,
            end_s: self.end,
            rate_bps: self.bits_per_second,
            retransmits,
        }
    }
}
