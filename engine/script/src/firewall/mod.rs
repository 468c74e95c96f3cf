//! Which rules of a node's firewall would drop a packet. Calico's and kube-proxy's own chains are not looked into:
//! what they do follows from policy and Services, which the model computes.

mod calico;
mod iptables;
mod nft;

pub(crate) use calico::{Programmed, in_iptables, in_nft};
pub(crate) use iptables::{iptables_drops, iptables_may_drop};
pub(crate) use nft::{is_managed_table, nft_drops, nft_may_drop};

use serde::Serialize;
use std::net::IpAddr;

/// The packet in question. What is not said is not known, except the protocol: a packet without one stands for all
/// traffic between two addresses, and rules for one protocol do not concern it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packet {
    pub(crate) hook: Hook,
    pub(crate) protocol: Option<String>,
    pub(crate) port: Option<u16>,
    /// Given for an answer: it belongs to a connection that exists already.
    pub(crate) source_port: Option<u16>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) destination: Option<IpAddr>,
    pub(crate) in_device: Option<String>,
    pub(crate) out_device: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Hook {
    #[default]
    Input,
    Forward,
    Output,
}

impl Hook {
    pub(crate) fn read(word: &str) -> Option<Hook> {
        match word {
            "input" => Some(Hook::Input),
            "forward" => Some(Hook::Forward),
            "output" => Some(Hook::Output),
            _ => None,
        }
    }

    /// The base chains a packet passes, in order.
    fn chains(self) -> &'static [(&'static str, &'static [&'static str])] {
        match self {
            Hook::Input => &[
                ("PREROUTING", &["raw", "mangle"]),
                ("INPUT", &["mangle", "filter", "security"]),
            ],
            Hook::Forward => &[
                ("PREROUTING", &["raw", "mangle"]),
                ("FORWARD", &["mangle", "filter", "security"]),
            ],
            Hook::Output => &[("OUTPUT", &["raw", "mangle", "filter", "security"])],
        }
    }

    fn nft_hooks(self) -> &'static [&'static str] {
        match self {
            Hook::Input => &["ingress", "prerouting", "input"],
            Hook::Forward => &["ingress", "prerouting", "forward", "postrouting"],
            Hook::Output => &["output", "postrouting"],
        }
    }
}

/// A rule, or a base chain's policy, that drops the packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Drop {
    /// `iptables` or `nft`.
    pub(crate) backend: &'static str,
    pub(crate) table: String,
    pub(crate) chain: String,
    /// As printed; `policy drop` for a base chain's policy.
    pub(crate) rule: String,
    /// What has passed it since it was made; `null` without a counter.
    pub(crate) packets: Option<u64>,
    /// Every condition of the rule was understood and holds for the packet.
    pub(crate) certain: bool,
}

/// Does a condition hold? Unknown conditions may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    Maybe,
}

impl Holds {
    fn from(known: Option<bool>) -> Holds {
        known.map_or(Holds::Maybe, |b| if b { Holds::Yes } else { Holds::No })
    }

    fn and(self, other: Holds) -> Holds {
        match (self, other) {
            (Holds::No, _) | (_, Holds::No) => Holds::No,
            (Holds::Yes, Holds::Yes) => Holds::Yes,
            _ => Holds::Maybe,
        }
    }

    fn negated_if(self, negated: bool) -> Holds {
        match (self, negated) {
            (Holds::Yes, true) => Holds::No,
            (Holds::No, true) => Holds::Yes,
            (same, _) => same,
        }
    }
}

/// How a walk through a chain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    GoesOn,
    Accepted,
    Dropped,
}

fn is_ours(chain: &str) -> bool {
    ["cali-", "KUBE-", "kube-", "filter-cali-"]
        .iter()
        .any(|p| chain.starts_with(p))
}

impl Packet {
    /// The state that connection tracking gives it, in the words of nft.
    fn state(&self) -> &'static str {
        if self.source_port.is_some() {
            "established"
        } else {
            "new"
        }
    }
}

fn in_prefix(prefix: &str, address: IpAddr) -> Option<bool> {
    let network: ipnet::IpNet = prefix
        .parse()
        .ok()
        .or_else(|| prefix.parse::<IpAddr>().ok().map(Into::into))?;
    Some(network.contains(&address))
}

fn device_fits(pattern: &str, device: &str, wildcard: char) -> bool {
    pattern
        .strip_suffix(wildcard)
        .map_or(pattern == device, |start| device.starts_with(start))
}

fn protocol_holds(protocol: &str, packet: &Packet) -> Holds {
    let number = |p: &str| match p {
        "icmp" => "1".to_string(),
        "ipencap" | "ipip" | "ipv4" => "4".to_string(),
        "tcp" => "6".to_string(),
        "udp" => "17".to_string(),
        other => other.to_string(),
    };
    if protocol == "all" || protocol == "0" {
        return Holds::Yes;
    }
    Holds::from(Some(
        packet
            .protocol
            .as_deref()
            .is_some_and(|p| number(p) == number(protocol)),
    ))
}

