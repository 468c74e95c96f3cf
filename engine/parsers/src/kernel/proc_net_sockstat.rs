//! `/proc/net/sockstat` and `sockstat6`: sockets in use.

use crate::ParseError;
use crate::text::{clean, lines};
use std::collections::BTreeMap;

/// Reads `/proc/net/sockstat` and `/proc/net/sockstat6`.
///
/// Shape: a map from protocol (`sockets`, `TCP`, `UDP`, `FRAG6`, ...) to a map from name (`inuse`, `orphan`, `tw`,
/// `alloc`, `mem`, `memory`, `used`) to number. `mem` is in pages, `memory` in bytes.
pub fn parse(text: &str) -> Result<BTreeMap<String, BTreeMap<String, i64>>, ParseError> {
    let text = clean(text);
    let mut found = BTreeMap::new();
    for line in lines(&text) {
        let (protocol, rest) = line
            .text
            .split_once(": ")
            .ok_or_else(|| line.error("`PROTOCOL: NAME N ...`"))?;
        let mut values = BTreeMap::new();
        let mut words = rest.split_whitespace();
        while let Some(name) = words.next() {
            let word = words
                .next()
                .ok_or_else(|| line.error(format!("a number after `{name}`")))?;
            values.insert(name.to_owned(), line.number(word, name)?);
        }
        found.insert(protocol.to_owned(), values);
    }
    Ok(found)
}
