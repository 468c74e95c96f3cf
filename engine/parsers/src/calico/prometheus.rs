//! The Prometheus text format, as Felix, Typha and kube-controllers serve it.
//!
//! The crates that read it (`prometheus-parse` and its kin) drop lines that they do not know, stamp samples with the
//! clock and bring a regex engine; this crate has no clock and drops nothing.

use crate::ParseError;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Prometheus<'a> {
    pub families: Vec<Family<'a>>,
    pub samples: Vec<Sample<'a>>,
}

/// What a metric means.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Family<'a> {
    pub name: &'a str,
    /// `counter`, `gauge`, `histogram`, `summary`, `untyped`.
    #[serde(rename = "type")]
    pub kind: Option<&'a str>,
    pub help: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample<'a> {
    /// With the suffix of its family's type: `_bucket`, `_sum`, `_count`.
    pub name: &'a str,
    pub labels: BTreeMap<&'a str, Cow<'a, str>>,
    /// In the unit that the name ends with. JSON knows no `NaN` and no infinity: they become `null` there.
    pub value: f64,
    /// Since the epoch; `null` means "now", which is the usual case.
    pub timestamp_ms: Option<i64>,
}

/// Reads the Prometheus text format.
///
/// Shape: families in order of appearance, and all samples in one list.
pub fn parse(text: &str) -> Result<Prometheus<'_>, ParseError> {
    let mut metrics = Prometheus::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            metrics.comment(comment.trim());
        } else if !line.is_empty() {
            let sample =
                sample(line).ok_or_else(|| ParseError::new(index + 1, line, "`name{label=\"value\"} number`"))?;
            metrics.samples.push(sample);
        }
    }
    Ok(metrics)
}

impl<'a> Prometheus<'a> {
    /// `HELP name words`, `TYPE name type`; other comments mean nothing.
    fn comment(&mut self, text: &'a str) {
        let mut words = text.splitn(3, ' ');
        let (Some(what @ ("HELP" | "TYPE")), Some(name)) = (words.next(), words.next()) else {
            return;
        };
        if self.families.last().is_none_or(|f| f.name != name) {
            self.families.push(Family {
                name,
                ..Family::default()
            });
        }
        if let Some(family) = self.families.last_mut() {
            let field = if what == "HELP" {
                &mut family.help
            } else {
                &mut family.kind
            };
            *field = words.next().map(str::trim);
        }
    }
}

/// `felix_resync_state 3`, `http_requests_total{code="200"} 1027 1395066363000`
fn sample(line: &str) -> Option<Sample<'_>> {
    let name_end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = BTreeMap::new();
    if let Some(mut inner) = rest.trim_start().strip_prefix('{') {
        loop {
            inner = inner.trim_start_matches([' ', ',']);
            if let Some(after) = inner.strip_prefix('}') {
                rest = after;
                break;
            }
            let (key, value) = inner.split_once('=')?;
            let (value, after) = quoted(value.trim_start())?;
            labels.insert(key.trim(), value);
            inner = after;
        }
    }
    let mut words = rest.split_ascii_whitespace();
    let value = words.next()?.parse().ok()?;
    let timestamp_ms = words.next().map(str::parse).transpose().ok()?;
    let complete = !name.is_empty() && words.next().is_none();
    complete.then_some(Sample {
        name,
        labels,
        value,
        timestamp_ms,
    })
}

/// The text in quotes, and what follows it. `\"`, `\\` and `\n` are the escapes.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.bytes().position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })?;
    let (value, after) = (&inner[..end], &inner[end + 1..]);
    if !value.contains('\\') {
        return Some((Cow::Borrowed(value), after));
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next().map(|c| if c == 'n' { '\n' } else { c })),
            c => plain.push(c),
        }
    }
    Some((Cow::Owned(plain), after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_may_hold_anything() {
        let got =
            parse("# a comment\n# HELP a_b some words\n# TYPE a_b gauge\na_b{x=\"}, \\\"y\\\\\",z=\"\",} +Inf 12\n")
                .unwrap();
        assert_eq!(
            (got.families[0].kind, got.families[0].help),
            (Some("gauge"), Some("some words"))
        );
        let sample = &got.samples[0];
        assert_eq!(
            (sample.labels["x"].as_ref(), sample.labels["z"].as_ref()),
            ("}, \"y\\", "")
        );
        assert_eq!((sample.value, sample.timestamp_ms), (f64::INFINITY, Some(12)));
        assert_eq!(parse("a 1\na{b=\"c} 1\n").unwrap_err().line, 2);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-z{}\"\\\\= 0-9,#\n]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_rendered_is_read_back(
            name in "[a-z_:][a-z0-9_:]{0,20}", value in -1e300f64..1e300, timestamp_ms: Option<i64>,
            labels in proptest::collection::btree_map("[a-z_]{1,8}", "[^\r]{0,12}", 0..4),
        ) {
            let escape = |v: &str| v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            // Other line ends of Unicode are no line ends here.
            let inner: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escape(v))).collect();
            let time = timestamp_ms.map(|t| format!(" {t}")).unwrap_or_default();
            let line = format!("{name}{{{}}} {value:e}{time}\n", inner.join(","));
            let got = parse(&line).unwrap();
            let expected = labels.iter().map(|(k, v)| (k.as_str(), Cow::Borrowed(v.as_str()))).collect();
            prop_assert_eq!(&got.samples[0], &Sample { name: &name, labels: expected, value, timestamp_ms });
        }
    }
}
