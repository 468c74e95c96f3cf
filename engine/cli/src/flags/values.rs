//! Values of flags as people type them.

use super::ReportFormat;
use std::{path::PathBuf, time::Duration};

/// `30s`, `2m`, `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time: say 30s, 2m or 1h");
    let read: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(read).ok().filter(|d| !d.is_zero()).ok_or_else(wrong)
}

pub(super) fn node_host(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((node, host)) if !node.is_empty() && !host.is_empty() => Ok((node.into(), host.into())),
        _ => Err(format!("`{text}` is not NODE=HOST: say worker-1=ops@192.0.2.12")),
    }
}

pub(super) fn report_target(text: &str) -> Result<(ReportFormat, PathBuf), String> {
    match text.split_once('=') {
        Some(("text", path)) if !path.is_empty() => Ok((ReportFormat::Text, path.into())),
        Some(("json", path)) if !path.is_empty() => Ok((ReportFormat::Json, path.into())),
        _ => Err(format!(
            "`{text}` is not FORMAT=PATH: say json=result.json or text=result.txt"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "0s", "-1s", "soon", "10"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
