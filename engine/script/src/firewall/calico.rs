//! Where Calico's own rules are on a node, and whether packets enter them.

use runbook_parsers::netfilter::iptables_save::{Backend, IptablesSave, Table};
use runbook_parsers::netfilter::nft_ruleset::{self, NftRuleset};
use serde::Serialize;
use std::collections::BTreeSet;

/// What one set of rules of a node's kernel holds of Calico and kube-proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Programmed {
    /// `legacy`, `nft` (iptables on nftables), `iptables` (which of the two is not told), or `nftables` (Calico's own table).
    pub(crate) backend: &'static str,
    /// Are there any chains of Calico?
    pub(crate) calico: bool,
    /// Are there rules of kube-proxy for Services?
    pub(crate) kube_proxy: bool,
    /// Interfaces of pods with a chain for each direction.
    pub(crate) endpoints: BTreeSet<String>,
    pub(crate) unhooked: Vec<Unhooked>,
    /// Packets that ended in a dispatch chain's last rule, "Unknown interface".
    pub(crate) unknown_interface: u64,
    /// Packets of pods that Calico's own reverse path check dropped.
    pub(crate) rpf_dropped: u64,
}

/// A chain of Calico with rules that no base chain leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Unhooked {
    pub(crate) table: String,
    pub(crate) chain: String,
    /// The base chain whose jump is gone.
    pub(crate) base: String,
}

const UNKNOWN: &str = "Unknown interface";

/// What `iptables-save` shows. The other backend's rules are not in it.
pub(crate) fn in_iptables(dump: &IptablesSave<'_>) -> Programmed {
    let mut found = Programmed {
        backend: match dump.backend {
            Some(Backend::Legacy) => "legacy",
            Some(Backend::Nft) => "nft",
            None => "iptables",
        },
        ..Programmed::default()
    };
    for table in &dump.tables {
        let names = table.chains.iter().map(|c| c.name);
        found.calico |= names.clone().any(|n| n.starts_with("cali-"));
        found.kube_proxy |= table
            .chains
            .iter()
            .any(|c| c.name == "KUBE-SERVICES" && !c.rules.is_empty());
        found.endpoints.extend(dispatched(names));
        found.unhooked.extend(unhooked_in(table));
        for rule in table.chains.iter().flat_map(|c| c.rules.iter()) {
            let drops = rule.jump == Some("DROP");
            let packets = rule.packets.unwrap_or(0);
            if drops && rule.comments.iter().any(|c| c.contains(UNKNOWN)) {
                found.unknown_interface += packets;
            }
            if drops && rule.chain.starts_with("cali-") && rule.matches.iter().any(|m| m.module == "rpfilter") {
                found.rpf_dropped += packets;
            }
        }
    }
    found
}

/// `cali-FORWARD` belongs behind `FORWARD` of the same table, and so on.
fn unhooked_in(table: &Table<'_>) -> Vec<Unhooked> {
    let bases = table.chains.iter().filter(|c| c.policy.is_some());
    bases
        .filter_map(|base| {
            let ours = format!("cali-{}", base.name);
            let filled = table.chains.iter().any(|c| c.name == ours && !c.rules.is_empty());
            let entered = base.rules.iter().any(|r| r.jump.or(r.goto) == Some(&ours));
            (filled && !entered).then(|| Unhooked {
                table: table.name.into(),
                chain: ours,
                base: base.name.into(),
            })
        })
        .collect()
}

/// Interfaces that have a chain toward the pod and one from it.
fn dispatched<'a>(names: impl Iterator<Item = &'a str> + Clone) -> BTreeSet<String> {
    let of = |prefix: &'static str| {
        let names = names.clone();
        names
            .filter_map(move |n| n.strip_prefix(prefix))
            .map(String::from)
            .collect::<BTreeSet<_>>()
    };
    of("cali-tw-").intersection(&of("cali-fw-")).cloned().collect()
}

/// What an nftables ruleset shows: Calico's own table, and what `iptables-nft` made in the tables of old names.
pub(crate) fn in_nft(ruleset: &NftRuleset) -> Vec<Programmed> {
    let mut found = vec![];
    let table = |name: &str| ruleset.tables.iter().find(|t| t.family == "ip" && t.name == name);
    if let Some(table) = table("calico") {
        found.push(own_table(table, table_of_proxy(ruleset)));
    }
    let made = ["filter", "nat", "mangle", "raw"].into_iter().filter_map(table);
    let chains = || made.clone().flat_map(|t| &t.chains);
    if chains().next().is_some() {
        found.push(Programmed {
            backend: "nft",
            calico: chains().any(|c| c.name.starts_with("cali-")),
            kube_proxy: chains().any(|c| c.name == "KUBE-SERVICES" && !c.rules.is_empty()),
            endpoints: dispatched(chains().map(|c| c.name.as_str())),
            ..Programmed::default()
        });
    }
    found
}

