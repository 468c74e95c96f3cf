//! A TCP stream between two places: what to run on either side, and what the programs said.

use crate::data::fail;
use crate::facts::{self, one_line};
use crate::host::Result;
use runbook_core::{Argv, Effect, Output, Question, Target};
use runbook_parsers::probe::iperf3;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

/// What a stream should be like.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) address: String,
    pub(super) streams: i64,
    pub(super) seconds: i64,
    pub(super) reverse: bool,
    pub(super) port: u16,
}

/// The port that iperf3 uses when nobody says another.
pub(super) const PORT: u16 = 5201;

/// How long a listener that nobody came to lives on.
const LISTENER_S: i64 = 20;

fn words(words: &[&str]) -> Argv {
    words.iter().map(ToString::to_string).collect()
}

impl Stream {
    /// The client, as it is usually typed.
    pub(super) fn iperf3(&self, from: Target) -> Question {
        let (seconds, streams, port) = (
            self.seconds.to_string(),
            self.streams.to_string(),
            self.port.to_string(),
        );
        let mut argv = words(&["iperf3", "-J", "-c", &self.address, "-t", &seconds]);
        if self.streams > 1 {
            argv.extend(words(&["-P", &streams]));
        }
        if self.reverse {
            argv.push("-R".into());
        }
        if self.port != PORT {
            argv.extend(words(&["-p", &port]));
        }
        let timeout = Duration::from_secs(self.seconds.unsigned_abs() + 8);
        facts::command(from, vec![argv], Effect::Probe, timeout)
    }

    /// A listener for one client. It goes by itself after a while, whatever happens to us.
    pub(super) fn listen(&self, at: Target) -> Question {
        let life = LISTENER_S + self.seconds;
        let text = format!(
            "command -v iperf3 >/dev/null || exit 127; timeout {life} iperf3 -s -1 -p {} >/dev/null 2>&1 </dev/null & sleep 0.5",
            self.port
        );
        let argv = words(&["sh", "-c", &text]);
        facts::command(at, vec![argv], Effect::Probe, Duration::from_secs(5))
    }

    /// The same with `nc`, which more images have: a listener that throws away what it gets.
    pub(super) fn listen_plain(&self, at: Target) -> Question {
        let (life, port) = (LISTENER_S + self.seconds, self.port);
        let text = format!(
            "command -v nc >/dev/null || exit 127; {{ timeout {life} nc -l -p {port} || timeout {life} nc -l {port}; }} >/dev/null 2>&1 </dev/null & sleep 0.5"
        );
        let argv = words(&["sh", "-c", &text]);
        facts::command(at, vec![argv], Effect::Probe, Duration::from_secs(5))
    }

    /// Sends so many mebibytes of zeros through `nc`; `dd` says how long it took. `-w` ends versions that stay after the end.
    pub(super) fn send_plain(&self, from: Target, mebibytes: u32) -> Question {
        let text = format!(
            "command -v nc >/dev/null || exit 127; dd if=/dev/zero bs=65536 count={} | nc -w 2 {} {}",
            mebibytes * 16,
            self.address,
            self.port
        );
        let argv = words(&["sh", "-c", &text]);
        let timeout = Duration::from_secs(self.seconds.unsigned_abs() + 8);
        facts::command(from, vec![argv], Effect::Probe, timeout)
    }
}

/// How much got through.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Through {
    /// `iperf3` or `nc`.
    pub(super) method: &'static str,
    pub(super) streams: i64,
    pub(super) seconds_s: f64,
    pub(super) bytes: u64,
    pub(super) rate_bps: f64,
    /// The rate in the second half of the time, when a burst allowance at the start is used up.
    pub(super) settled_bps: Option<f64>,
    pub(super) retransmits: Option<u64>,
    /// Retransmitted of all segments, roughly: by the segment size.
    pub(super) retransmit_ratio: Option<f64>,
    pub(super) rtt_mean_ms: Option<f64>,
    pub(super) mss_bytes: Option<u32>,
    pub(super) local_cpu_ratio: Option<f64>,
    pub(super) remote_cpu_ratio: Option<f64>,
}

