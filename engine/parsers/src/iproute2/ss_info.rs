//! The second line of `ss -i`, and the words after the addresses.

use super::ss::{Socket, Timer};
use crate::ParseError;
use crate::text::Line;
use serde::Serialize;
use std::collections::BTreeMap;

/// How one TCP connection fares; what the kernel did not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TcpInfo {
    /// `bbr`, `cubic`, ...
    pub congestion_control: Option<String>,
    /// Retransmission timeout.
    pub rto_ms: Option<f64>,
    pub rtt_ms: Option<f64>,
    /// Mean deviation of the round trip time.
    pub rtt_var_ms: Option<f64>,
    pub min_rtt_ms: Option<f64>,
    /// Largest segment this side sends.
    pub mss_bytes: Option<u32>,
    /// Path MTU that the kernel believes in.
    pub pmtu_bytes: Option<u32>,
    /// Largest segment seen from the other side.
    pub rcv_mss_bytes: Option<u32>,
    pub adv_mss_bytes: Option<u32>,
    /// Congestion window in segments.
    pub cwnd: Option<u64>,
    pub ssthresh: Option<u64>,
    pub bytes_sent: Option<u64>,
    pub bytes_acked: Option<u64>,
    pub bytes_received: Option<u64>,
    pub bytes_retrans: Option<u64>,
    pub segs_out: Option<u64>,
    pub segs_in: Option<u64>,
    pub data_segs_out: Option<u64>,
    pub data_segs_in: Option<u64>,
    /// Segments sent and not acknowledged.
    pub unacked: Option<u64>,
    /// Retransmitted segments that are under way now.
    pub retrans: Option<u64>,
    /// Retransmitted segments since the connection began.
    pub retrans_total: Option<u64>,
    pub lost: Option<u64>,
    /// How often the timeout doubled: the other side does not answer.
    pub backoff: Option<u64>,
    /// Time with data under way.
    pub busy_ms: Option<u64>,
    /// Of that, time that the other side's window was full.
    pub rwnd_limited_ms: Option<u64>,
    /// Of that, time that this side's send buffer was full.
    pub sndbuf_limited_ms: Option<u64>,
    pub notsent_bytes: Option<u64>,
    pub send_rate_bps: Option<u64>,
    pub pacing_rate_bps: Option<u64>,
    pub delivery_rate_bps: Option<u64>,
    pub last_send_ms: Option<u64>,
    pub last_receive_ms: Option<u64>,
    /// The program had nothing to send.
    pub app_limited: bool,
    /// Everything else, by its name: `wscale`, `ato`, `rcv_space`, `snd_wnd`, `delivered`, `bbr`, `ts`, `sack`, ...
    pub other: BTreeMap<String, String>,
}

/// Names of congestion controls, which stand alone among the words.
const CONTROLS: &[&str] = &[
    "bbr",
    "cubic",
    "reno",
    "dctcp",
    "vegas",
    "htcp",
    "bic",
    "westwood",
    "highspeed",
    "hybla",
    "illinois",
    "lp",
    "nv",
    "scalable",
    "veno",
    "yeah",
    "cdg",
    "bbr2",
    "bbr3",
];

/// A line below a socket.
pub(crate) fn read(socket: &mut Socket, line: Line<'_>) -> Result<(), ParseError> {
    let mut words = line.words();
    while let Some(word) = words.next() {
        // Rates stand as two words.
        if matches!(word, "send" | "pacing_rate" | "delivery_rate") {
            let rate = words.value(word)?;
            let rate = rate_of(rate).ok_or_else(|| line.error(format!("a rate in bps after `{word}`")))?;
            let tcp = socket.tcp.get_or_insert_default();
            match word {
                "send" => tcp.send_rate_bps = Some(rate),
                "pacing_rate" => tcp.pacing_rate_bps = Some(rate),
                _ => tcp.delivery_rate_bps = Some(rate),
            }
        } else if word.starts_with("skmem:") || word.starts_with("mem:") {
            self::word(socket, line, word)?;
        } else {
            info(socket.tcp.get_or_insert_default(), line, word)?;
        }
    }
    Ok(())
}

