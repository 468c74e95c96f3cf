//! `mtr`: loss and round trip time of every hop.

use crate::ParseError;
use crate::text::{Line, clean, is_json, json, json_word, lines};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Mtr {
    /// Name of the machine that asked.
    pub source: Option<String>,
    /// Only the JSON form says.
    pub target: Option<String>,
    pub hops: Vec<MtrHop>,
}

/// One hop. Routers answer mtr when they have time: loss counts only when later hops have it too.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MtrHop {
    pub hop: u32,
    /// `None` for `???`: nobody answered.
    pub host: Option<String>,
    /// 0 to 1.
    pub loss_ratio: f64,
    pub sent: u64,
    pub last_ms: f64,
    pub avg_ms: f64,
    pub best_ms: f64,
    pub worst_ms: f64,
    pub stdev_ms: f64,
    /// Further addresses that answered for this hop.
    pub also: Vec<String>,
}

/// Reads `mtr --report` and `mtr --json`.
///
/// Shape: [`Mtr`]; times in milliseconds.
pub fn parse(text: &str) -> Result<Mtr, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        from_json(&text)
    } else {
        from_report(&text)
    }
}

fn from_report(text: &str) -> Result<Mtr, ParseError> {
    let mut found = Mtr::default();
    for line in lines(text) {
        let trimmed = line.text.trim_start();
        if let Some(rest) = trimmed.strip_prefix("HOST: ") {
            found.source = rest.split_whitespace().next().map(str::to_owned);
        } else if let Some((_, host)) = trimmed.strip_prefix('|').and_then(|rest| rest.split_once("|-- ")) {
            let last = found
                .hops
                .last_mut()
                .ok_or_else(|| line.error("a hop before its further addresses"))?;
            last.also.push(host.trim().to_owned());
        } else if let Some((number, rest)) = trimmed.split_once(".|-- ") {
            found.hops.push(hop(line, number, rest)?);
        } else if !trimmed.starts_with("Start: ") {
            return Err(line.error("`HOST: NAME ...` or a hop: ` N.|-- HOST LOSS% SENT ...`"));
        }
    }
    Ok(found)
}

/// `10.65.23.128  40.0%  5  0.2  0.3  0.2  0.4  0.1`; `100.0` has no percent sign.
fn hop(line: Line<'_>, number: &str, rest: &str) -> Result<MtrHop, ParseError> {
    let mut words = rest.split_whitespace();
    let host = words.next().filter(|host| *host != "???").map(str::to_owned);
    let words: Vec<&str> = words.collect();
    let [loss, sent, times @ ..] = &words[..] else {
        return Err(line.error("LOSS% SENT LAST AVG BEST WRST STDEV"));
    };
    let percent: f64 = line.number(loss.trim_end_matches('%'), "the loss")?;
    let times: Vec<f64> = times
        .iter()
        .map(|word| line.number(word, "a time"))
        .collect::<Result<_, _>>()?;
    let [last_ms, avg_ms, best_ms, worst_ms, stdev_ms] = times[..] else {
        return Err(line.error("LOSS% SENT LAST AVG BEST WRST STDEV"));
    };
    Ok(MtrHop {
        hop: line.number(number, "the hop")?,
        host,
        loss_ratio: ratio(percent),
        sent: line.number(sent, "packets sent")?,
        last_ms,
        avg_ms,
        best_ms,
        worst_ms,
        stdev_ms,
        also: Vec::new(),
    })
}

fn ratio(percent: f64) -> f64 {
    (percent * 1000.0).round() / 100_000.0
}

#[derive(Deserialize)]
struct Whole {
    report: Report,
}

#[derive(Deserialize)]
struct Report {
    mtr: Map<String, Value>,
    hubs: Vec<Map<String, Value>>,
}

fn from_json(text: &str) -> Result<Mtr, ParseError> {
    let whole: Whole = json(text, "the report of `mtr --json`")?;
    let word = |map: &Map<String, Value>, key: &str| map.get(key).and_then(json_word);
    let hops = whole.report.hubs.iter().map(|hub| {
        // Versions before 0.95 quote the numbers.
        let number = |key: &str| {
            let word = word(hub, key).unwrap_or_default();
            word.parse::<f64>()
                .map_err(|_| ParseError::new(1, &word, format!("a number for `{key}`")))
        };
        let whole = |key: &str| number(key).map(|n| n as u64);
        Ok(MtrHop {
            hop: u32::try_from(whole("count")?).unwrap_or_default(),
            host: word(hub, "host").filter(|host| host != "???"),
            loss_ratio: ratio(number("Loss%")?),
            sent: whole("Snt")?,
            last_ms: number("Last")?,
            avg_ms: number("Avg")?,
            best_ms: number("Best")?,
            worst_ms: number("Wrst")?,
            stdev_ms: number("StDev")?,
            also: Vec::new(),
        })
    });
    Ok(Mtr {
        hops: hops.collect::<Result<_, ParseError>>()?,
        source: word(&whole.report.mtr, "src"),
        target: word(&whole.report.mtr, "dst"),
    })
}