fn table_of_proxy(ruleset: &NftRuleset) -> bool {
    ruleset
        .tables
        .iter()
        .any(|t| t.family == "ip" && t.name == "kube-proxy")
}

fn own_table(table: &nft_ruleset::Table, kube_proxy: bool) -> Programmed {
    let names = || table.chains.iter().map(|c| c.name.as_str());
    let filter = || names().filter_map(|n| n.strip_prefix("filter-"));
    let packets = |c: &nft_ruleset::Rule| c.counter.map_or(0, |c| c.packets);
    let rules = || table.chains.iter().flat_map(|c| &c.rules);
    let drops = |r: &&nft_ruleset::Rule| r.verdict.as_ref().is_some_and(|v| v.kind == "drop");
    let says = |r: &nft_ruleset::Rule, word: &str| {
        let in_text = r.text.as_deref().is_some_and(|t| t.contains(word));
        in_text || r.comment.as_deref().is_some_and(|c| c.contains(word))
    };
    Programmed {
        backend: "nftables",
        calico: names().any(|n| n.contains("-cali-")),
        kube_proxy,
        endpoints: dispatched(filter()),
        unhooked: own_unhooked(table),
        unknown_interface: rules().filter(drops).filter(|r| says(r, UNKNOWN)).map(packets).sum(),
        // `fib saddr . mark . iif oif 0 drop`: no way back to where it came from.
        rpf_dropped: rules()
            .filter(drops)
            .filter(|r| says(r, "fib saddr"))
            .map(packets)
            .sum(),
    }
}

/// `filter-cali-FORWARD` belongs behind the base chain `filter-FORWARD`.
fn own_unhooked(table: &nft_ruleset::Table) -> Vec<Unhooked> {
    let bases = table.chains.iter().filter(|c| c.hook.is_some());
    bases
        .filter_map(|base| {
            let (part, name) = base.name.split_once('-')?;
            let ours = format!("{part}-cali-{name}");
            let filled = table.chains.iter().any(|c| c.name == ours && !c.rules.is_empty());
            let to_ours = |r: &nft_ruleset::Rule| {
                r.verdict
                    .as_ref()
                    .is_some_and(|v| v.target.as_deref() == Some(ours.as_str()))
            };
            (filled && !base.rules.iter().any(to_ours)).then(|| Unhooked {
                table: part.into(),
                chain: ours.clone(),
                base: base.name.clone(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runbook_parsers::netfilter::{iptables_save, nft_ruleset};

    const HEAD: &str = "# Generated by iptables-save v1.8.9 (nf_tables) on Tue Nov 24 16:30:00 2026\n*filter\n:FORWARD ACCEPT [0:0]\n:cali-FORWARD - [0:0]\n:cali-tw-cali0 - [0:0]\n:cali-fw-cali0 - [0:0]\n:cali-tw-cali1 - [0:0]\n:cali-to-wl-dispatch - [0:0]\n";

    fn iptables(rules: &str) -> Programmed {
        let text = format!("{HEAD}{rules}\nCOMMIT\n# Completed on Tue Nov 24 16:30:00 2026\n");
        in_iptables(&iptables_save::parse(&text).unwrap())
    }

    #[test]
    fn a_jump_that_is_gone_is_found() {
        let ours = "[3:252] -A cali-FORWARD -i cali+ -j cali-to-wl-dispatch\n[2:168] -A cali-to-wl-dispatch -m comment --comment \"Unknown interface\" -j DROP";
        let hooked = iptables(&format!("[3:252] -A FORWARD -j cali-FORWARD\n{ours}"));
        assert_eq!(hooked.unhooked, []);
        assert_eq!((hooked.backend, hooked.unknown_interface), ("nft", 2));
        let gone = iptables(ours);
        assert_eq!(gone.unhooked.len(), 1);
        assert_eq!(gone.unhooked[0].base, "FORWARD");
    }

    #[test]
    fn an_interface_needs_a_chain_for_each_direction() {
        assert_eq!(iptables("").endpoints, BTreeSet::from(["cali0".to_string()]));
    }

    #[test]
    fn an_empty_chain_needs_no_jump() {
        assert_eq!(iptables("").unhooked, []);
    }

    #[test]
    fn the_own_table_and_the_tables_of_iptables_are_told_apart() {
        let text = "table ip filter {\n\tchain cali-FORWARD {\n\t}\n}\ntable ip calico {\n\tchain filter-FORWARD {\n\t\ttype filter hook forward priority filter; policy accept;\n\t}\n\n\tchain filter-cali-FORWARD {\n\t\tcounter packets 1 bytes 84 accept\n\t}\n}\n";
        let found = in_nft(&nft_ruleset::parse(text).unwrap());
        let seen: Vec<_> = found.iter().map(|p| (p.backend, p.calico, p.unhooked.len())).collect();
        assert_eq!(seen, [("nftables", true, 1), ("nft", true, 0)]);
    }
}
