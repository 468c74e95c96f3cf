//! The tables that calicoctl and the health servers draw.

/// The cells of `| a | b |`.
pub(super) fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}

/// `+----+----+`
pub(super) fn is_border(line: &str) -> bool {
    line.trim().starts_with("+-")
}
