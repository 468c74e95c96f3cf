//! Logs of Felix, confd, the CNI plugin, the start-up of calico-node and kube-controllers, which all look alike; and the
//! lines of BIRD that `kubectl logs` mixes in.

mod fields;
mod json;

use crate::{ParseError, Unparsed};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct FelixLog<'a> {
    pub entries: Vec<Entry<'a>>,
    /// Stack traces, second lines of messages, and marks of whoever cut the log.
    pub unparsed: Vec<Unparsed>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Entry<'a> {
    /// 1-based, in the text that was read.
    pub line: usize,
    /// As printed; local time of the container.
    pub time: Option<&'a str>,
    /// `debug`, `info`, `warning`, `error`, `fatal`, `panic`; `null` for BIRD, which names none.
    pub level: Option<String>,
    pub pid: Option<u32>,
    /// `felix`, `confd`, `startup`, `cni-plugin`, `ipam`, `bird`, ...
    pub component: Option<&'a str>,
    pub file: Option<&'a str>,
    pub source_line: Option<u32>,
    /// Without the fields.
    pub message: String,
    /// `key=value` behind the message; quotes taken off.
    pub fields: BTreeMap<String, String>,
}

/// Reads the log of a Calico component.
///
/// Shape: one entry per line. Text form: `2026-11-24 16:30:54.783 [INFO][204] felix/daemon.go 362: Message key="value"`,
/// also with another time in front (svlogd, `kubectl logs --timestamps`); BIRD's lines, the JSON form, the form
/// `time=.. level=.. msg=..` and that of the Kubernetes client too.
/// Lines that are none of these are kept in `unparsed`.
pub fn parse(text: &str) -> Result<FelixLog<'_>, ParseError> {
    let mut log = FelixLog::default();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match entry(line.trim_end()) {
            Some(entry) => log.entries.push(Entry {
                line: index + 1,
                ..entry
            }),
            None => log.unparsed.push(Unparsed::new(index + 1, line)),
        }
    }
    Ok(log)
}

fn entry(line: &str) -> Option<Entry<'_>> {
    let (outer, rest) = outer_time(line);
    let mut entry = match rest.as_bytes().first()? {
        b'{' => json::entry(rest)?,
        b't' if rest.starts_with("time=") => fields::logfmt(rest)?,
        b'b' if rest.starts_with("bird") => bird(rest)?,
        b'I' | b'W' | b'E' | b'F' => klog(rest)?,
        _ => calico(rest)?,
    };
    entry.time = entry.time.or(outer);
    Some(entry)
}

/// The time that a log collector put in front: `2026-11-24T16:30:54.78469 `.
fn outer_time(line: &str) -> (Option<&str>, &str) {
    match line.split_once(' ') {
        Some((time, rest)) if time.len() >= 19 && time.as_bytes().get(10) == Some(&b'T') && is_date(time) => {
            (Some(time), rest)
        }
        _ => (None, line),
    }
}

fn is_date(text: &str) -> bool {
    text.bytes().take(10).enumerate().all(|(i, b)| {
        if i == 4 || i == 7 {
            b == b'-'
        } else {
            b.is_ascii_digit()
        }
    })
}

/// `2026-11-24 16:30:54.783 [INFO][204] felix/daemon.go 362: Message`
fn calico(line: &str) -> Option<Entry<'_>> {
    let open = line.find(" [").filter(|_| is_date(line))?;
    let (time, rest) = (&line[..open], &line[open + 2..]);
    let (level, rest) = rest.split_once("][")?;
    let (pid, rest) = rest.split_once("] ")?;
    let (source, rest) = rest.split_once(' ')?;
    let (source_line, text) = rest
        .split_once(": ")
        .or_else(|| rest.strip_suffix(':').map(|l| (l, "")))?;
    let (component, file) = match source.split_once('/') {
        Some((component, file)) => (Some(component), file),
        None => (None, source),
    };
    let (message, fields) = fields::split(text);
    Some(Entry {
        time: Some(time),
        level: Some(level.to_ascii_lowercase()),
        pid: Some(pid.parse().ok()?),
        component,
        file: Some(file),
        source_line: Some(source_line.parse().ok()?),
        message: message.to_owned(),
        fields,
        ..Entry::default()
    })
}

/// `bird: Mesh_198_18_0_2: Error: Hold timer expired`; the protocol becomes a field.
fn bird(line: &str) -> Option<Entry<'_>> {
    let (component, message) = line.split_once(": ")?;
    if !matches!(component, "bird" | "bird6") {
        return None;
    }
    let mut entry = Entry {
        component: Some(component),
        message: message.to_owned(),
        ..Entry::default()
    };
    if let Some((protocol, rest)) = message.split_once(' ') {
        // `Mesh_1: Connected`, `Mesh_1 < added 10.0.0.0/8`, but `Graceful restart done`.
        let named = protocol
            .strip_suffix(':')
            .or(rest.starts_with(['<', '>']).then_some(protocol));
        if let Some(protocol) = named {
            entry.fields.insert("protocol".to_owned(), protocol.to_owned());
            entry.message = rest.to_owned();
        }
    }
    Some(entry)
}

/// `I1124 16:41:12.356047      24 shared_informer.go:390] "Caches are synced" controller="nodes"`, from the Kubernetes client.
fn klog(line: &str) -> Option<Entry<'_>> {
    let (head, text) = line.split_once("] ")?;
    let level = match head.as_bytes().first()? {
        b'I' => "info",
        b'W' => "warning",
        b'E' => "error",
        _ => "fatal",
    };
    let time = head.get(1..21).filter(|t| t.as_bytes()[4] == b' ' && t.contains(':'))?;
    let (pid, source) = head.get(21..)?.trim().split_once(' ')?;
    let (file, source_line) = source.trim().split_once(':')?;
    let (message, fields) = fields::split(text);
    Some(Entry {
        time: Some(time),
        level: Some(level.to_owned()),
        pid: Some(pid.parse().ok()?),
        file: Some(file),
        source_line: Some(source_line.parse().ok()?),
        message: fields::unquote(message),
        fields,
        ..Entry::default()
    })
}

#[cfg(test)]
mod tests;