/// `1422596491bps`; old versions scale: `14.2Mbps`.
fn rate_of(word: &str) -> Option<u64> {
    let word = word.strip_suffix("bps")?;
    let (number, scale) = match word.char_indices().last()? {
        (at, 'K') => (word.get(..at)?, 1e3),
        (at, 'M') => (word.get(..at)?, 1e6),
        (at, 'G') => (word.get(..at)?, 1e9),
        _ => (word, 1.0),
    };
    number.parse::<f64>().ok().map(|n| (n * scale) as u64)
}

fn info(tcp: &mut TcpInfo, line: Line<'_>, word: &str) -> Result<(), ParseError> {
    let Some((key, value)) = word.split_once(':') else {
        if word == "app_limited" {
            tcp.app_limited = true;
        } else if CONTROLS.contains(&word) {
            tcp.congestion_control = Some(word.to_owned());
        } else {
            tcp.other.insert(word.to_owned(), "true".to_owned());
        }
        return Ok(());
    };
    let whole = || line.number::<u64>(value, key).map(Some);
    let bytes = || line.number::<u32>(value, key).map(Some);
    let pair = || value.split_once('/').unwrap_or((value, ""));
    // `busy:2500ms`, `rwnd_limited:12ms(0.5%)`
    let ms = || {
        line.number::<u64>(value.split("ms").next().unwrap_or(value), key)
            .map(Some)
    };
    match key {
        "rto" => tcp.rto_ms = Some(line.number(value, key)?),
        "rtt" => {
            tcp.rtt_ms = Some(line.number(pair().0, key)?);
            tcp.rtt_var_ms = pair().1.parse().ok();
        }
        "minrtt" => tcp.min_rtt_ms = Some(line.number(value, key)?),
        "mss" => tcp.mss_bytes = bytes()?,
        "pmtu" => tcp.pmtu_bytes = bytes()?,
        "rcvmss" => tcp.rcv_mss_bytes = bytes()?,
        "advmss" => tcp.adv_mss_bytes = bytes()?,
        "cwnd" => tcp.cwnd = whole()?,
        "ssthresh" => tcp.ssthresh = whole()?,
        "bytes_sent" => tcp.bytes_sent = whole()?,
        "bytes_acked" => tcp.bytes_acked = whole()?,
        "bytes_received" => tcp.bytes_received = whole()?,
        "bytes_retrans" => tcp.bytes_retrans = whole()?,
        "segs_out" => tcp.segs_out = whole()?,
        "segs_in" => tcp.segs_in = whole()?,
        "data_segs_out" => tcp.data_segs_out = whole()?,
        "data_segs_in" => tcp.data_segs_in = whole()?,
        "unacked" => tcp.unacked = whole()?,
        "retrans" => {
            tcp.retrans = Some(line.number(pair().0, key)?);
            tcp.retrans_total = pair().1.parse().ok();
        }
        "lost" => tcp.lost = whole()?,
        "backoff" => tcp.backoff = whole()?,
        "busy" => tcp.busy_ms = ms()?,
        "rwnd_limited" => tcp.rwnd_limited_ms = ms()?,
        "sndbuf_limited" => tcp.sndbuf_limited_ms = ms()?,
        "notsent" => tcp.notsent_bytes = whole()?,
        "lastsnd" => tcp.last_send_ms = whole()?,
        "lastrcv" => tcp.last_receive_ms = whole()?,
        _ => {
            tcp.other.insert(key.to_owned(), value.to_owned());
        }
    }
    Ok(())
}

/// A word after the addresses: `timer:(on,608ms,3)`, `ino:62609`, `sk:5`, `<->`.
pub(crate) fn word(socket: &mut Socket, line: Line<'_>, word: &str) -> Result<(), ParseError> {
    match word.split_once(':') {
        Some(("timer", value)) => {
            let mut parts = value.trim_matches(['(', ')']).split(',');
            let (Some(name), Some(expires), Some(count)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(line.error("`timer:(NAME,TIME,COUNT)`"));
            };
            let retransmits = line.number(count, "the timer's count")?;
            socket.timer = Some(Timer {
                name: name.to_owned(),
                expires: expires.to_owned(),
                retransmits,
            });
        }
        Some((key, value)) => {
            socket.other.insert(key.to_owned(), value.to_owned());
        }
        // Which ways are shut down.
        None if matches!(word, "<->" | "-->" | "<--" | "---") => {
            socket.other.insert("open".to_owned(), word.to_owned());
        }
        None => return Err(line.error(format!("`NAME:VALUE`, not `{word}`"))),
    }
    Ok(())
}
