pub mod iptables_save;

use crate::registry::{Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[Parser {
    name: "iptables_save",
    command: "iptables-save -c",
    versions: &["1.8.9 nft", "1.8.9 legacy", "ip6tables-save 1.8.9"],
    returns: "tables of chains of rules, with counters in packets and bytes, matches, target and the rule's own text",
    parse: |text| to_json(iptables_save::parse(text)),
}];
