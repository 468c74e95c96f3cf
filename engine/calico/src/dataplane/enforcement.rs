//! What of policy a node enforces: the way from the kernel's hook to each policy's chain, and who drops there.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    programmed::{ChainFlavour, member},
    rendered,
};
use crate::{
    names::{CHAIN_MAX_IPTABLES, CHAIN_MAX_NFTABLES, Direction, PolicyKind, endpoint_chain, policy_chains},
    policy::{Policy, PolicyIndex},
    workload::WorkloadEndpoint,
};

/// A rule of table filter (or raw), as far as it leads somewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilterRule {
    /// Chains it may lead to: by jump, goto, or the elements of a verdict map.
    pub to: Vec<String>,
    pub drops: bool,
    /// None without counters.
    pub packets: Option<u64>,
    pub comments: Vec<String>,
    /// As printed.
    pub text: String,
}

/// The rules of one node, whatever tool printed them.
#[derive(Debug, Clone, Default)]
pub struct FilterRules {
    pub flavour: Option<ChainFlavour>,
    /// Without the `filter-` that Calico puts before its chains in nftables.
    pub chains: BTreeMap<String, Vec<FilterRule>>,
    /// Chains that the kernel itself enters when it forwards.
    pub hooks: Vec<String>,
    /// Rules of table raw in Calico's own chain: they drop before any policy is asked.
    pub raw: Vec<FilterRule>,
    /// Members by set; none where they were not asked.
    pub sets: Option<BTreeMap<String, Vec<String>>>,
}

/// One policy that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnforcedPolicy {
    /// As `[kind/][ns/]name` finds it.
    pub id: String,
    pub kind: PolicyKind,
    pub namespace: Option<String>,
    pub name: String,
    pub direction: Direction,
    /// The chain under the name that this release gives it; none where it is missing.
    pub chain: Option<String>,
    /// The name that a recent release would give it.
    pub expected: String,
}

/// A rule that drops, with what has passed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CalicoDrop {
    pub reason: DropReason,
    pub chain: String,
    /// The tier of an end-of-tier drop.
    pub tier: Option<String>,
    /// The policy of a Deny rule.
    pub policy: Option<String>,
    pub packets: Option<u64>,
    pub rule: String,
}

/// Why Calico's own rules drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    EndOfTier,
    NoProfile,
    PolicyRule,
    UnknownInterface,
    Encapsulated,
    Invalid,
    Limit,
    ReversePath,
    CidrBlock,
    Other,
}

/// One direction of one pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnforcedEndpoint {
    pub pod: String,
    pub interface: String,
    pub direction: Direction,
    /// None where the pod has no chain on its node.
    pub chain: Option<String>,
    /// Forwarded packets reach the chain from the kernel's hook.
    pub dispatched: bool,
    /// Policies that should be asked for this pod and are not.
    pub lacks: Vec<String>,
    /// Chains of policies that are asked although none of the API does select the pod.
    pub surplus: Vec<String>,
    pub drops: Vec<CalicoDrop>,
}

/// A set that does not hold what it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetState {
    pub name: String,
    pub present: bool,
    pub missing: Vec<String>,
    pub surplus: Vec<String>,
    /// Whose rule needs it.
    pub because: String,
}

/// The whole node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Enforcement {
    pub node: String,
    /// None where the node has no chain of Calico's at all.
    pub flavour: Option<ChainFlavour>,
    /// Forwarded packets enter Calico's chains.
    pub hooked: bool,
    pub policies: Vec<EnforcedPolicy>,
    pub endpoints: Vec<EnforcedEndpoint>,
    pub sets: Vec<SetState>,
    /// The sets were asked.
    pub sets_known: bool,
    /// Drops that belong to no pod's chain.
    pub drops: Vec<CalicoDrop>,
}

