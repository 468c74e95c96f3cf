//! `/proc/net/snmp`: counters of the standard MIBs.

use super::counters::{Counters, pairs_of_lines};
use crate::ParseError;
use crate::text::clean;

/// Reads `/proc/net/snmp`.
///
/// Shape: a map from the counter's name to its value, with the names of `nstat`: `IpInReceives`, `TcpRetransSegs`.
pub fn parse(text: &str) -> Result<Counters, ParseError> {
    pairs_of_lines(&clean(text))
}
