//! `ping`: does it answer, how fast, and if not, who says why.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// One run of `ping`. Without its last lines (killed, or never sent) the counts are `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Ping {
    /// As given: a name or an address.
    pub target: Option<String>,
    /// What the name stood for.
    pub address: Option<String>,
    /// Source, when one was asked for: an address, a device or both.
    pub source: Option<String>,
    /// Data in each request, without headers.
    pub payload_bytes: Option<u32>,
    pub transmitted: Option<u64>,
    pub received: Option<u64>,
    /// Lost of transmitted, 0 to 1.
    pub loss_ratio: Option<f64>,
    pub duplicates: u64,
    /// Answers with wrong data.
    pub corrupted: u64,
    /// How many errors came back, as the last lines say; with `-q` they are not in `errors`.
    pub error_count: u64,
    /// How long the run took.
    pub time_ms: Option<f64>,
    pub rtt_min_ms: Option<f64>,
    pub rtt_avg_ms: Option<f64>,
    pub rtt_max_ms: Option<f64>,
    /// busybox does not say.
    pub rtt_mdev_ms: Option<f64>,
    pub replies: Vec<Reply>,
    pub errors: Vec<PingError>,
    /// Sequence numbers of `no answer yet` (`-O`).
    pub no_answer_yet: Vec<u64>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reply {
    pub from: String,
    /// Counts from 1; busybox from 0.
    pub seq: u64,
    pub ttl: Option<u32>,
    pub time_ms: Option<f64>,
    pub duplicate: bool,
}

/// Something that said no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PingError {
    /// The router or host that sent it; `None` for this machine's own kernel.
    pub from: Option<String>,
    pub seq: Option<u64>,
    /// `frag_needed` (with `mtu`), `message_too_long` (this machine's own, with `mtu`), `net_unreachable`,
    /// `host_unreachable`, `port_unreachable`, `proto_unreachable`, `prohibited`, `ttl_exceeded`, `redirect`,
    /// `invalid_argument` (a `blackhole` route here), `not_permitted` (a packet filter here), `unknown_host`, `other`.
    pub kind: String,
    /// In bytes.
    pub mtu: Option<u32>,
    pub text: String,
}

/// Reads `ping` of iputils or busybox: standard output, standard error, or one after the other.
///
/// Shape: [`Ping`]; times in milliseconds. Errors are an answer, not a failure to read.
pub fn parse(text: &str) -> Result<Ping, ParseError> {
    let text = clean(text);
    let mut ping = Ping::default();
    for line in lines(&text) {
        read(&mut ping, line)?;
    }
    Ok(ping)
}

/// The same, when the two streams came apart.
pub fn parse_with_stderr(stdout: &str, stderr: &str) -> Result<Ping, ParseError> {
    parse(&format!("{stdout}\n{stderr}"))
}

fn read(ping: &mut Ping, line: Line<'_>) -> Result<(), ParseError> {
    let text = line.text.trim_start();
    // `-D` puts the time in front.
    let text = match text.strip_prefix('[').and_then(|t| t.split_once("] ")) {
        Some((time, rest)) if time.parse::<f64>().is_ok() => rest,
        _ => text,
    };
    if let Some(rest) = text.strip_prefix("PING ") {
        header(ping, line, rest)
    } else if text.contains(" bytes from ") {
        reply(ping, line, text)
    } else if let Some(rest) = text.strip_prefix("From ").or(text.strip_prefix("from ")) {
        remote_error(ping, line, rest)
    } else if text.contains(" packets transmitted, ") {
        counts(ping, line, text)
    } else if text.starts_with("rtt ") || text.starts_with("round-trip ") {
        times(ping, line, text)
    } else if let Some(seq) = text.strip_prefix("no answer yet for icmp_seq=") {
        ping.no_answer_yet.push(line.number(seq, "icmp_seq")?);
        Ok(())
    } else if (text.starts_with("--- ") && text.ends_with(" ping statistics ---")) || text.starts_with("pipe ") {
        Ok(())
    } else if let Some(error) = local_error(text) {
        ping.errors.push(error);
        Ok(())
    } else {
        Err(line.error("a line of `ping`"))
    }
}

