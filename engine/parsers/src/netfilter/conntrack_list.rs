//! `conntrack -L`, with `-o extended`, `-o id` and `-o timestamp`; also `/proc/net/nf_conntrack`.

use crate::ParseError;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ConntrackList<'a> {
    pub entries: Vec<Entry<'a>>,
    /// From the closing line, which `conntrack` prints to stderr.
    pub shown: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Entry<'a> {
    /// `ipv4`, `ipv6`; with `-o extended` only.
    pub family: Option<&'a str>,
    /// `tcp`, `udp`, `icmp`, `unknown`, ...
    pub protocol: &'a str,
    pub protocol_number: u32,
    /// Until the entry goes away, if nothing comes. `null` for offloaded entries.
    pub timeout_s: Option<u64>,
    /// Of TCP and SCTP: `ESTABLISHED`, `SYN_SENT`, `TIME_WAIT`, ...
    pub state: Option<&'a str>,
    /// As the first packet was sent.
    pub original: Direction<'a>,
    /// What answers look like; after NAT it is not the mirror of `original`.
    pub reply: Direction<'a>,
    /// No answer was seen.
    pub unreplied: bool,
    /// Kept when the table is full.
    pub assured: bool,
    /// `OFFLOAD`, `HW_OFFLOAD` and other words in brackets.
    pub flags: Vec<&'a str>,
    pub mark: Option<u64>,
    pub zone: Option<u64>,
    pub id: Option<u64>,
    /// Other pairs as printed: `use=1`, `secctx=...`.
    pub other: Vec<Pair<'a>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Direction<'a> {
    pub source: Option<&'a str>,
    pub destination: Option<&'a str>,
    pub source_port: Option<u16>,
    pub destination_port: Option<u16>,
    pub icmp_type: Option<u8>,
    pub icmp_code: Option<u8>,
    pub icmp_id: Option<u16>,
    /// Counted only with `net.netfilter.nf_conntrack_acct=1`.
    pub packets: Option<u64>,
    pub bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pair<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

const EXPECTED: &str = "`protocol number [timeout] [STATE] src=.. dst=.. ...` twice, then flags and marks";

/// Reads the output of `conntrack -L`.
///
/// Shape: one entry per flow, in the table's order, which means nothing.
pub fn parse(text: &str) -> Result<ConntrackList<'_>, ParseError> {
    let mut list = ConntrackList::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if let Some(rest) = line.strip_prefix("conntrack v") {
            let count = rest
                .split_once("): ")
                .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
            list.shown =
                Some(count.ok_or_else(|| ParseError::new(index + 1, line, "`N flow entries have been shown`"))?);
        } else {
            list.entries
                .push(entry(line).ok_or_else(|| ParseError::new(index + 1, line, EXPECTED))?);
        }
    }
    Ok(list)
}

/// `tcp      6 116 TIME_WAIT src=10.66.7.2 dst=.. sport=44556 dport=8080 src=.. dst=.. sport=.. dport=.. [ASSURED] mark=0 use=1`
fn entry(line: &str) -> Option<Entry<'_>> {
    let mut words = line.split_ascii_whitespace().peekable();
    // A time in brackets stands first with `-o timestamp`.
    words.next_if(|w| w.starts_with('[') && w.as_bytes().get(1).is_some_and(u8::is_ascii_digit));
    let mut entry = Entry::default();
    if let Some(family) = words.next_if(|w| matches!(*w, "ipv4" | "ipv6")) {
        entry.family = Some(family);
        words.next()?;
    }
    entry.protocol = words.next()?;
    entry.protocol_number = words.next()?.parse().ok()?;
    let timeout = words.next_if(|w| w.bytes().all(|b| b.is_ascii_digit()));
    entry.timeout_s = timeout.map(str::parse).transpose().ok()?;
    entry.state = words.next_if(|w| !w.contains(['=', '[']));
    let mut sources = 0;
    for word in words {
        if let Some(flag) = word.strip_prefix('[').and_then(|w| w.strip_suffix(']')) {
            entry.flag(flag);
            continue;
        }
        let (name, value) = word.split_once('=')?;
        sources += usize::from(name == "src");
        let direction = if sources < 2 {
            &mut entry.original
        } else {
            &mut entry.reply
        };
        if !direction.field(name, value)? {
            entry.field(name, value)?;
        }
    }
    (sources == 2).then_some(entry)
}

impl<'a> Direction<'a> {
    /// Whether the name is one of a direction; `None` for a value that makes no sense.
    fn field(&mut self, name: &str, value: &'a str) -> Option<bool> {
        match name {
            "src" => self.source = Some(value),
            "dst" => self.destination = Some(value),
            "sport" => self.source_port = Some(value.parse().ok()?),
            "dport" => self.destination_port = Some(value.parse().ok()?),
            "type" => self.icmp_type = Some(value.parse().ok()?),
            "code" => self.icmp_code = Some(value.parse().ok()?),
            // The identifier of an echo; entries have an `id` of their own at the end.
            "id" if self.icmp_type.is_some() && self.icmp_id.is_none() => self.icmp_id = Some(value.parse().ok()?),
            "packets" => self.packets = Some(value.parse().ok()?),
            "bytes" => self.bytes = Some(value.parse().ok()?),
            _ => return Some(false),
        }
        Some(true)
    }
}

impl<'a> Entry<'a> {
    fn flag(&mut self, flag: &'a str) {
        match flag {
            "UNREPLIED" => self.unreplied = true,
            "ASSURED" => self.assured = true,
            _ => self.flags.push(flag),
        }
    }

    fn field(&mut self, name: &'a str, value: &'a str) -> Option<()> {
        match name {
            "mark" => self.mark = Some(value.parse().ok()?),
            "zone" => self.zone = Some(value.parse().ok()?),
            "id" => self.id = Some(value.parse().ok()?),
            _ => self.other.push(Pair { name, value }),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nat_shows_in_the_reply() {
        let got = parse(
            "[1700000000.5]\tipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.96.0.1 sport=4000 dport=443 packets=3 bytes=180 \
             [UNREPLIED] src=192.0.2.9 dst=192.0.2.1 sport=6443 dport=4000 packets=0 bytes=0 [OFFLOAD] mark=65536 zone=2 use=1 id=77\n\
             conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.\n",
        )
        .unwrap();
        let entry = &got.entries[0];
        assert_eq!(
            (entry.original.destination_port, entry.reply.source),
            (Some(443), Some("192.0.2.9"))
        );
        assert_eq!(
            (entry.mark, entry.zone, entry.id, got.shown),
            (Some(65536), Some(2), Some(77), Some(1))
        );
        assert!(entry.unreplied && !entry.assured && entry.flags == ["OFFLOAD"]);
    }

    #[test]
    fn an_entry_needs_both_directions() {
        assert!(parse("udp 17 3 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2\n").is_err());
        assert!(parse("udp 17 3 src=a dst=b sport=70000 dport=2 src=b dst=a\n").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "((tcp|icmp|src=|id=|type=|[0-9]{1,3}|\\[[A-Z]*\\]?|[a-z=]{1,4})[ \n]?){0,24}") {
            let _ = parse(&text);
        }
    }
}
