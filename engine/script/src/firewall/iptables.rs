use super::{Drop, Flow, Holds, Hook, MAX_DEPTH, Packet, device_fits, in_prefix, is_ours, ports_hold, protocol_holds};
use runbook_parsers::netfilter::iptables_save::{Chain, IptablesSave, Operand, Rule};
use std::net::IpAddr;

/// Is there any rule or policy, besides those of Calico and kube-proxy, that drops anything?
pub(crate) fn iptables_may_drop(dump: &IptablesSave<'_>) -> bool {
    let drops = |rule: &Rule<'_>| matches!(rule.jump.or(rule.goto), Some("DROP" | "REJECT"));
    let mut foreign = dump
        .tables
        .iter()
        .flat_map(|t| t.chains.iter())
        .filter(|c| !is_ours(c.name));
    foreign.any(|c| c.policy == Some("DROP") || c.rules.iter().any(drops))
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

struct Walk<'w, 't> {
    packet: &'w Packet,
    found: Vec<Drop>,
    /// No rule so far may have accepted the packet, or sent it elsewhere.
    certain: bool,
    table: &'w str,
    chains: &'w [Chain<'t>],
}

impl Walk<'_, '_> {
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
                (_, Some("sport" | "source-port" | "sports" | "source-ports")) if p.source_port.is_some() => {
                    ports_hold(value, p.source_port)
                }
                ("conntrack" | "state", Some("ctstate" | "state")) => {
                    Holds::from(Some(value.split(',').any(|s| s.eq_ignore_ascii_case(p.state()))))
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
