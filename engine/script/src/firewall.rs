//! Which rules of a node's firewall would drop a packet. Calico's and kube-proxy's own chains are not looked into:
//! what they do follows from policy and Services, which the model computes.

use runbook_parsers::netfilter::{
    iptables_save::{Chain, IptablesSave, Operand, Rule},
    nft_ruleset::{self, NftRuleset},
};
use serde::Serialize;
use std::net::IpAddr;

/// The packet in question. What is not said is not known, except the protocol: a packet without one stands for all
/// traffic between two addresses, and rules for one protocol do not concern it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packet {
    pub(crate) hook: Hook,
    pub(crate) protocol: Option<String>,
    pub(crate) port: Option<u16>,
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

/// Rules of `iptables-save` that drop the packet.
pub(crate) fn iptables_drops(dump: &IptablesSave<'_>, packet: &Packet) -> Vec<Drop> {
    let mut walk = Walk {
        packet,
        found: vec![],
        certain: true,
        table: "",
        chains: &[],
    };
    for (base, tables) in packet.hook.chains() {
        for table in dump.tables.iter().filter(|t| tables.contains(&t.name)) {
            walk.table = table.name;
            walk.chains = &table.chains;
            let Some(chain) = table.chains.iter().find(|c| c.name == *base) else {
                continue;
            };
            // Each table judges for itself, and what was uncertain in one says nothing about the next.
            walk.certain = true;
            if walk.chain(chain, 0) == Flow::Dropped {
                return walk.found;
            }
        }
    }
    walk.found
}

struct Walk<'a> {
    packet: &'a Packet,
    found: Vec<Drop>,
    /// No rule so far may have accepted the packet, or sent it elsewhere.
    certain: bool,
    table: &'a str,
    chains: &'a [Chain<'a>],
}

/// Rulesets may jump in circles only when they are broken; the kernel stops at 16 as well.
const MAX_DEPTH: usize = 16;

impl Walk<'_> {
    fn chain(&mut self, chain: &Chain<'_>, depth: usize) -> Flow {
        for rule in &chain.rules {
            let holds = self.rule_holds(rule);
            if holds == Holds::No {
                continue;
            }
            match self.verdict(rule, holds, depth) {
                Flow::GoesOn => {
                    if holds == Holds::Yes && (rule.jump == Some("RETURN") || rule.goto.is_some()) {
                        return Flow::GoesOn;
                    }
                }
                ended if holds == Holds::Yes => return ended,
                _ => self.certain = false,
            }
        }
        match chain.policy {
            Some("DROP") => {
                let packets = chain.packets;
                self.drop(chain.name, "policy drop", packets, Holds::Yes);
                Flow::Dropped
            }
            _ => Flow::GoesOn,
        }
    }

    fn verdict(&mut self, rule: &Rule<'_>, holds: Holds, depth: usize) -> Flow {
        match rule.jump.or(rule.goto) {
            Some("ACCEPT") => Flow::Accepted,
            Some("DROP" | "REJECT") => {
                self.drop(rule.chain, rule.text, rule.packets, holds);
                Flow::Dropped
            }
            Some(name) if !is_ours(name) && depth < MAX_DEPTH => {
                let target = self.chains.iter().find(|c| c.name == name);
                target.map_or(Flow::GoesOn, |c| self.chain(c, depth + 1))
            }
            _ => Flow::GoesOn,
        }
    }

    fn drop(&mut self, chain: &str, rule: &str, packets: Option<u64>, holds: Holds) {
        let certain = self.certain && holds == Holds::Yes;
        let (table, chain, rule) = (self.table.into(), chain.into(), rule.into());
        self.found.push(Drop {
            backend: "iptables",
            table,
            chain,
            rule,
            packets,
            certain,
        });
    }

    fn rule_holds(&self, rule: &Rule<'_>) -> Holds {
        let p = self.packet;
        // Calico marks what policy accepted; whether policy accepts is asked elsewhere.
        if rule
            .comments
            .iter()
            .any(|c| c.contains("Policy explicitly accepted packet"))
        {
            return Holds::Yes;
        }
        let address = |operand: &Option<Operand<'_>>, address: Option<IpAddr>| match operand {
            None => Holds::Yes,
            Some(o) => Holds::from(address.and_then(|a| in_prefix(o.value, a))).negated_if(o.negated),
        };
        let device = |operand: &Option<Operand<'_>>, device: &Option<String>| match operand {
            None => Holds::Yes,
            Some(o) => Holds::from(device.as_deref().map(|d| device_fits(o.value, d, '+'))).negated_if(o.negated),
        };
        let protocol = match &rule.protocol {
            None => Holds::Yes,
            Some(o) => protocol_holds(o.value, p).negated_if(o.negated),
        };
        let mut holds = protocol
            .and(address(&rule.source, p.source))
            .and(address(&rule.destination, p.destination))
            .and(device(&rule.in_interface, &p.in_device))
            .and(device(&rule.out_interface, &p.out_device));
        for m in &rule.matches {
            let value = m.value.as_deref().unwrap_or_default();
            let known = match (m.module, m.option) {
                ("comment", _) | (_, None) => Holds::Yes,
                (_, Some("dport" | "destination-port" | "dports" | "destination-ports")) => ports_hold(value, p.port),
                ("conntrack" | "state", Some("ctstate" | "state")) => {
                    Holds::from(Some(value.split(',').any(|s| s == "NEW")))
                }
                ("addrtype", Some("dst-type")) if value == "LOCAL" => Holds::from(Some(p.hook == Hook::Input)),
                ("addrtype", Some("src-type")) if value == "LOCAL" => Holds::from(Some(p.hook == Hook::Output)),
                _ => Holds::Maybe,
            };
            holds = holds.and(known.negated_if(m.negated));
        }
        holds
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

