use super::{Drop, Flow, Holds, MAX_DEPTH, Packet, device_fits, in_prefix, ports_hold, protocol_holds};
use runbook_parsers::netfilter::nft_ruleset::{self, NftRuleset};

/// Is there any table besides the managed ones?
pub(crate) fn nft_may_drop(ruleset: &NftRuleset) -> bool {
    ruleset.tables.iter().any(|t| !is_managed(t))
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
                    // Which port a new connection comes from is not known.
                    Some("sport") if packet.source_port.is_some() => {
                        protocol.and(operand(&mut words, |v| match ports_hold(v, packet.source_port) {
                            Holds::Maybe => None,
                            known => Some(known == Holds::Yes),
                        }))
                    }
                    _ => protocol.and(Holds::Maybe),
                }
            }
            "ct" => match words.next().as_deref() {
                Some("state") => operand(&mut words, |v| Some(v == packet.state())),
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
