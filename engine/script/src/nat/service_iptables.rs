use super::{Endpoint, ServiceRules, Wanted, place};
use runbook_parsers::netfilter::iptables_save::{Chain, IptablesSave, Rule, Table};

/// Chains lead to chains: `KUBE-SERVICES`, `KUBE-EXT-`, `KUBE-SVC-` or `KUBE-SVL-`, `KUBE-SEP-`.
const MAX_DEPTH: usize = 6;

/// kube-proxy's rules in an `iptables-save`. In its IPVS mode they only lead to the kernel's own tables.
pub(crate) fn iptables_service(dump: &IptablesSave<'_>, wanted: &Wanted) -> ServiceRules {
    let mut found = ServiceRules::default();
    let Some(nat) = table(dump, "nat") else {
        return found;
    };
    let Some(services) = chain(nat, "KUBE-SERVICES").filter(|c| !c.rules.is_empty()) else {
        return found;
    };
    let by_set = |r: &Rule<'_>| {
        r.matches
            .iter()
            .any(|m| m.value.as_deref().is_some_and(|v| v.starts_with("KUBE-CLUSTER-IP")))
    };
    found.mode = Some(if services.rules.iter().any(by_set) {
        "ipvs"
    } else {
        "iptables"
    });
    found.hooked =
        chain(nat, "PREROUTING").is_some_and(|c| c.rules.iter().any(|r| leads_to(r) == Some("KUBE-SERVICES")));
    found.known = services.rules.iter().filter(|r| r.destination.is_some()).count();
    let start = if wanted.address.is_some() {
        Some(services)
    } else {
        chain(nat, "KUBE-NODEPORTS")
    };
    for rule in start
        .into_iter()
        .flat_map(|c| c.rules.iter())
        .filter(|r| catches(r, wanted))
    {
        found.note(rule);
        if let Some(next) = leads_to(rule) {
            follow(nat, next, 0, &mut found);
        }
    }
    if let Some(filter) = table(dump, "filter") {
        refusals(filter, wanted, &mut found);
    }
    found
}

impl ServiceRules {
    fn note(&mut self, rule: &Rule<'_>) {
        self.found = true;
        self.packets = self.packets.max(rule.packets);
        self.rule.get_or_insert_with(|| rule.text.to_owned());
    }
}

/// `has no endpoints -j REJECT`, or `-j DROP` for a Service that only takes local ones.
fn refusals(filter: &Table<'_>, wanted: &Wanted, found: &mut ServiceRules) {
    for name in ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES"] {
        for rule in chain(filter, name).into_iter().flat_map(|c| c.rules.iter()) {
            let refuses = matches!(rule.jump, Some("REJECT" | "DROP"));
            found.known += usize::from(refuses && rule.destination.is_some());
            if refuses && catches(rule, wanted) {
                found.note(rule);
                found.rejected = true;
            }
        }
    }
}

fn follow(nat: &Table<'_>, name: &str, depth: usize, found: &mut ServiceRules) {
    let Some(chain) = chain(nat, name).filter(|_| depth < MAX_DEPTH) else {
        return;
    };
    if name.starts_with("KUBE-SEP-") {
        endpoint(chain, found);
        return;
    }
    for rule in chain.rules.iter() {
        found.affinity |= rule.matches.iter().any(|m| m.module == "recent");
        if let Some(next) = leads_to(rule)
            .filter(|n| n.starts_with("KUBE-S") || n.starts_with("KUBE-EXT-") || n.starts_with("KUBE-XLB-"))
        {
            follow(nat, next, depth + 1, found);
        }
    }
}

/// `-s 10.244.1.7/32 -j KUBE-MARK-MASQ` and `-j DNAT --to-destination 10.244.1.7:8080`
fn endpoint(chain: &Chain<'_>, found: &mut ServiceRules) {
    for rule in chain.rules.iter().filter(|r| r.jump == Some("DNAT")) {
        let to = rule.target_options.iter().find(|o| o.option == "to-destination");
        let Some((address, port)) = to.and_then(|o| o.value.as_deref()).map(place) else {
            continue;
        };
        let itself =
            |r: &Rule<'_>| r.jump == Some("KUBE-MARK-MASQ") && r.source.is_some_and(|s| same(s.value, &address));
        let hairpin = Some(chain.rules.iter().any(itself));
        found.add(Endpoint {
            address,
            port,
            packets: rule.packets,
            hairpin,
        });
    }
}