/// `192.0.2.1 (192.0.2.1) from 192.0.2.9 eth0: 56(84) bytes of data.`, `::1(::1) 56 data bytes`, and without the second
/// number busybox.
fn header(ping: &mut Ping, line: Line<'_>, rest: &str) -> Result<(), ParseError> {
    const EXPECTED: &str = "`PING TARGET (ADDRESS) SIZE bytes`";
    let (target, after) = rest.split_once('(').ok_or_else(|| line.error(EXPECTED))?;
    let (address, after) = after.split_once(')').ok_or_else(|| line.error(EXPECTED))?;
    // IPv6 by name: `PING host(host.example (2001:db8::1)) 56 data bytes`.
    let (address, after) = match address.split_once('(') {
        Some((_, inner)) => (inner, after.strip_prefix(')').unwrap_or(after)),
        None => (address, after),
    };
    let (source, size) = match after.trim_start().strip_prefix("from ") {
        Some(rest) => rest
            .split_once(": ")
            .map(|(source, size)| (Some(source), size))
            .ok_or_else(|| line.error(EXPECTED))?,
        None => (None, after.trim_start_matches([':', ' '])),
    };
    ping.target = Some(target.trim().to_owned());
    ping.address = Some(address.to_owned());
    ping.source = source.map(str::to_owned);
    let digits = size
        .find(|c: char| !c.is_ascii_digit())
        .and_then(|end| size.get(..end))
        .unwrap_or(size);
    ping.payload_bytes = Some(line.number(digits, "the size")?);
    Ok(())
}

/// `64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.1 ms (DUP!)`; `seq=0` in busybox.
fn reply(ping: &mut Ping, line: Line<'_>, text: &str) -> Result<(), ParseError> {
    const EXPECTED: &str = "`N bytes from ADDRESS: icmp_seq=N ttl=N time=N ms`";
    let (_, after) = text.split_once(" bytes from ").ok_or_else(|| line.error(EXPECTED))?;
    let (from, fields) = after.split_once(": ").ok_or_else(|| line.error(EXPECTED))?;
    let mut found = Reply {
        from: address_of(from).to_owned(),
        seq: 0,
        ttl: None,
        time_ms: None,
        duplicate: false,
    };
    let mut seq = None;
    for word in fields.split_whitespace() {
        match word.split_once(['=', '<']) {
            Some(("icmp_seq" | "seq" | "icmp_req", n)) => seq = Some(line.number(n, "icmp_seq")?),
            Some(("ttl" | "hlim", n)) => found.ttl = Some(line.number(n, "ttl")?),
            Some(("time", n)) => found.time_ms = Some(line.number(n, "time")?),
            _ if matches!(word, "(DUP!)" | "DUP!") => found.duplicate = true,
            _ if word == "ms" || word == "(truncated)" || word.starts_with("(BAD") || word == "CHECKSUM!)" => {}
            _ => return Err(line.error(EXPECTED)),
        }
    }
    found.seq = seq.ok_or_else(|| line.error(EXPECTED))?;
    ping.replies.push(found);
    Ok(())
}

/// `192.0.2.1` of `192.0.2.1`, `host.example (192.0.2.1)` or `192.0.2.1 icmp_seq=1 ...`.
fn address_of(from: &str) -> &str {
    match from.split_once('(') {
        Some((_, rest)) => rest.split(')').next().unwrap_or(rest),
        None => from.split_whitespace().next().unwrap_or(from),
    }
}

/// `192.0.2.1 icmp_seq=1 Destination Host Unreachable`, also with a name and a colon.
fn remote_error(ping: &mut Ping, line: Line<'_>, rest: &str) -> Result<(), ParseError> {
    const EXPECTED: &str = "`From ADDRESS icmp_seq=N REASON`";
    let (from, after) = rest
        .split_once("icmp_seq=")
        .or(rest.split_once("icmp_req="))
        .ok_or_else(|| line.error(EXPECTED))?;
    let (seq, reason) = after.split_once(' ').ok_or_else(|| line.error(EXPECTED))?;
    ping.errors.push(PingError {
        from: Some(address_of(from.trim_end_matches([' ', ':'])).to_owned()),
        seq: Some(line.number(seq, "icmp_seq")?),
        kind: remote_kind(reason).to_owned(),
        mtu: mtu(reason),
        text: reason.to_owned(),
    });
    Ok(())
}