/// `80`, `80:90`, `80-90`, or a list of those.
fn ports_hold(list: &str, port: Option<u16>) -> Holds {
    let Some(port) = port else { return Holds::No };
    let fits = |part: &str| {
        let part = part.trim();
        match part.split_once([':', '-']) {
            Some((from, to)) => Some(from.parse::<u16>().ok()? <= port && port <= to.parse().ok()?),
            None => Some(part.parse::<u16>().ok()? == port),
        }
    };
    let known: Vec<Option<bool>> = list.trim_matches(['{', '}', ' ']).split(',').map(fits).collect();
    match (known.contains(&Some(true)), known.contains(&None)) {
        (true, _) => Holds::Yes,
        (_, true) => Holds::Maybe,
        _ => Holds::No,
    }
}

/// Rulesets may jump in circles only when they are broken; the kernel stops at 16 as well.
const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use runbook_parsers::netfilter::{iptables_save, nft_ruleset};

    fn vxlan() -> Packet {
        Packet {
            protocol: Some("udp".into()),
            port: Some(4789),
            source: "192.0.2.1".parse().ok(),
            ..Packet::default()
        }
    }

    fn iptables(rules: &str) -> Vec<(String, bool)> {
        let text = format!(
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:MINE - [0:0]\n:cali-INPUT - [0:0]\n{rules}\nCOMMIT\n"
        );
        let dump = iptables_save::parse(&text).unwrap();
        iptables_drops(&dump, &vxlan())
            .into_iter()
            .map(|d| (d.rule, d.certain))
            .collect()
    }

    #[test]
    fn iptables_rules_are_judged_by_what_they_say() {
        for (rules, want) in [
            ("-A INPUT -p udp -m udp --dport 4789 -j DROP", Some(true)),
            (
                "-A INPUT -p udp -m multiport --dports 4000:5000 -j REJECT --reject-with icmp-port-unreachable",
                Some(true),
            ),
            ("-A INPUT -p tcp -m tcp --dport 4789 -j DROP", None),
            ("-A INPUT -p udp -m udp --dport 53 -j DROP", None),
            ("-A INPUT -s 192.0.2.0/24 -j DROP", Some(true)),
            ("-A INPUT ! -s 192.0.2.0/24 -j DROP", None),
            ("-A INPUT -j MINE\n-A MINE -p udp -j DROP", Some(true)),
            ("-A INPUT -p udp -j ACCEPT\n-A INPUT -j DROP", None),
            (
                "-A INPUT -m mark --mark 0x1/0x1 -j ACCEPT\n-A INPUT -j DROP",
                Some(false),
            ),
            ("-A INPUT -p udp -m limit --limit 1/s -j DROP", Some(false)),
            ("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j DROP", None),
            ("-A INPUT -j cali-INPUT\n-A cali-INPUT -j DROP", None),
            ("-A INPUT -j MINE\n-A MINE -p udp -j RETURN\n-A MINE -j DROP", None),
        ] {
            let found = iptables(rules);
            assert_eq!(found.first().map(|(_, certain)| *certain), want, "{rules}: {found:?}");
        }
    }

    #[test]
    fn a_policy_drops_what_nothing_accepts() {
        let dump = iptables_save::parse("*filter\n:FORWARD DROP [7:420]\nCOMMIT\n").unwrap();
        let found = iptables_drops(
            &dump,
            &Packet {
                hook: Hook::Forward,
                ..Packet::default()
            },
        );
        assert_eq!((found[0].rule.as_str(), found[0].packets), ("policy drop", Some(7)));
    }

    #[test]
    fn nft_rules_are_judged_by_what_they_say() {
        for (rule, want) in [
            ("udp dport 4789 counter packets 85 bytes 10710 drop", Some(true)),
            ("udp dport { 53, 4789 } drop", Some(true)),
            ("tcp dport 4789 drop", None),
            ("ip saddr 192.0.2.0/24 drop", Some(true)),
            ("ip saddr != 192.0.2.0/24 drop", None),
            ("meta l4proto udp drop", Some(true)),
            ("ct state established,related drop", None),
            ("udp dport 4789 limit rate 1/second drop", Some(false)),
            ("meta mark 0x1 drop", Some(false)),
        ] {
            let text = format!(
                "table inet fw {{\n\tchain in {{\n\t\ttype filter hook input priority filter; policy accept;\n\t\t{rule}\n\t}}\n}}\n"
            );
            let found = nft_drops(&nft_ruleset::parse(&text).unwrap(), &vxlan());
            assert_eq!(found.first().map(|d| d.certain), want, "{rule}: {found:?}");
        }
    }

    #[test]
    fn an_answer_comes_from_a_port_and_belongs_to_a_connection() {
        let answer = Packet {
            protocol: Some("tcp".into()),
            source_port: Some(179),
            ..Packet::default()
        };
        for (rule, want) in [
            ("tcp sport 179 drop", Some(true)),
            ("tcp sport 80 drop", None),
            ("tcp dport 179 drop", None),
            ("ct state new drop", None),
            ("ct state established,related accept\n\t\ttcp sport 179 drop", None),
        ] {
            let text = format!(
                "table inet fw {{\n\tchain in {{\n\t\ttype filter hook input priority filter; policy accept;\n\t\t{rule}\n\t}}\n}}\n"
            );
            let found = nft_drops(&nft_ruleset::parse(&text).unwrap(), &answer);
            assert_eq!(found.first().map(|d| d.certain), want, "{rule}: {found:?}");
        }
        let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --sport 179 -j DROP\nCOMMIT\n";
        assert!(iptables_drops(&iptables_save::parse(dump).unwrap(), &answer)[0].certain);
    }
}
