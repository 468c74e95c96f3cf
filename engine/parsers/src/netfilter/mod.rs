pub mod conntrack_list;
pub mod conntrack_stats;
pub mod ipset;
pub mod ipset_list;
pub mod ipset_save;
pub mod iptables_list;
pub mod iptables_save;
pub mod ipvsadm;
pub mod nft_ruleset;
mod run;

use crate::registry::{Parser, to_json};

pub use run::Run;

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "iptables_save",
        command: "iptables-save -c",
        versions: &["1.8.9 nft", "1.8.9 legacy", "ip6tables-save 1.8.9"],
        returns: "tables of chains of rules, with counters in packets and bytes, matches, target and the rule's own text",
        parse: |text| to_json(iptables_save::parse(text)),
    },
    Parser {
        name: "iptables_list",
        command: "iptables -t filter -L -v -n -x --line-numbers",
        versions: &[
            "1.8.9 nft",
            "1.8.9 legacy",
            "1.8.4 with names of protocols",
            "ip6tables 1.8.9",
        ],
        returns: "chains with policy, references and rules: counters in packets and bytes, target, addresses, comments, details",
        parse: |text| to_json(iptables_list::parse(text)),
    },
    Parser {
        name: "ipvsadm",
        command: "ipvsadm -Ln",
        versions: &["1.31", "1.31 -Sn"],
        returns: "services with protocol, address, port, scheduler, persistence in seconds and their servers",
        parse: |text| to_json(ipvsadm::parse(text)),
    },
    Parser {
        name: "conntrack_list",
        command: "conntrack -L -o extended",
        versions: &["1.4.7", "/proc/net/nf_conntrack"],
        returns: "flows with protocol, state, both directions, flags, mark and timeout in seconds",
        parse: |text| to_json(conntrack_list::parse(text)),
    },
    Parser {
        name: "conntrack_stats",
        command: "conntrack -S",
        versions: &["1.4.7"],
        returns: "counters of connection tracking per CPU, since the start of the machine",
        parse: |text| to_json(conntrack_stats::parse(text)),
    },
    Parser {
        name: "conntrack_count",
        command: "conntrack -C",
        versions: &["1.4.7"],
        returns: "the number of flows",
        parse: |text| to_json(conntrack_stats::parse_count(text)),
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
        versions: &["1.0.6", "1.0.6 JSON"],
        returns: "tables with chains of rules (text, counter, verdict, comment), sets, maps and flowtables",
        parse: |text| to_json(nft_ruleset::parse(text)),
    },
];
