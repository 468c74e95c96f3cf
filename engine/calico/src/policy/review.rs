use ipnet::IpNet;
use serde::Serialize;

use super::{
    hint::Hint,
    index::PolicyIndex,
    types::{Action, Entity, Policy, Port, Protocol, Rule},
};
use crate::{
    labels::{NAMESPACE, NAMESPACE_PREFIX},
    names::{Direction, PolicyKind},
    selector::{Expr, Selector},
};

/// A policy by itself: what it is, whom it selects, and which of its parts can never match.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyReview {
    /// As `[kind/][ns/]name` finds this one and no other.
    pub id: String,
    pub kind: PolicyKind,
    pub namespace: Option<String>,
    pub name: String,
    pub tier: String,
    pub order: Option<f64>,
    pub selector: String,
    pub staged: bool,
    /// `Set`, `Delete`, … of a staged policy.
    pub staged_action: Option<String>,
    pub tier_missing: bool,
    pub ingress: bool,
    pub egress: bool,
    /// Pods; host endpoints are counted by themselves.
    pub selected_count: usize,
    pub selected_hosts: usize,
    /// A term of the selector that nothing in the cluster satisfies.
    pub selector_typo: Option<Hint>,
    /// Rules that Calico drops because they do not convert.
    pub dropped_rules: Vec<String>,
    pub rules: Vec<RuleReview>,
}

/// A rule by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleReview {
    pub direction: Direction,
    pub index: usize,
    pub path: String,
    pub action: Action,
    /// A term of the source's or the destination's selector that nothing satisfies.
    pub selector_typo: Option<Hint>,
    /// A named port that no pod has which the rule could be about, and the nearest that one has.
    pub unknown_port: Option<String>,
    pub nearest_port: Option<String>,
    /// A net that holds nothing but addresses of Services, which policy never sees.
    pub service_net: Option<IpNet>,
    pub service: Option<String>,
    /// It matches every peer: nobody, or a net with everybody in it, is named.
    pub any_peer: bool,
    /// Its peers are whole namespaces, whatever pods are in them.
    pub whole_namespace: bool,
}

impl PolicyIndex {
    /// Reviews every policy, in the order of evaluation.
    pub fn review(&self) -> Vec<PolicyReview> {
        let mut counts = vec![0; self.policies.len()];
        for endpoint in &self.endpoints {
            for rank in self.selecting(&endpoint.labels, |_| true) {
                if let Some(count) = counts.get_mut(rank) {
                    *count += 1;
                }
            }
        }
        self.policies
            .iter()
            .zip(counts)
            .enumerate()
            .map(|(rank, (policy, selected_count))| self.review_of(rank, policy, selected_count))
            .collect()
    }

    fn review_of(&self, rank: usize, policy: &Policy, selected_count: usize) -> PolicyReview {
        let hosts = self.host_endpoints.iter();
        let rules = [Direction::Ingress, Direction::Egress]
            .into_iter()
            .flat_map(|direction| {
                let rules = policy.rules(direction).iter().enumerate();
                rules.map(move |(at, rule)| self.review_rule(policy, direction, at, rule))
            });
        PolicyReview {
            id: policy.reference(),
            kind: policy.id.kind,
            namespace: policy.id.namespace.clone(),
            name: policy.id.name.clone(),
            tier: policy.id.tier.clone(),
            order: policy.order,
            selector: policy.selector.text().to_owned(),
            staged: policy.staged(),
            staged_action: policy.staged_action.clone(),
            tier_missing: self.tier_of[rank].is_none(),
            ingress: policy.ingress,
            egress: policy.egress,
            selected_count,
            selected_hosts: hosts.filter(|host| policy.selector.matches(&host.labels)).count(),
            selector_typo: self.selector_typo(&policy.selector),
            dropped_rules: policy.dropped_rules.clone(),
            rules: rules.collect(),
        }
    }

