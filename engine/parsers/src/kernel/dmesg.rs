//! `dmesg`: what the kernel said.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Message {
    /// Seconds since boot.
    pub uptime_s: Option<f64>,
    /// Clock time, as `-T` or `--time-format iso` print it; off by the time the machine slept.
    pub time: Option<String>,
    /// `kern`, `daemon`, ...; needs `-x`.
    pub facility: Option<String>,
    /// `info`, `warn`, `err`, ...; needs `-x`.
    pub level: Option<String>,
    pub text: String,
}

/// Reads `dmesg`, also with `-T`, `-x`, `-t` or `--time-format iso`, and what `grep` leaves of it.
///
/// Shape: a list of [`Message`]. The log is the whole machine's: network namespaces share it.
pub fn parse(text: &str) -> Result<Vec<Message>, ParseError> {
    let text = clean(text);
    // `grep -A` puts `--` between its groups.
    Ok(lines(&text).filter(|line| line.text != "--").map(message).collect())
}

fn message(line: Line<'_>) -> Message {
    let mut found = Message::default();
    let mut rest = line.text;
    // `kern  :info  : [    0.000000] text`
    if let Some((facility, level, after)) = facility_and_level(rest) {
        (found.facility, found.level) = (Some(facility.to_owned()), Some(level.to_owned()));
        rest = after;
    }
    if let Some((stamp, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
        let stamp = stamp.trim();
        let uptime = stamp.parse::<f64>().ok().filter(|t| t.is_finite());
        if uptime.is_some() || stamp.ends_with(|c: char| c.is_ascii_digit()) && stamp.matches(':').count() == 2 {
            found.uptime_s = uptime;
            found.time = uptime.is_none().then(|| stamp.to_owned());
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
    } else if let Some((stamp, after)) = rest.split_once(' ').filter(|(stamp, _)| is_iso(stamp)) {
        found.time = Some(stamp.to_owned());
        rest = after;
    }
    found.text = rest.to_owned();
    found
}

fn facility_and_level(text: &str) -> Option<(&str, &str, &str)> {
    const FACILITIES: &[&str] = &["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news"];
    let (facility, rest) = text.split_once(':')?;
    let (level, rest) = rest.split_once(':')?;
    let known = FACILITIES.contains(&facility.trim()) && !level.trim().contains(' ');
    known.then(|| (facility.trim(), level.trim(), rest.trim_start()))
}

/// `2026-11-24T15:22:44,123456+00:00`
fn is_iso(word: &str) -> bool {
    let mut bytes = word.bytes();
    word.len() >= 19
        && bytes.clone().take(4).all(|b| b.is_ascii_digit())
        && bytes.nth(4) == Some(b'-')
        && word.as_bytes().get(10) == Some(&b'T')
}
