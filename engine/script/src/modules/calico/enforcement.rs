//! A node's rules in the form that the model compares, whatever tool printed them.

use super::policies::Policies;
use crate::{
    data::fail,
    facts::{self, Exit},
    host::{Hand, Result, to_script, unanswered},
};
use rhai::Dynamic;
use runbook_calico::dataplane::{ChainFlavour, FilterRule, FilterRules, enforcement};
use runbook_core::{Failure, Target};
use runbook_parsers::netfilter::{ipset_save, iptables_save, nft_ruleset};
use runbook_run::Evidence;
use std::{collections::BTreeMap, sync::Arc};

/// The dumps that decide. The other backend of iptables matters where Calico's chains stand in both.
const FACTS: [&str; 6] = [
    "iptables",
    "ipsets",
    "nft",
    "iptables_legacy",
    "iptables_nft",
    "nft_tables",
];

pub(super) fn ask(hand: &Hand, policies: &Policies, node: &str) -> Result<Dynamic> {
    if policies.ebpf(node) {
        return Err(fail(format!(
            "`{node}` uses the eBPF dataplane: policy is in programs, not in rules"
        )));
    }
    let target = Target::Node(node.to_owned());
    let questions = FACTS.iter().map(|name| {
        let fact = facts::by_name(name).ok_or_else(|| fail(format!("no fact `{name}`")))?;
        Ok(fact.question(target.clone()))
    });
    let answers = hand.ask(questions.collect::<Result<Vec<_>>>()?, false)?;
    let [iptables, ipsets, nft, legacy, other, tables] = &answers[..] else {
        return Err(fail("the world gave no answer"));
    };
    let mut used = vec![iptables.id];
    let mut backend = None;
    // Felix programmes one of the two; a table `calico` is the sign of nftables.
    let ruleset = said(nft)?;
    let ruleset = ruleset.map(|text| nft_ruleset::parse(&text).map_err(|e| broken("nft list ruleset", &e, nft)));
    let ruleset = ruleset.transpose()?;
    let native = ruleset.as_ref().and_then(|ruleset| {
        ruleset
            .tables
            .iter()
            .find(|table| table.family == "ip" && table.name == "calico")
    });
    let mut rules;
    if let Some(table) = native {
        used.push(nft.id);
        rules = from_nft(table);
    } else {
        let text = needed(iptables, "the iptables rules", &target)?;
        let dump = iptables_save::parse(&text).map_err(|e| broken("iptables-save -c", &e, iptables))?;
        backend = dump.backend;
        rules = from_iptables(&dump);
        let none = !rules.chains.keys().any(|chain| chain.starts_with("cali-"));
        // No rule in iptables says nothing where Calico may have made its own table.
        let elsewhere = said(tables)?.is_none_or(|list| list.contains("table ip calico"));
        if none && ruleset.is_none() && elsewhere {
            return Err(fail(format!(
                "`{node}` has no rule of Calico's in iptables, and its nftables rules could not be read"
            )));
        }
        let sets = said(ipsets)?;
        if let Some(text) = sets {
            let sets = ipset_save::parse(&text).map_err(|e| broken("ipset save", &e, ipsets))?;
            let members = |set: &runbook_parsers::netfilter::ipset::Ipset<'_>| {
                let members = set.members.iter().map(|member| (*member).to_owned()).collect();
                (set.name.to_owned(), members)
            };
            used.push(ipsets.id);
            rules.sets = Some(sets.sets.iter().map(members).collect());
        }
    }
    let state = enforcement(policies.index(), node, &rules);
    let mut value = serde_json::to_value(&state).map_err(|e| fail(e.to_string()))?;
    value["other_backend"] = serde_json::Value::Null;
    for (answer, name) in [(legacy, "legacy"), (other, "nft")] {
        let own = match backend {
            Some(iptables_save::Backend::Legacy) => "legacy",
            Some(iptables_save::Backend::Nft) => "nft",
            None => continue,
        };
        if name == own {
            continue;
        }
        // A tool that is not there cannot have made rules that the other does not see.
        let Some(text) = said(answer)? else { continue };
        let Ok(dump) = iptables_save::parse(&text) else {
            continue;
        };
        let chains = from_iptables(&dump).chains;
        let count = chains.keys().filter(|chain| chain.starts_with("cali-")).count();
        if count > 0 {
            used.push(answer.id);
            value["other_backend"] = serde_json::json!({"backend": name, "chains": count});
        }
    }
    used.extend(policies.evidence());
    Ok(to_script(value, true, &used))
}