    fn review_rule(&self, policy: &Policy, direction: Direction, index: usize, rule: &Rule) -> RuleReview {
        let (peer, own) = match direction {
            Direction::Ingress => (&rule.source, &rule.destination),
            Direction::Egress => (&rule.destination, &rule.source),
        };
        let typo = |entity: &Entity| self.selector_typo(entity.selector.as_ref()?);
        let (unknown_port, nearest_port) = self.unknown_port(policy, direction, rule).unzip();
        let service = peer.nets.iter().find_map(|net| Some((*net, self.service_of(net)?)));
        let (service_net, service) = service.unzip();
        RuleReview {
            direction,
            index,
            path: rule.path.clone(),
            action: rule.action,
            selector_typo: typo(peer).or_else(|| typo(own)),
            unknown_port,
            nearest_port: nearest_port.flatten(),
            service_net,
            service,
            any_peer: any_peer(peer),
            whole_namespace: whole_namespace(peer),
        }
    }

    /// A named port that none of the pods has which the rule lets somebody reach.
    fn unknown_port(&self, policy: &Policy, direction: Direction, rule: &Rule) -> Option<(String, Option<String>)> {
        let protocol = rule.protocol.unwrap_or(Protocol::TCP);
        let reached = |labels: &crate::workload::EndpointLabels| {
            let selected =
                |selector: &Option<Selector>| selector.as_ref().is_none_or(|selector| selector.matches(labels));
            selected(&rule.destination.selector) && (direction == Direction::Egress || policy.selector.matches(labels))
        };
        rule.destination.ports.iter().find_map(|port| {
            let Port::Named(wanted) = port else { return None };
            let mut known: Vec<&str> = Vec::new();
            for endpoint in self.endpoints.iter().filter(|endpoint| reached(&endpoint.labels)) {
                for port in &endpoint.ports {
                    if port.name == *wanted && Protocol::parse(&port.protocol) == Some(protocol) {
                        return None;
                    }
                    known.push(&port.name);
                }
            }
            // Nobody is reached at all: that is another mistake.
            if known.is_empty() && !self.endpoints.iter().any(|endpoint| reached(&endpoint.labels)) {
                return None;
            }
            let nearest = crate::selector::nearest_values(wanted, known.into_iter(), 1).pop();
            Some((wanted.clone(), nearest))
        })
    }

    /// The Service whose address is all that a net can mean.
    fn service_of(&self, net: &IpNet) -> Option<String> {
        let covers_pods = self
            .pools
            .iter()
            .any(|pool| net.contains(&pool.cidr) || pool.cidr.contains(net));
        let covers_nodes = self
            .nodes
            .iter()
            .any(|node| node.address(false).is_some_and(|address| net.contains(&address)));
        if covers_pods || covers_nodes || net.prefix_len() < 8 {
            return None;
        }
        let mut inside = self.cluster_ips.iter().filter(|(address, _)| net.contains(*address));
        let (_, at) = inside.next()?;
        let service = &self.services[*at];
        Some(format!("{}/{}", service.namespace, service.name))
    }
}

/// Does an end name nobody, so that everybody is meant?
fn any_peer(entity: &Entity) -> bool {
    let everywhere = entity.nets.iter().any(|net| net.prefix_len() == 0);
    let anything = entity.selector.is_none() && entity.nets.is_empty() && entity.service.is_none();
    (anything || everywhere) && entity.not_nets.is_empty() && entity.not_selector.is_none()
}

/// Does a selector look at namespaces only?
fn whole_namespace(entity: &Entity) -> bool {
    fn only_namespaces(expr: &Expr) -> bool {
        match expr {
            Expr::And(terms) => terms.iter().all(only_namespaces),
            other => other
                .label()
                .is_some_and(|label| label.starts_with(NAMESPACE_PREFIX) || label == NAMESPACE),
        }
    }
    entity
        .selector
        .as_ref()
        .is_some_and(|selector| only_namespaces(selector.expr()))
}
