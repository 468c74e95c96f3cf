use super::service_iptables::{chain, table};
use super::{Outgoing, OutgoingRule};
use runbook_parsers::netfilter::{
    ipset::Ipsets,
    iptables_save::{IptablesSave, Operand, Rule},
    nft_ruleset::{self, NftRuleset},
};

/// Felix's rules in an `iptables-save`, with the members of the sets that they name.
pub(crate) fn iptables_outgoing(dump: &IptablesSave<'_>, sets: Option<&Ipsets<'_>>) -> Outgoing {
    let mut found = Outgoing::default();
    let Some(nat) = table(dump, "nat") else {
        return found;
    };
    let Some(own) = chain(nat, "cali-nat-outgoing") else {
        return found;
    };
    found.dataplane = Some("iptables");
    let to_felix = |r: &Rule<'_>| r.jump == Some("cali-POSTROUTING");
    let base = chain(nat, "POSTROUTING");
    let jump = base.and_then(|c| c.rules.iter().find(|r| to_felix(r)));
    let inner =
        chain(nat, "cali-POSTROUTING").is_some_and(|c| c.rules.iter().any(|r| r.jump == Some("cali-nat-outgoing")));
    found.hooked = jump.is_some() && inner;
    found.packets = jump.and_then(|r| r.packets);
    let before = base
        .into_iter()
        .flat_map(|c| c.rules.iter())
        .take_while(|r| !to_felix(r));
    found.before = before
        .filter(|r| r.jump != Some("KUBE-POSTROUTING"))
        .map(|r| r.text.to_owned())
        .collect();
    found.rules = own.rules.iter().filter_map(iptables_rule).collect();
    let members = |name: &Option<String>| {
        let name = name.as_deref()?;
        let set = sets?.sets.iter().find(|s| s.name == name)?;
        Some(set.members.iter().map(|m| (*m).to_owned()).collect())
    };
    found.sources = found.rules.iter().find_map(|r| members(&r.source_set));
    found.exempt = found.rules.iter().find_map(|r| members(&r.exempt_set));
    found
}

fn iptables_rule(rule: &Rule<'_>) -> Option<OutgoingRule> {
    let kind = match rule.jump? {
        "MASQUERADE" => "masquerade",
        "SNAT" => "snat",
        _ => return None,
    };
    let option = |name: &str| {
        rule.target_options
            .iter()
            .find(|o| o.option == name)
            .and_then(|o| o.value.as_deref())
    };
    let set = |side: &str, negated: bool| {
        let fits = |m: &&runbook_parsers::netfilter::iptables_save::Match<'_>| {
            m.module == "set" && m.option == Some("match-set") && m.negated == negated
        };
        let mut values = rule.matches.iter().filter(fits).filter_map(|m| m.value.as_deref());
        values.find_map(|v| v.strip_suffix(side).map(|name| name.trim().to_owned()))
    };
    let (to, ports) = match option("to-source").map(super::place) {
        Some((address, port)) => (Some(address), port.map(|p| p.to_string())),
        None => (None, option("to-ports").map(String::from)),
    };
    Some(OutgoingRule {
        text: rule.text.to_owned(),
        kind,
        to,
        ports,
        out_device: rule.out_interface.map(device),
        protocol: rule.protocol.map(|p| p.value.to_owned()),
        packets: rule.packets,
        source_set: set(" src", false),
        exempt_set: set(" dst", true),
    })
}

fn device(operand: Operand<'_>) -> String {
    if operand.negated {
        format!("!{}", operand.value)
    } else {
        operand.value.to_owned()
    }
}

