//! `/proc/meminfo`: memory of the whole machine.

use crate::ParseError;
use crate::text::{clean, lines};
use std::collections::BTreeMap;

/// Reads `/proc/meminfo`.
///
/// Shape: a map from the name, as printed (`MemAvailable`, `Slab`, ...), to bytes; the `HugePages_*` are counts.
pub fn parse(text: &str) -> Result<BTreeMap<String, u64>, ParseError> {
    let text = clean(text);
    let mut found = BTreeMap::new();
    for line in lines(&text) {
        let (name, rest) = line.text.split_once(':').ok_or_else(|| line.error("`NAME: N kB`"))?;
        let mut words = rest.split_whitespace();
        let number: u64 = line.number(words.next().unwrap_or_default(), name)?;
        let value = match (words.next(), words.next()) {
            (Some("kB"), None) => number.saturating_mul(1024),
            (None, _) => number,
            _ => return Err(line.error("`NAME: N kB`")),
        };
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}
