pub mod ipset;
pub mod ipset_list;
pub mod ipset_save;
pub mod iptables_save;
pub mod nft_ruleset;

use crate::registry::{Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "iptables_save",
        command: "iptables-save -c",
        versions: &["1.8.9 nft", "1.8.9 legacy", "ip6tables-save 1.8.9"],
        returns: "tables of chains of rules, with counters in packets and bytes, matches, target and the rule's own text",
        parse: |text| to_json(iptables_save::parse(text)),
    },
    Parser {
        name: "ipset_save",
        command: "ipset save",
        versions: &["7.17"],
        returns: "sets with type, family, options and members",
        parse: |text| to_json(ipset_save::parse(text)),
    },
    Parser {
        name: "ipset_list",
        command: "ipset list",
        versions: &["7.17"],
        returns: "sets with type, family, options, size in bytes, references and members",
        parse: |text| to_json(ipset_list::parse(text)),
    },
    Parser {
        name: "nft_ruleset",
        command: "nft list ruleset",
        versions: &["1.0.6"],
        returns: "tables with chains of rules (text, counter, verdict, comment), sets, maps and flowtables",
        parse: |text| to_json(nft_ruleset::parse(text)),
    },
];