/// Felix's rules in its own nftables table.
pub(crate) fn nft_outgoing(ruleset: &NftRuleset) -> Outgoing {
    let mut found = Outgoing::default();
    let Some(table) = ruleset.tables.iter().find(|t| t.name == "calico" && t.family == "ip") else {
        return found;
    };
    let chain = |name: &str| table.chains.iter().find(|c| c.name == name);
    let Some(own) = chain("nat-cali-nat-outgoing") else {
        return found;
    };
    found.dataplane = Some("nftables");
    let leads = |r: &&nft_ruleset::Rule, to: &str| r.verdict.as_ref().is_some_and(|v| v.target.as_deref() == Some(to));
    let jump = chain("nat-POSTROUTING").and_then(|c| c.rules.iter().find(|r| leads(r, "nat-cali-POSTROUTING")));
    let inner =
        chain("nat-cali-POSTROUTING").is_some_and(|c| c.rules.iter().any(|r| leads(&r, "nat-cali-nat-outgoing")));
    found.hooked = jump.is_some() && inner;
    found.packets = jump.and_then(|r| r.counter).map(|c| c.packets);
    found.rules = own.rules.iter().filter_map(nft_rule).collect();
    let members = |name: &Option<String>| {
        let name = name.as_deref()?;
        Some(table.sets.iter().find(|s| s.name == name)?.elements.clone())
    };
    found.sources = found.rules.iter().find_map(|r| members(&r.source_set));
    found.exempt = found.rules.iter().find_map(|r| members(&r.exempt_set));
    found
}

/// `ip saddr @cali40masq-ipam-pools ip daddr != @cali40network-ip-pools counter packets 12 bytes 864 masquerade fully-random`
fn nft_rule(rule: &nft_ruleset::Rule) -> Option<OutgoingRule> {
    let verdict = rule.verdict.as_ref()?;
    let kind = match verdict.kind.as_str() {
        "masquerade" => "masquerade",
        "snat" => "snat",
        _ => return None,
    };
    let text = rule.text.clone().unwrap_or_default();
    let after = |words: &str| {
        let (_, rest) = text.split_once(words)?;
        rest.split_whitespace().next().map(|w| w.trim_matches('"').to_owned())
    };
    // `to :4790-65535` names ports alone, `to 192.0.2.9:4790-65535` an address too.
    let to = after(" to ").map(|to| match to.rsplit_once(':') {
        Some((address, ports)) => (
            Some(address.to_owned()).filter(|a| !a.is_empty()),
            Some(ports.to_owned()),
        ),
        None => (Some(to), None),
    });
    let (to, ports) = to.unwrap_or_default();
    let out_device = after("oifname != ")
        .map(|d| format!("!{d}"))
        .or_else(|| after("oifname "));
    Some(OutgoingRule {
        kind,
        to,
        ports,
        out_device,
        protocol: after("meta l4proto "),
        packets: rule.counter.map(|c| c.packets),
        source_set: after("ip saddr @"),
        exempt_set: after("ip daddr != @"),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use runbook_parsers::netfilter::{ipset_save, iptables_save};

    #[test]
    fn a_rule_and_its_sets() {
        let dump = "*nat\n:POSTROUTING ACCEPT [0:0]\n:cali-POSTROUTING - [0:0]\n:cali-nat-outgoing - [0:0]\n\
            [9:1] -A POSTROUTING -s 10.244.0.0/16 -j ACCEPT\n[3:1] -A POSTROUTING -j cali-POSTROUTING\n[3:1] -A cali-POSTROUTING -j cali-nat-outgoing\n\
            [1:1] -A cali-nat-outgoing -o eth1 -m set --match-set cali40masq-ipam-pools src -m set ! --match-set cali40all-ipam-pools dst -j SNAT --to-source 192.0.2.9\nCOMMIT\n";
        let sets =
            "create cali40masq-ipam-pools hash:net family inet maxelem 9\nadd cali40masq-ipam-pools 10.244.0.0/16\n";
        let found = iptables_outgoing(
            &iptables_save::parse(dump).unwrap(),
            Some(&ipset_save::parse(sets).unwrap()),
        );
        let rule = &found.rules[0];
        assert!(found.hooked && found.packets == Some(3) && found.before.len() == 1);
        assert_eq!(
            (rule.kind, rule.to.as_deref(), rule.out_device.as_deref()),
            ("snat", Some("192.0.2.9"), Some("eth1"))
        );
        assert_eq!(rule.exempt_set.as_deref(), Some("cali40all-ipam-pools"));
        assert_eq!(found.sources, Some(vec!["10.244.0.0/16".to_owned()]));
        assert_eq!(found.exempt, None);
    }
}