/// What a command printed; `None` where it could not be asked.
fn said(evidence: &Arc<Evidence>) -> Result<Option<String>> {
    let output = match evidence.answer.output() {
        Ok(output) if output.exit == 0 && output.cut_bytes == 0 => output,
        _ => return Ok(None),
    };
    Ok(Some(output.stdout.text().into_owned()))
}

fn needed(evidence: &Arc<Evidence>, what: &str, target: &Target) -> Result<String> {
    match evidence.answer.output() {
        Err(failure @ Failure::ToolMissing(_)) => Err(unanswered(what, target, &failure)),
        _ => facts::said(evidence, what, Exit::Fails),
    }
}

fn broken(command: &str, error: &dyn std::error::Error, evidence: &Arc<Evidence>) -> Box<rhai::EvalAltResult> {
    fail(format!("`{command}`: {error} (raw output: {})", evidence.id))
}

fn from_iptables(dump: &iptables_save::IptablesSave<'_>) -> FilterRules {
    let mut rules = FilterRules {
        flavour: Some(ChainFlavour::Iptables),
        hooks: vec!["FORWARD".to_owned()],
        ..FilterRules::default()
    };
    for table in &dump.tables {
        for chain in &table.chains {
            let read: Vec<FilterRule> = chain.rules.iter().map(iptables_rule).collect();
            match table.name {
                "filter" => {
                    rules.chains.insert(chain.name.to_owned(), read);
                }
                "raw" if chain.name == "cali-PREROUTING" => rules.raw = read,
                _ => {}
            }
        }
    }
    rules
}

fn iptables_rule(rule: &iptables_save::Rule<'_>) -> FilterRule {
    let target = rule.jump.or(rule.goto);
    FilterRule {
        to: target.into_iter().map(str::to_owned).collect(),
        drops: matches!(target, Some("DROP" | "REJECT")),
        packets: rule.packets,
        comments: rule
            .comments
            .iter()
            .map(|comment| comment.clone().into_owned())
            .collect(),
        text: rule.text.to_owned(),
    }
}

/// Calico puts the name of iptables' table before each of its chains.
fn bare(name: &str) -> String {
    name.strip_prefix("filter-").unwrap_or(name).to_owned()
}

fn from_nft(table: &nft_ruleset::Table) -> FilterRules {
    let mut rules = FilterRules {
        flavour: Some(ChainFlavour::Nftables),
        ..FilterRules::default()
    };
    let maps: BTreeMap<&str, Vec<String>> = table
        .maps
        .iter()
        .map(|map| {
            let to = map
                .elements
                .iter()
                .filter_map(|element| element.value.split_whitespace().last());
            (map.name.as_str(), to.map(bare).collect())
        })
        .collect();
    for chain in &table.chains {
        let read: Vec<FilterRule> = chain.rules.iter().map(|rule| nft_rule(rule, &maps)).collect();
        if chain.hook.as_deref() == Some("forward") && chain.name.starts_with("filter-") {
            rules.hooks.push(bare(&chain.name));
        }
        if chain.name == "raw-cali-PREROUTING" {
            rules.raw = read;
        } else if chain.name.starts_with("filter-") {
            rules.chains.insert(bare(&chain.name), read);
        }
    }
    let members = table.sets.iter().map(|set| (set.name.clone(), set.elements.clone()));
    rules.sets = Some(members.collect());
    rules
}

fn nft_rule(rule: &nft_ruleset::Rule, maps: &BTreeMap<&str, Vec<String>>) -> FilterRule {
    let kind = rule.verdict.as_ref().map(|verdict| verdict.kind.as_str());
    let target = rule.verdict.as_ref().and_then(|verdict| verdict.target.as_deref());
    let to = match (kind, target) {
        (Some("vmap"), Some(target)) => maps.get(target.trim_start_matches('@')).cloned().unwrap_or_default(),
        (Some("jump" | "goto"), Some(target)) => vec![bare(target)],
        _ => vec![],
    };
    FilterRule {
        to,
        drops: matches!(kind, Some("drop" | "reject")),
        packets: rule.counter.map(|counter| counter.packets),
        comments: rule.comment.clone().into_iter().collect(),
        text: rule.text.clone().unwrap_or_default(),
    }
}