/// Compares what policy a node must enforce with its rules. IPv4; the eBPF dataplane has no such rules.
pub fn enforcement(index: &PolicyIndex, node: &str, rules: &FilterRules) -> Enforcement {
    let active = rendered::active(index, node);
    let max = chain_max(rules);
    let policies: Vec<EnforcedPolicy> = active
        .iter()
        .filter(|(policy, direction)| {
            !policy.do_not_track && !policy.pre_dnat && on_workload(index, node, policy, *direction)
        })
        .map(|(policy, direction)| {
            let names = policy_chains(&policy.id, *direction, max);
            EnforcedPolicy {
                id: policy.reference(),
                kind: policy.id.kind,
                namespace: policy.id.namespace.clone(),
                name: policy.id.name.clone(),
                direction: *direction,
                chain: names.iter().find(|name| rules.chains.contains_key(*name)).cloned(),
                expected: names.into_iter().next().unwrap_or_default(),
            }
        })
        .collect();
    let dispatched = reached(rules, "cali-FORWARD");
    let local = index
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.node == node && !endpoint.addresses.is_empty());
    let endpoints = local
        .flat_map(|at| [Direction::Ingress, Direction::Egress].map(|direction| (at, direction)))
        .map(|(at, direction)| endpoint(index, at, direction, rules, &dispatched))
        .collect();
    let calico = rules.chains.keys().any(|name| name.starts_with("cali-"));
    Enforcement {
        node: node.to_owned(),
        flavour: rules.flavour.filter(|_| calico),
        hooked: rules
            .hooks
            .iter()
            .any(|hook| reached(rules, hook).contains("cali-FORWARD")),
        policies,
        endpoints,
        sets: sets(index, &active, rules),
        sets_known: rules.sets.is_some(),
        drops: node_drops(rules),
    }
}

fn chain_max(rules: &FilterRules) -> usize {
    match rules.flavour {
        Some(ChainFlavour::Nftables) => CHAIN_MAX_NFTABLES,
        _ => CHAIN_MAX_IPTABLES,
    }
}

fn on_workload(index: &PolicyIndex, node: &str, policy: &Policy, direction: Direction) -> bool {
    policy.applies(direction)
        && index
            .endpoints
            .iter()
            .any(|at| at.node == node && !at.addresses.is_empty() && policy.selector.matches(&at.labels))
}

fn endpoint(
    index: &PolicyIndex,
    at: &WorkloadEndpoint,
    direction: Direction,
    rules: &FilterRules,
    dispatched: &BTreeSet<String>,
) -> EnforcedEndpoint {
    let max = chain_max(rules);
    let name = endpoint_chain(&at.interface, direction, max);
    let chain = rules.chains.contains_key(&name).then_some(name);
    let asked = chain.as_deref().map(|name| reached(rules, name)).unwrap_or_default();
    let wanted: Vec<(&Policy, Vec<String>)> = index
        .policies_of(at, direction)
        .into_iter()
        .filter(|policy| !policy.staged())
        .map(|policy| (policy, policy_chains(&policy.id, direction, max)))
        .collect();
    let lacks = wanted
        .iter()
        .filter(|(_, names)| chain.is_some() && !names.iter().any(|name| asked.contains(name)))
        .map(|(policy, _)| policy.reference())
        .collect();
    let is_policy = |name: &&String| name.starts_with("cali-pi-") || name.starts_with("cali-po-");
    let surplus = asked
        .iter()
        .filter(is_policy)
        .filter(|name| !wanted.iter().any(|(_, names)| names.contains(name)))
        .cloned()
        .collect();
    let mut drops = chain
        .as_deref()
        .map(|name| drops_of(rules, name, None))
        .unwrap_or_default();
    for name in asked.iter().filter(|name| is_policy(name)) {
        let policy = wanted
            .iter()
            .find(|(_, names)| names.contains(name))
            .map(|(policy, _)| policy.reference());
        drops.extend(drops_of(rules, name, policy));
    }
    EnforcedEndpoint {
        pod: format!("{}/{}", at.namespace, at.pod),
        interface: at.interface.clone(),
        direction,
        dispatched: chain.as_ref().is_some_and(|name| dispatched.contains(name)),
        chain,
        lacks,
        surplus,
        drops,
    }
}