/// Reads what `iperf3 -J` said; its error is an error.
pub(super) fn read_iperf3(output: &Output, streams: i64) -> Result<Value> {
    let text = output.stdout.text();
    let read = iperf3::parse(&text);
    let said = read.map_err(|e| fail(format!("iperf3: {e}; it said: {}", one_line(&output.stderr.text()))))?;
    if let Some(error) = said.error {
        return Err(fail(format!("iperf3: {}", one_line(&error))));
    }
    let through = said.received.filter(|r| r.bytes > 0).or(said.sent);
    let through = through.ok_or_else(|| fail("iperf3 moved nothing"))?;
    let late = &said.intervals[said.intervals.len() / 2..];
    let settled = (!late.is_empty()).then(|| late.iter().map(|i| i.rate_bps).sum::<f64>() / late.len() as f64);
    let segments = said
        .mss_bytes
        .filter(|m| *m > 0)
        .map(|m| through.bytes as f64 / f64::from(m));
    let ratio = said.retransmits.zip(segments).filter(|(_, s)| *s > 0.0);
    let value = Through {
        method: "iperf3",
        streams,
        seconds_s: through.seconds_s,
        bytes: through.bytes,
        rate_bps: through.rate_bps,
        settled_bps: settled,
        retransmits: said.retransmits,
        retransmit_ratio: ratio.map(|(r, s)| r as f64 / s),
        rtt_mean_ms: said.rtt_mean_ms,
        mss_bytes: said.mss_bytes,
        local_cpu_ratio: said.local_cpu_ratio,
        remote_cpu_ratio: said.remote_cpu_ratio,
    };
    Ok(json!(value))
}

/// Reads what `dd` said at its end: `67108864 bytes (67 MB, 64 MiB) copied, 0.0561 s, 1.2 GB/s`.
pub(super) fn read_dd(output: &Output) -> Option<Through> {
    let stderr = output.stderr.text();
    let line = stderr.lines().find(|l| l.contains(" copied, "))?;
    let bytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    let seconds = line.split(" copied, ").nth(1)?.split_whitespace().next()?;
    let seconds: f64 = seconds.parse().ok()?;
    (seconds > 0.0).then(|| Through {
        method: "nc",
        streams: 1,
        seconds_s: seconds,
        bytes,
        rate_bps: bytes as f64 * 8.0 / seconds,
        ..Through::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use runbook_core::Raw;

    fn output(stdout: &str, stderr: &str) -> Output {
        Output {
            stdout: Raw::from(stdout.to_string()),
            stderr: Raw::from(stderr.to_string()),
            exit: 0,
            cut_bytes: 0,
        }
    }

    #[test]
    fn dd_of_coreutils_and_of_busybox() {
        let gnu = "1024+0 records in\n1024+0 records out\n67108864 bytes (67 MB, 64 MiB) copied, 0.5 s, 134 MB/s\n";
        let read = read_dd(&output("", gnu)).unwrap();
        assert_eq!((read.bytes, read.rate_bps), (67_108_864, 1_073_741_824.0));
        let busybox = "32+0 records in\n32+0 records out\n2097152 bytes (2.0MB) copied, 3.355443 seconds, 610.4KB/s\n";
        let read = read_dd(&output("", busybox)).unwrap();
        assert!((read.rate_bps - 5_000_000.0).abs() < 1.0);
        assert_eq!(read_dd(&output("", "nc: refused\n")), None);
    }

    #[test]
    fn an_error_of_iperf3_is_an_error() {
        let refused =
            "{\"start\":{},\"intervals\":[],\"end\":{},\"error\":\"unable to connect to server: Connection refused\"}";
        let error = read_iperf3(&output(refused, ""), 1).unwrap_err().to_string();
        assert!(error.contains("Connection refused"), "{error}");
        assert!(read_iperf3(&output("", "sh: killed"), 1).is_err());
    }
}
