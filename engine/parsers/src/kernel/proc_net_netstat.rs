//! `/proc/net/netstat`: Linux's own counters.

use super::counters::{Counters, pairs_of_lines};
use crate::ParseError;
use crate::text::clean;

/// Reads `/proc/net/netstat`.
///
/// Shape: a map from the counter's name to its value, with the names of `nstat`: `TcpExtListenDrops`, `IpExtInOctets`.
pub fn parse(text: &str) -> Result<Counters, ParseError> {
    pairs_of_lines(&clean(text))
}
