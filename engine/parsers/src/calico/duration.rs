//! Durations as Go prints them: `1m30s`, `500ms`, `1h0m0s`, `1.5s`.

/// In seconds.
pub(super) fn go_duration_s(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(unit_at);
        let unit_end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let factor = match &unit[..unit_end] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = &unit[unit_end..];
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::go_duration_s;

    #[test]
    fn adds_up_what_go_splits() {
        assert_eq!(go_duration_s("1h2m3s"), Some(3723.0));
        assert_eq!(go_duration_s("500ms"), Some(0.5));
        assert_eq!(go_duration_s("1.5s"), Some(1.5));
        assert_eq!(
            (go_duration_s("soon"), go_duration_s("5"), go_duration_s("")),
            (None, None, None)
        );
    }
}
