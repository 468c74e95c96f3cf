//! Kernel counters by the names that `nstat` uses, whatever they were read from.

use crate::ParseError;
use crate::text::{Line, lines};
use std::collections::BTreeMap;

/// Names like `IpInReceives`, `TcpRetransSegs`, `TcpExtListenDrops`, `Icmp6InMsgs`.
pub type Counters = BTreeMap<String, i64>;

/// A counter is 64 bits wide. What does not fit a signed number is a negative one that was printed without its sign.
pub(crate) fn value(line: Line<'_>, word: &str) -> Result<i64, ParseError> {
    word.parse::<i64>()
        .or_else(|_| word.parse::<u64>().map(u64::cast_signed))
        .map_err(|_| {
            line.error(format!(
                "a whole number, not `{}`",
                word.chars().take(40).collect::<String>()
            ))
        })
}

/// `/proc/net/snmp` and `/proc/net/netstat`: a line of names, then a line of values, both with the group in front.
pub(crate) fn pairs_of_lines(text: &str) -> Result<Counters, ParseError> {
    let mut counters = Counters::new();
    let mut lines = lines(text);
    while let Some(header) = lines.next() {
        let group = header.text.split_once(": ").map(|(group, _)| group);
        let group = group.filter(|g| !g.contains(char::is_whitespace));
        let group = group.ok_or_else(|| header.error("`GROUP: NAME NAME ...`"))?;
        let values = lines
            .next()
            .ok_or_else(|| header.error("a line of values after this line of names"))?;
        let mut names = header.words().skip(1);
        let mut words = values.words();
        if words.next().and_then(|w| w.strip_suffix(':')) != Some(group) {
            return Err(values.error(format!("`{group}: VALUE VALUE ...`")));
        }
        for word in words {
            let name = names.next().ok_or_else(|| values.error("as many values as names"))?;
            counters.insert(format!("{group}{name}"), value(values, word)?);
        }
        if names.next().is_some() {
            return Err(values.error("as many values as names"));
        }
    }
    Ok(counters)
}