fn catches(rule: &Rule<'_>, wanted: &Wanted) -> bool {
    let address = match (&wanted.address, rule.destination) {
        (Some(wanted), Some(d)) => !d.negated && same(d.value, wanted),
        (None, None) => true,
        _ => false,
    };
    let protocol = rule
        .protocol
        .is_some_and(|p| !p.negated && p.value.eq_ignore_ascii_case(&wanted.protocol));
    let port = |m: &runbook_parsers::netfilter::iptables_save::Match<'_>| {
        m.option == Some("dport") && !m.negated && m.value.as_deref() == Some(&wanted.port.to_string())
    };
    address && protocol && rule.matches.iter().any(port)
}

fn same(prefix: &str, address: &str) -> bool {
    prefix.split('/').next() == Some(address)
}

fn leads_to<'a>(rule: &Rule<'a>) -> Option<&'a str> {
    rule.jump.or(rule.goto)
}

pub(super) fn table<'a, 'b>(dump: &'a IptablesSave<'b>, name: &str) -> Option<&'a Table<'b>> {
    dump.tables.iter().find(|t| t.name == name)
}

pub(super) fn chain<'a, 'b>(table: &'a Table<'b>, name: &str) -> Option<&'a Chain<'b>> {
    table.chains.iter().find(|c| c.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runbook_parsers::netfilter::iptables_save;

    const DUMP: &str = "*filter\n:KUBE-SERVICES - [0:0]\n\
        -A KUBE-SERVICES -d 10.96.0.9/32 -p tcp -m comment --comment \"a/none has no endpoints\" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n\
        *nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n:KUBE-NODEPORTS - [0:0]\n:KUBE-EXT-A - [0:0]\n:KUBE-SVC-A - [0:0]\n:KUBE-SEP-1 - [0:0]\n:KUBE-SEP-2 - [0:0]\n\
        -A PREROUTING -j KUBE-SERVICES\n\
        -A KUBE-SERVICES -d 10.96.0.5/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A\n\
        -A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-EXT-A\n\
        -A KUBE-EXT-A -j KUBE-MARK-MASQ\n-A KUBE-EXT-A -j KUBE-SVC-A\n\
        -A KUBE-SVC-A -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-1 --mask 255.255.255.255 --rsource -j KUBE-SEP-1\n\
        -A KUBE-SVC-A -m statistic --mode random --probability 0.5 -j KUBE-SEP-1\n-A KUBE-SVC-A -j KUBE-SEP-2\n\
        -A KUBE-SEP-1 -s 10.244.1.7/32 -j KUBE-MARK-MASQ\n-A KUBE-SEP-1 -p tcp -m tcp -j DNAT --to-destination 10.244.1.7:8080\n\
        -A KUBE-SEP-2 -p tcp -m tcp -j DNAT --to-destination 10.244.2.7:8080\nCOMMIT\n";

    fn ask(address: Option<&str>, port: u16) -> ServiceRules {
        let wanted = Wanted {
            address: address.map(String::from),
            port,
            protocol: "tcp".into(),
        };
        iptables_service(&iptables_save::parse(DUMP).unwrap(), &wanted)
    }

    #[test]
    fn endpoints_are_followed_through_the_chains() {
        for rules in [ask(Some("10.96.0.5"), 80), ask(None, 30080)] {
            let seen = rules
                .endpoints
                .iter()
                .map(|e| (e.address.as_str(), e.port, e.hairpin))
                .collect::<Vec<_>>();
            assert_eq!(
                seen,
                [
                    ("10.244.1.7", Some(8080), Some(true)),
                    ("10.244.2.7", Some(8080), Some(false))
                ]
            );
            assert!(rules.found && rules.hooked && rules.affinity && !rules.rejected);
        }
    }

    #[test]
    fn want_of_endpoints_is_a_refusal() {
        let rules = ask(Some("10.96.0.9"), 80);
        assert!(rules.found && rules.rejected && rules.endpoints.is_empty());
        assert!(!ask(Some("10.96.0.5"), 81).found);
    }
}
