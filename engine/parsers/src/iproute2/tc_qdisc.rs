//! `tc qdisc`: the queue in front of each device, and what it shapes.

use super::traffic::{TrafficStats, milliseconds, rate, size};
use crate::ParseError;
use crate::text::{Line, clean, is_json, json, lines};
use serde::Serialize;
use serde_json::{Map, Value};

/// One queueing discipline.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Qdisc {
    /// `noqueue`, `htb`, `tbf`, `netem`, `fq_codel`, `clsact`, ...
    pub kind: String,
    /// `1:`
    pub handle: String,
    pub dev: Option<String>,
    /// `root`, or the class or hook it hangs on.
    pub parent: Option<String>,
    pub refcnt: Option<u32>,
    /// Bits per second (TBF, netem).
    pub rate_bps: Option<u64>,
    pub burst_bytes: Option<u64>,
    /// Longest wait in the queue (TBF).
    pub latency_ms: Option<f64>,
    /// Delay added on purpose (netem).
    pub delay_ms: Option<f64>,
    pub jitter_ms: Option<f64>,
    /// Loss made on purpose (netem), 0 to 1.
    pub loss_ratio: Option<f64>,
    /// All settings as printed; the JSON form writes them as JSON.
    pub settings: String,
    pub stats: Option<TrafficStats>,
    /// Further counters that some kinds print, as printed.
    pub details: Vec<String>,
}

/// Reads `tc qdisc`, with or without `-s`, `-j`.
///
/// Shape: a list of [`Qdisc`]; rates in bits per second, sizes in bytes, ratios 0 to 1.
pub fn parse(text: &str) -> Result<Vec<Qdisc>, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        let raw: Vec<Map<String, Value>> = json(&text, "the queues of `tc -j qdisc`")?;
        return raw.iter().filter(|map| !map.is_empty()).map(from_json).collect();
    }
    let mut qdiscs: Vec<Qdisc> = Vec::new();
    for line in lines(&text) {
        if line.text.starts_with("qdisc ") {
            qdiscs.push(first_line(line)?);
            continue;
        }
        let last = qdiscs.last_mut().filter(|_| line.indented());
        let last = last.ok_or_else(|| line.error("`qdisc KIND HANDLE: dev NAME ...`"))?;
        if !TrafficStats::read(&mut last.stats, line)? {
            last.details.push(line.text.trim().to_owned());
        }
    }
    Ok(qdiscs)
}

/// `qdisc tbf 8001: dev e1 root refcnt 3 rate 5Mbit burst 16Kb lat 50ms`
fn first_line(line: Line<'_>) -> Result<Qdisc, ParseError> {
    let mut words = line.words();
    words.next();
    let mut found = Qdisc {
        kind: words.text("qdisc")?,
        handle: words.text("the kind")?,
        ..Qdisc::default()
    };
    let mut all: Vec<&str> = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "dev" if all.is_empty() => found.dev = Some(words.text(word)?),
            "root" if all.is_empty() => found.parent = Some("root".into()),
            "parent" if all.is_empty() => found.parent = Some(words.text(word)?),
            "refcnt" if all.is_empty() => found.refcnt = Some(words.number(word)?),
            // `offloaded` and `ingress_block N` come before the settings too; they are told with them.
            _ => {
                let mut ahead = words.clone();
                setting(&mut found, line, word, &mut ahead)?;
                all.push(word);
            }
        }
    }
    found.settings = all.join(" ");
    if found.handle.ends_with(':') {
        Ok(found)
    } else {
        Err(line.error("a handle such as `1:`"))
    }
}

/// The settings that have fields. `words` is a look-ahead: nothing is taken from the line.
fn setting(
    found: &mut Qdisc,
    line: Line<'_>,
    word: &str,
    words: &mut crate::text::Words<'_>,
) -> Result<(), ParseError> {
    let netem = found.kind == "netem";
    match word {
        "rate" if found.rate_bps.is_none() && (netem || found.kind == "tbf") => {
            found.rate_bps = Some(rate(words, word)?)
        }
        "burst" if found.kind == "tbf" => found.burst_bytes = Some(size(line, words.value(word)?)?),
        "lat" => found.latency_ms = words.next().and_then(milliseconds),
        "delay" if netem => {
            found.delay_ms = words.next().and_then(milliseconds);
            found.jitter_ms = words.next().and_then(milliseconds);
        }
        "loss" if netem => {
            let percent = words.next().and_then(|w| w.strip_suffix('%')?.parse::<f64>().ok());
            found.loss_ratio = percent.map(|p| p / 100.0);
        }
        _ => {}
    }
    Ok(())
}

fn from_json(raw: &Map<String, Value>) -> Result<Qdisc, ParseError> {
    let word = |key: &str| raw.get(key).and_then(Value::as_str).map(str::to_owned);
    let nothing = Map::new();
    let options = raw.get("options").and_then(Value::as_object).unwrap_or(&nothing);
    let number = |key: &str| options.get(key).and_then(Value::as_f64);
    let inner = |key: &str, part: &str| options.get(key).and_then(|v| v.get(part)).and_then(Value::as_f64);
    let (Some(kind), Some(handle)) = (word("kind"), word("handle")) else {
        return Err(ParseError::new(
            1,
            Value::Object(raw.clone()).to_string(),
            "`kind` and `handle`",
        ));
    };
    // netem gives its rate as an object, in bytes per second like TBF.
    let rate = number("rate").or_else(|| inner("rate", "rate"));
    Ok(Qdisc {
        handle,
        dev: word("dev"),
        parent: word("parent").or_else(|| raw.contains_key("root").then(|| "root".to_owned())),
        refcnt: raw
            .get("refcnt")
            .and_then(Value::as_u64)
            .and_then(|n| u32::try_from(n).ok()),
        rate_bps: rate.map(|bytes| (bytes * 8.0) as u64),
        burst_bytes: number("burst").map(|n| n as u64),
        latency_ms: number("lat").map(|us| us / 1000.0),
        delay_ms: inner("delay", "delay").map(|s| s * 1000.0),
        jitter_ms: inner("delay", "jitter").map(|s| s * 1000.0).filter(|ms| *ms > 0.0),
        loss_ratio: inner("loss-random", "loss"),
        settings: if options.is_empty() {
            String::new()
        } else {
            Value::Object(options.clone()).to_string()
        },
        stats: TrafficStats::from_json(raw),
        details: Vec::new(),
        kind,
    })
}
