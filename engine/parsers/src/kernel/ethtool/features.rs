//! `ethtool -k`: which work is left to the device.

use crate::ParseError;
use crate::text::{Line, clean, lines};
use serde::Serialize;
use std::collections::BTreeMap;

/// One offload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Feature {
    pub on: bool,
    /// Cannot be changed.
    pub fixed: bool,
    /// What was asked for, where it differs: something else it needs is off.
    pub requested_on: Option<bool>,
}

/// Reads `ethtool -k NAME`.
///
/// Shape: a map from the offload's name (`tx-checksumming`, `generic-receive-offload`, ...) to [`Feature`].
pub fn parse(text: &str) -> Result<BTreeMap<String, Feature>, ParseError> {
    let text = clean(text);
    let features = lines(&text)
        .filter(|line| !line.text.starts_with("Features for "))
        .map(feature);
    features.collect()
}

fn feature(line: Line<'_>) -> Result<(String, Feature), ParseError> {
    const EXPECTED: &str = "`NAME: on|off [fixed|requested on|requested off]`";
    let (name, value) = line.text.split_once(':').ok_or_else(|| line.error(EXPECTED))?;
    let (state, note) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    let on = |word: &str| match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    };
    let mut found = Feature {
        on: on(state).ok_or_else(|| line.error(EXPECTED))?,
        ..Feature::default()
    };
    match note {
        "" | "[not requested]" => {}
        "[fixed]" => found.fixed = true,
        _ => {
            let requested = note.strip_prefix("[requested ").and_then(|n| on(n.strip_suffix(']')?));
            found.requested_on = Some(requested.ok_or_else(|| line.error(EXPECTED))?);
        }
    }
    Ok((name.trim().to_owned(), found))
}
