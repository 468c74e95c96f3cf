//! `ps`: the processes of a node.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// One process; columns that the command did not ask for are `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Process {
    pub pid: u32,
    pub ppid: Option<u32>,
    pub user: Option<String>,
    /// Share of one processor over the process's life.
    pub cpu_ratio: Option<f64>,
    pub mem_ratio: Option<f64>,
    pub vsz_bytes: Option<u64>,
    pub rss_bytes: Option<u64>,
    /// `None` for no terminal.
    pub tty: Option<String>,
    /// First letter: `R` running, `S` sleeping, `D` waiting for a disk, `Z` zombie, `T` stopped, `I` idle.
    pub stat: Option<String>,
    /// Clock time or date, as printed.
    pub start: Option<String>,
    /// Processor time used.
    pub cpu_time_s: Option<u64>,
    /// Name and arguments; kernel threads are in brackets.
    pub command: String,
}

/// Reads `ps aux`, `ps -ef`, `ps -eo COLUMNS` and busybox `ps`: the header says which columns there are.
///
/// Shape: a list of [`Process`]; memory in bytes, shares from 0 to 1.
pub fn parse(text: &str) -> Result<Vec<Process>, ParseError> {
    let text = clean(text);
    let mut lines = lines(&text);
    let Some(header) = lines.next() else {
        return Err(ParseError::new(1, "", "a header with the column `PID`"));
    };
    let columns: Vec<&str> = header.words().collect();
    if !columns.contains(&"PID") || !matches!(columns.last(), Some(&"COMMAND" | &"CMD" | &"ARGS")) {
        return Err(header.error("a header with the columns `PID` and, at the end, `COMMAND` or `CMD`"));
    }
    if let Some(unknown) = columns.iter().find(|name| !KNOWN.contains(name)) {
        return Err(header.error(format!("known columns, not `{unknown}`")));
    }
    lines.map(|line| process(line, &columns)).collect()
}

const KNOWN: &[&str] = &[
    "PID", "PPID", "USER", "UID", "%CPU", "C", "%MEM", "VSZ", "RSS", "TTY", "TT", "STAT", "S", "START", "STIME",
    "TIME", "COMMAND", "CMD", "ARGS",
];

fn process(line: Line<'_>, columns: &[&str]) -> Result<Process, ParseError> {
    let mut found = Process::default();
    let mut rest = line.text.trim_start();
    for (at, name) in columns.iter().enumerate() {
        // The last column is the command, with its blanks.
        let (word, after) = match rest.split_once(char::is_whitespace) {
            Some((word, after)) if at + 1 < columns.len() => (word, after.trim_start()),
            _ => (rest, ""),
        };
        if word.is_empty() {
            return Err(line.error(format!("the columns {}", columns.join(" "))));
        }
        column(&mut found, line, name, word)?;
        rest = after;
    }
    Ok(found)
}

fn column(found: &mut Process, line: Line<'_>, name: &str, word: &str) -> Result<(), ParseError> {
    let given = (word != "-").then_some(word);
    match name {
        "PID" => found.pid = line.number(word, name)?,
        "PPID" => found.ppid = Some(line.number(word, name)?),
        "USER" | "UID" => found.user = Some(word.to_owned()),
        "%CPU" | "C" => found.cpu_ratio = given.map(|w| percent(line, w)).transpose()?,
        "%MEM" => found.mem_ratio = given.map(|w| percent(line, w)).transpose()?,
        "VSZ" => found.vsz_bytes = given.map(|w| kibibytes(line, w)).transpose()?,
        "RSS" => found.rss_bytes = given.map(|w| kibibytes(line, w)).transpose()?,
        "TTY" | "TT" => found.tty = given.filter(|w| *w != "?").map(str::to_owned),
        "STAT" | "S" => found.stat = Some(word.to_owned()),
        "START" | "STIME" => found.start = Some(word.to_owned()),
        "TIME" => found.cpu_time_s = Some(duration(word).ok_or_else(|| line.error("a time such as `1-02:03:04`"))?),
        _ => found.command = word.to_owned(),
    }
    Ok(())
}

fn percent(line: Line<'_>, word: &str) -> Result<f64, ParseError> {
    let percent: f64 = line.number(word, "a percentage")?;
    // Rounded, so that 12.3 % is 0.123 and not a neighbour of it.
    Ok((percent * 10.0).round() / 1000.0)
}

/// Kibibytes; busybox writes large ones as `12m` or `1.2g`.
fn kibibytes(line: Line<'_>, word: &str) -> Result<u64, ParseError> {
    let (number, unit) = match word.strip_suffix(['m', 'M']) {
        Some(number) => (number, 1 << 20),
        None => word
            .strip_suffix(['g', 'G'])
            .map_or((word, 1 << 10), |number| (number, 1 << 30)),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return Ok(whole.saturating_mul(unit));
    }
    let fraction: f64 = line.number(number, "a size")?;
    Ok((fraction * unit as f64) as u64)
}

/// `[[days-]hours:]minutes:seconds`; busybox also `3h02` and `2d03`.
fn duration(word: &str) -> Option<u64> {
    let number = |w: &str| w.parse::<u64>().ok().filter(|n| *n < 1 << 32);
    for (unit, seconds, below) in [('d', 86_400, 3_600), ('h', 3_600, 60)] {
        if let Some((whole, part)) = word.split_once(unit) {
            return Some(number(whole)? * seconds + number(part)? * below);
        }
    }
    let (days, clock) = word
        .split_once('-')
        .map_or((Some(0), word), |(days, clock)| (number(days), clock));
    let clock = clock
        .split(':')
        .try_fold(0u64, |sum, part| sum.checked_mul(60)?.checked_add(number(part)?))?;
    (days? * 86_400).checked_add(clock)
}