fn remote_kind(reason: &str) -> &'static str {
    const KINDS: &[(&str, &str)] = &[
        ("Frag needed", "frag_needed"),
        ("Packet too big", "frag_needed"),
        ("Destination Host Unreachable", "host_unreachable"),
        ("Address unreachable", "host_unreachable"),
        ("Destination Net Unreachable", "net_unreachable"),
        ("No route", "net_unreachable"),
        ("Destination Port Unreachable", "port_unreachable"),
        ("Port unreachable", "port_unreachable"),
        ("Destination Protocol Unreachable", "proto_unreachable"),
        ("Packet filtered", "prohibited"),
        ("rohibited", "prohibited"),
        ("Time to live exceeded", "ttl_exceeded"),
        ("Time exceeded", "ttl_exceeded"),
        ("Redirect", "redirect"),
    ];
    KINDS
        .iter()
        .find(|(words, _)| reason.contains(words))
        .map_or("other", |(_, kind)| kind)
}

/// `(mtu = 1450)`, `mtu=1450`.
fn mtu(text: &str) -> Option<u32> {
    let after = text.split_once("mtu")?.1.trim_start_matches([' ', '=', ':']);
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What the kernel here or the tool itself says; it goes to standard error.
fn local_error(text: &str) -> Option<PingError> {
    let said = text
        .strip_prefix("ping: ")
        .or(text.strip_prefix("ping6: "))
        .or(text.strip_prefix("connect: ").map(|_| text))
        .or(text.strip_prefix("local error: ").map(|_| text))?;
    const KINDS: &[(&str, &str)] = &[
        ("essage too long", "message_too_long"),
        ("Network is unreachable", "net_unreachable"),
        ("No route to host", "host_unreachable"),
        ("Invalid argument", "invalid_argument"),
        ("Operation not permitted", "not_permitted"),
        ("Permission denied", "not_permitted"),
        ("not known", "unknown_host"),
        ("Temporary failure in name resolution", "unknown_host"),
        ("bad address", "unknown_host"),
        ("unknown host", "unknown_host"),
    ];
    let kind = KINDS
        .iter()
        .find(|(words, _)| said.contains(words))
        .map_or("other", |(_, kind)| kind);
    Some(PingError {
        from: None,
        seq: None,
        kind: kind.to_owned(),
        mtu: mtu(said),
        text: said.to_owned(),
    })
}

/// `3 packets transmitted, 0 received, +1 errors, 100% packet loss, time 407ms`
fn counts(ping: &mut Ping, line: Line<'_>, text: &str) -> Result<(), ParseError> {
    for part in text.split(", ") {
        let (number, what) = part
            .split_once(' ')
            .ok_or_else(|| line.error("`N packets transmitted, N received, ...`"))?;
        match what {
            "packets transmitted" => ping.transmitted = Some(line.number(number, what)?),
            "received" | "packets received" => ping.received = Some(line.number(number, what)?),
            "errors" => ping.error_count = line.number(number.trim_start_matches('+'), what)?,
            "duplicates" => ping.duplicates = line.number(number.trim_start_matches('+'), what)?,
            "corrupted" => ping.corrupted = line.number(number.trim_start_matches('+'), what)?,
            // Said again by the first two numbers.
            "packet loss" => {}
            _ if number == "time" => ping.time_ms = Some(line.number(what.trim_end_matches("ms"), "time")?),
            _ => return Err(line.error("`N packets transmitted, N received, ...`")),
        }
    }
    if let (Some(sent), Some(received)) = (ping.transmitted, ping.received)
        && sent > 0
    {
        ping.loss_ratio = Some(sent.saturating_sub(received) as f64 / sent as f64);
    }
    Ok(())
}

/// `rtt min/avg/max/mdev = 0.099/0.109/0.117/0.007 ms, pipe 2`
fn times(ping: &mut Ping, line: Line<'_>, text: &str) -> Result<(), ParseError> {
    const EXPECTED: &str = "`rtt min/avg/max/mdev = N/N/N/N ms`";
    let (_, values) = text.split_once(" = ").ok_or_else(|| line.error(EXPECTED))?;
    let (values, _) = values.split_once(" ms").ok_or_else(|| line.error(EXPECTED))?;
    let mut values = values.split('/').map(|word| line.number::<f64>(word, "a time"));
    ping.rtt_min_ms = values.next().transpose()?;
    ping.rtt_avg_ms = values.next().transpose()?;
    ping.rtt_max_ms = values.next().transpose()?;
    ping.rtt_mdev_ms = values.next().transpose()?;
    Ok(())
}
