use serde::Serialize;

use super::{
    flow::Flow,
    hint::Hint,
    index::PolicyIndex,
    matching::{Match, Seen, Side},
    types::{Entity, Policy, Rule},
    walk::RuleStep,
};
use crate::{
    names::Direction,
    object::strip_tier,
    selector::{FailedTerm, explain},
    workload::WorkloadEndpoint,
};

impl PolicyIndex {
    pub(super) fn rule_step(&self, at: usize, rule: &Rule, flow: &Seen, found: &Match) -> RuleStep {
        let mut step = RuleStep {
            index: at,
            path: rule.path.clone(),
            action: rule.action,
            matched: None,
            failed_field: None,
            rule_wants: None,
            flow_has: None,
            hint: None,
            reason: None,
        };
        match found {
            Match::Yes => step.matched = Some(true),
            Match::Unknown(reason) => step.reason = Some(reason.clone()),
            Match::No(field) => {
                step.matched = Some(false);
                step.failed_field = Some(field);
                let (wants, has) = self.difference(field, rule, flow);
                step.rule_wants = Some(wants);
                step.flow_has = Some(has);
                let side = if field.starts_with("source") {
                    &flow.source
                } else {
                    &flow.destination
                };
                step.hint = self.hint(field, rule, side);
            }
        }
        step
    }

