//! `/proc/net/snmp6`: IPv6 counters.

use super::counters::{Counters, value};
use crate::ParseError;
use crate::text::{clean, lines};

/// Reads `/proc/net/snmp6`, of the whole namespace or of one device (`/proc/net/dev_snmp6/NAME`).
///
/// Shape: a map from the counter's name to its value, with the names of `nstat`: `Ip6InReceives`. A device's file also
/// has `ifIndex`.
pub fn parse(text: &str) -> Result<Counters, ParseError> {
    let text = clean(text);
    let mut counters = Counters::new();
    for line in lines(&text) {
        let mut words = line.words();
        let (Some(name), Some(count), None) = (words.next(), words.next(), words.next()) else {
            return Err(line.error("`NAME VALUE`"));
        };
        counters.insert(name.to_owned(), value(line, count)?);
    }
    Ok(counters)
}