/// Every chain that packets may come to from one chain.
fn reached(rules: &FilterRules, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut left = vec![from.to_owned()];
    while let Some(name) = left.pop() {
        let Some(chain) = rules.chains.get(&name) else {
            continue;
        };
        for next in chain.iter().flat_map(|rule| &rule.to) {
            if seen.insert(next.clone()) {
                left.push(next.clone());
            }
        }
    }
    seen
}

fn drops_of(rules: &FilterRules, chain: &str, policy: Option<String>) -> Vec<CalicoDrop> {
    let own = rules.chains.get(chain).into_iter().flatten().filter(|rule| rule.drops);
    own.map(|rule| read_drop(chain, rule, policy.clone())).collect()
}

fn read_drop(chain: &str, rule: &FilterRule, policy: Option<String>) -> CalicoDrop {
    let says = |words: &str| rule.comments.iter().any(|comment| comment.contains(words));
    let reason = if says("End of tier") {
        DropReason::EndOfTier
    } else if says("no profiles matched") {
        DropReason::NoProfile
    } else if says("Unknown interface") {
        DropReason::UnknownInterface
    } else if says("encapped packets") {
        DropReason::Encapsulated
    } else if says("rate limit") || says("connection limit") || says("packet rate") {
        DropReason::Limit
    } else if rule.text.contains("rpfilter") || rule.text.contains("fib saddr") {
        DropReason::ReversePath
    } else if chain == "cali-cidr-block" {
        DropReason::CidrBlock
    } else if chain.starts_with("cali-pi-") || chain.starts_with("cali-po-") {
        DropReason::PolicyRule
    } else if rule.text.contains("ctstate INVALID") || rule.text.contains("ct state invalid") {
        DropReason::Invalid
    } else {
        DropReason::Other
    };
    let tier = rule.comments.iter().find_map(|comment| {
        let (_, rest) = comment.split_once("End of tier ")?;
        rest.split(['.', ' ']).next().map(str::to_owned)
    });
    CalicoDrop {
        reason,
        chain: chain.to_owned(),
        tier,
        policy,
        packets: rule.packets,
        rule: rule.text.clone(),
    }
}

fn node_drops(rules: &FilterRules) -> Vec<CalicoDrop> {
    let shared = |name: &&String| {
        name.starts_with("cali-from-wl-dispatch")
            || name.starts_with("cali-to-wl-dispatch")
            || *name == "cali-cidr-block"
    };
    let mut found: Vec<CalicoDrop> = rules
        .chains
        .keys()
        .filter(shared)
        .flat_map(|name| drops_of(rules, name, None))
        .collect();
    let raw = rules.raw.iter().filter(|rule| rule.drops);
    found.extend(raw.map(|rule| read_drop("cali-PREROUTING", rule, None)));
    found
}

/// Sets of active policies' rules that are absent, or hold something else.
fn sets(index: &PolicyIndex, active: &[(&Policy, Direction)], rules: &FilterRules) -> Vec<SetState> {
    let Some(found) = &rules.sets else {
        return Vec::new();
    };
    let nft = rules.flavour == Some(ChainFlavour::Nftables);
    let mut states = Vec::new();
    for set in rendered::rule_sets(index, active, false) {
        let names = if nft { &set.nft } else { &set.ipset };
        let known = names.iter().find_map(|name| found.get_key_value(name));
        let Some((name, members)) = known else {
            if !set.optional {
                states.push(SetState {
                    name: names.first().cloned().unwrap_or_default(),
                    present: false,
                    missing: Vec::new(),
                    surplus: Vec::new(),
                    because: set.because,
                });
            }
            continue;
        };
        let Some(wanted) = &set.members else { continue };
        let has: BTreeSet<String> = members.iter().map(|text| member(text)).collect();
        let missing: Vec<String> = wanted.difference(&has).cloned().collect();
        let surplus: Vec<String> = has.difference(wanted).cloned().collect();
        if !missing.is_empty() || !surplus.is_empty() {
            states.push(SetState {
                name: name.clone(),
                present: true,
                missing,
                surplus,
                because: set.because,
            });
        }
    }
    states
}