    fn difference(&self, field: &str, rule: &Rule, flow: &Seen) -> (String, String) {
        let list = |items: &[String]| items.join(", ");
        let (entity, side, port): (&Entity, &Side, Option<u16>) = if field.starts_with("source") {
            (&rule.source, &flow.source, flow.source_port)
        } else {
            (&rule.destination, &flow.destination, flow.destination_port)
        };
        let port = port.map_or_else(|| "no port".to_owned(), |port| port.to_string());
        let nets = |nets: &[ipnet::IpNet]| list(&nets.iter().map(ToString::to_string).collect::<Vec<_>>());
        match field.rsplit('.').next().unwrap_or(field) {
            "ip_version" => (
                rule.ip_version
                    .map_or_else(String::new, |version| format!("IPv{version}")),
                if flow.ipv6 { "IPv6" } else { "IPv4" }.to_owned(),
            ),
            "protocol" => (
                rule.protocol.map_or_else(String::new, |p| p.to_string()),
                flow.protocol.to_string(),
            ),
            "not_protocol" => (
                rule.not_protocol.map_or_else(String::new, |p| format!("not {p}")),
                flow.protocol.to_string(),
            ),
            "icmp" | "not_icmp" => {
                let wanted = rule.icmp.or(rule.not_icmp).unwrap_or_default();
                let show = |icmp: super::Icmp| {
                    let number = |value: Option<u8>| value.map_or_else(|| "any".to_owned(), |value| value.to_string());
                    format!("type {} code {}", number(icmp.r#type), number(icmp.code))
                };
                let has = if flow.protocol.is_icmp() {
                    show(flow.icmp)
                } else {
                    flow.protocol.to_string()
                };
                (
                    format!("{}{}", if field == "icmp" { "" } else { "not " }, show(wanted)),
                    has,
                )
            }
            "nets" => (nets(&entity.nets), side.address.to_string()),
            "not_nets" => (format!("not {}", nets(&entity.not_nets)), side.address.to_string()),
            "selector" => (
                entity.selector.as_ref().map_or_else(String::new, |s| s.canonical()),
                self.describe_side(side),
            ),
            "not_selector" => (
                entity
                    .not_selector
                    .as_ref()
                    .map_or_else(String::new, |s| format!("not {}", s.canonical())),
                self.describe_side(side),
            ),
            "ports" => (
                list(&entity.ports.iter().map(ToString::to_string).collect::<Vec<_>>()),
                port,
            ),
            "not_ports" => (
                format!(
                    "not {}",
                    list(&entity.not_ports.iter().map(ToString::to_string).collect::<Vec<_>>())
                ),
                port,
            ),
            _ => (
                entity
                    .service
                    .as_ref()
                    .map_or_else(String::new, |s| format!("service {}/{}", s.namespace, s.name)),
                format!("{} port {port}", side.address),
            ),
        }
    }

    fn describe_side(&self, side: &Side) -> String {
        let own = |key: &str| !key.starts_with("pcns.") && !key.starts_with("pcsa.");
        if let Some(at) = side.workloads.first() {
            let endpoint = &self.endpoints[*at];
            let labels: Vec<String> = endpoint
                .labels
                .iter()
                .filter(|(key, _)| own(key))
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            return format!("pod {}/{} with {}", endpoint.namespace, endpoint.pod, labels.join(", "));
        }
        match (side.host_endpoints.first(), side.sets.first()) {
            (Some(at), _) => format!("host endpoint {}", self.host_endpoints[*at].name),
            (None, Some(at)) => format!("network set {}", self.network_sets[*at].0.name),
            (None, None) => format!("{}, which no endpoint and no network set has", side.address),
        }
    }
}

/// Why one policy does, or does not, decide about a flow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhyPolicy {
    /// As `[kind/][ns/]name` finds this one and no other.
    pub id: String,
    /// In words.
    pub policy: String,
    pub staged: bool,
    /// The tier does not exist, so the policy is not rendered.
    pub tier_missing: bool,
    pub pod: String,
    pub direction: Direction,
    pub selects: bool,
    /// Terms of the policy's selector that the pod fails.
    pub failed_terms: Vec<FailedTerm>,
    /// A term that no endpoint satisfies.
    pub selector_typo: Option<Hint>,
    /// The policy has rules for this direction, or isolates it.
    pub has_direction: bool,
    /// Pods that the policy selects, at most ten.
    pub selected_pods: Vec<String>,
    pub selected_count: usize,
    /// How each rule fares with the flow, whatever came before.
    pub rules: Vec<RuleStep>,
    /// Rules that Calico drops because they do not convert.
    pub dropped_rules: Vec<String>,
}

/// Asks one policy about one pod of a flow; `name` is `[kind/][ns/]name`, with or without the tier.
///
/// Empty where no policy has that name.
pub fn why_policy(
    index: &PolicyIndex,
    name: &str,
    pod: &WorkloadEndpoint,
    direction: Direction,
    flow: Option<&Flow>,
) -> Vec<WhyPolicy> {
    let seen = flow.and_then(|flow| index.resolve(flow).ok());
    let found = index
        .policies
        .iter()
        .enumerate()
        .filter(|(_, policy)| is_called(policy, name));
    found
        .map(|(rank, policy)| {
            let selected: Vec<&WorkloadEndpoint> = index
                .endpoints
                .iter()
                .filter(|endpoint| policy.selector.matches(&endpoint.labels))
                .collect();
            let rules = seen.as_ref().map_or_else(Vec::new, |seen| {
                let rules = policy.rules(direction).iter().enumerate();
                rules
                    .map(|(at, rule)| index.rule_step(at, rule, seen, &index.rule_matches(rule, seen)))
                    .collect()
            });
            WhyPolicy {
                id: policy.reference(),
                policy: policy.describe(),
                staged: policy.staged(),
                tier_missing: index.tier_of[rank].is_none(),
                pod: format!("{}/{}", pod.namespace, pod.pod),
                direction,
                selects: policy.selector.matches(&pod.labels),
                failed_terms: explain(&policy.selector, &pod.labels.flat()),
                selector_typo: index.selector_typo(&policy.selector),
                has_direction: policy.applies(direction),
                selected_count: selected.len(),
                selected_pods: selected
                    .iter()
                    .take(10)
                    .map(|endpoint| format!("{}/{}", endpoint.namespace, endpoint.pod))
                    .collect(),
                rules,
                dropped_rules: policy.dropped_rules.clone(),
            }
        })
        .collect()
}

pub(super) fn is_called(policy: &Policy, name: &str) -> bool {
    let mut parts: Vec<&str> = name.split('/').collect();
    let Some(last) = parts.pop() else { return false };
    let tier = &policy.id.tier;
    if strip_tier(last, tier) != strip_tier(&policy.id.name, tier) {
        return false;
    }
    let kind = format!("{:?}", policy.id.kind);
    parts.iter().all(|part| {
        policy.id.namespace.as_deref() == Some(*part)
            || kind.eq_ignore_ascii_case(part)
            || policy.id.kind.short().eq_ignore_ascii_case(part)
            || (kind == "KubernetesNetworkPolicy" && part.eq_ignore_ascii_case("networkpolicy"))
    })
}