/// Rules of an nftables ruleset that drop the packet. Tables of Calico, kube-proxy and `iptables-nft` are left out: the
/// last are read from `iptables-save`, which knows them better.
pub(crate) fn nft_drops(ruleset: &NftRuleset, packet: &Packet) -> Vec<Drop> {
    let mut found = vec![];
    for table in ruleset
        .tables
        .iter()
        .filter(|t| !is_managed(t) && !t.flags.iter().any(|f| f == "dormant"))
    {
        for chain in &table.chains {
            let passes = chain
                .hook
                .as_deref()
                .is_some_and(|h| packet.hook.nft_hooks().contains(&h));
            if passes && chain.kind.as_deref() == Some("filter") {
                let mut walk = NftWalk {
                    packet,
                    table,
                    found: &mut found,
                    certain: true,
                };
                walk.chain(chain, 0);
            }
        }
    }
    found
}

fn is_managed(table: &nft_ruleset::Table) -> bool {
    is_managed_table(&table.family, &table.name)
}

/// Does a table belong to Calico, to kube-proxy, or to `iptables-nft`?
pub(crate) fn is_managed_table(family: &str, name: &str) -> bool {
    let by_iptables = ["filter", "nat", "mangle", "raw", "security"].contains(&name);
    ["calico", "calico-arp", "kube-proxy"].contains(&name) || (by_iptables && ["ip", "ip6"].contains(&family))
}

struct NftWalk<'a> {
    packet: &'a Packet,
    table: &'a nft_ruleset::Table,
    found: &'a mut Vec<Drop>,
    certain: bool,
}

impl NftWalk<'_> {
    fn chain(&mut self, chain: &nft_ruleset::Chain, depth: usize) -> Flow {
        for rule in &chain.rules {
            let (Some(text), Some(verdict)) = (rule.text.as_deref(), &rule.verdict) else {
                continue;
            };
            let holds = nft_rule_holds(text, self.packet);
            if holds == Holds::No {
                continue;
            }
            let flow = match verdict.kind.as_str() {
                "accept" => Flow::Accepted,
                "drop" | "reject" => {
                    self.drop(chain, text, rule.counter.map(|c| c.packets), holds);
                    Flow::Dropped
                }
                "jump" | "goto" if depth < MAX_DEPTH => {
                    let target = verdict.target.as_deref();
                    let target = self.table.chains.iter().find(|c| Some(c.name.as_str()) == target);
                    target.map_or(Flow::GoesOn, |c| self.chain(c, depth + 1))
                }
                "return" if holds == Holds::Yes => return Flow::GoesOn,
                "vmap" | "queue" => {
                    self.certain = false;
                    Flow::GoesOn
                }
                _ => Flow::GoesOn,
            };
            match flow {
                Flow::GoesOn => {}
                ended if holds == Holds::Yes => return ended,
                _ => self.certain = false,
            }
        }
        if chain.policy.as_deref() == Some("drop") {
            self.drop(chain, "policy drop", None, Holds::Yes);
            return Flow::Dropped;
        }
        Flow::GoesOn
    }

    fn drop(&mut self, chain: &nft_ruleset::Chain, rule: &str, packets: Option<u64>, holds: Holds) {
        let certain = self.certain && holds == Holds::Yes;
        let table = format!("{} {}", self.table.family, self.table.name);
        self.found.push(Drop {
            backend: "nft",
            table,
            chain: chain.name.clone(),
            rule: rule.into(),
            packets,
            certain,
        });
    }
}

/// Reads the conditions of a rule's text from left to right; the first word that is not known makes it a `Maybe`.
fn nft_rule_holds(text: &str, packet: &Packet) -> Holds {
    let mut words = words_of(text).into_iter().peekable();
    let mut holds = Holds::Yes;
    while let Some(word) = words.next() {
        let condition = match word.as_str() {
            "counter" => {
                // `counter packets 5 bytes 9`
                while words.next_if(|w| ["packets", "bytes"].contains(&w.as_str())).is_some() {
                    words.next();
                }
                continue;
            }
            "accept" | "drop" | "reject" | "return" | "jump" | "goto" | "log" | "comment" => break,
            "iif" | "iifname" | "oif" | "oifname" => {
                let device = if word.starts_with('i') {
                    &packet.in_device
                } else {
                    &packet.out_device
                };
                operand(&mut words, |v| {
                    device.as_deref().map(|d| device_fits(v.trim_matches('"'), d, '*'))
                })
            }
            "ip" | "ip6" => match words.next().as_deref() {
                Some("saddr") => operand(&mut words, |v| packet.source.and_then(|a| in_prefix(v, a))),
                Some("daddr") => operand(&mut words, |v| packet.destination.and_then(|a| in_prefix(v, a))),
                Some("protocol") => operand(&mut words, |v| Some(protocol_holds(v, packet) == Holds::Yes)),
                _ => Holds::Maybe,
            },
            "meta" => match words.next().as_deref() {
                Some("l4proto") => operand(&mut words, |v| Some(protocol_holds(v, packet) == Holds::Yes)),
                Some("nfproto") => operand(&mut words, |v| Some(v == "ipv4")),
                _ => Holds::Maybe,
            },
            "udp" | "tcp" | "th" => {
                let protocol = if word == "th" {
                    Holds::Yes
                } else {
                    protocol_holds(&word, packet)
                };
                match words.next().as_deref() {
                    Some("dport") => protocol.and(operand(&mut words, |v| match ports_hold(v, packet.port) {
                        Holds::Maybe => None,
                        known => Some(known == Holds::Yes),
                    })),
                    _ => protocol.and(Holds::Maybe),
                }
            }
            "ct" => match words.next().as_deref() {
                Some("state") => operand(&mut words, |v| Some(v == "new")),
                _ => Holds::Maybe,
            },
            _ => Holds::Maybe,
        };
        holds = holds.and(condition);
        if holds == Holds::No {
            return Holds::No;
        }
    }
    holds
}

/// One value, a `{ set }` or a comma list, with an optional `!=` before it.
fn operand(words: &mut std::iter::Peekable<std::vec::IntoIter<String>>, fits: impl Fn(&str) -> Option<bool>) -> Holds {
    let negated = words.next_if(|w| w == "!=").is_some();
    let Some(value) = words.next() else { return Holds::Maybe };
    let answers: Vec<Option<bool>> = value
        .trim_matches(['{', '}'])
        .split(',')
        .map(|v| fits(v.trim()))
        .collect();
    let any = match (answers.contains(&Some(true)), answers.contains(&None)) {
        (true, _) => Holds::Yes,
        (_, true) => Holds::Maybe,
        _ => Holds::No,
    };
    any.negated_if(negated)
}

/// Splits at blanks, but keeps `{ a, b }` together.
fn words_of(text: &str) -> Vec<String> {
    let (mut words, mut current, mut depth) = (vec![], String::new(), 0);
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if c.is_whitespace() && depth == 0 {
            if !current.is_empty() {
                words.push(std::mem::take(&mut current));
            }
        } else {
            current.push(c);
        }
    }
    words.extend((!current.is_empty()).then_some(current));
    words
}

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
}
