use serde::Serialize;

use super::{
    flow::{Flow, Party},
    index::PolicyIndex,
    matching::Seen,
    types::{Action, Protocol},
    verdict::{Decision, VerdictOptions},
    walk::{Element, Stage, Walk},
};
use crate::names::Direction;

/// One pod's way to another, without the walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reach {
    pub namespace: String,
    pub pod: String,
    pub decision: Decision,
}

impl PolicyIndex {
    /// Returns what happens to flows of every pod into one pod, in the order of the pods' list.
    ///
    /// Pods without an address are left out. Ask [`PolicyIndex::verdict`] why.
    pub fn reach(&self, namespace: &str, pod: &str, protocol: Protocol, port: Option<u16>) -> Vec<Reach> {
        let destination = Party::pod(namespace, pod);
        let brief = VerdictOptions {
            brief: true,
            ..VerdictOptions::default()
        };
        let slow = !self.missing_lists.is_empty() || !self.unread.is_empty() || !self.host_endpoints.is_empty();
        // One resolved flow serves all; only its source changes.
        let template = self
            .endpoints
            .iter()
            .find(|endpoint| !endpoint.addresses.is_empty())
            .and_then(|endpoint| {
                let source = Party::pod(&endpoint.namespace, &endpoint.pod);
                self.resolve(&Flow::new(source, destination.clone(), protocol, port))
                    .ok()
            });
        let sources = self
            .endpoints
            .iter()
            .enumerate()
            .filter(|(_, endpoint)| !endpoint.addresses.is_empty());
        let mut seen = template.filter(|_| !slow);
        // What protects the destination is the same for all.
        let protecting = seen.as_ref().and_then(|seen| {
            let walk = Walk {
                index: self,
                flow: seen,
                direction: Direction::Ingress,
                stage: Stage::Normal,
                steps: None,
            };
            Some(walk.applying(&self.endpoints[seen.destination.workload?].labels))
        });
        let protecting = protecting.unwrap_or_default();
        sources
            .map(|(at, endpoint)| {
                let same_family = seen
                    .as_ref()
                    .and_then(|seen| endpoint.addresses.iter().find(|one| one.is_ipv6() == seen.ipv6));
                let decision = match (&mut seen, same_family) {
                    (Some(seen), Some(address)) => {
                        seen.source = self.side(*address, Some(at), None);
                        self.between(seen, at, &protecting)
                    }
                    _ => {
                        let source = Party::pod(&endpoint.namespace, &endpoint.pod);
                        self.verdict(&Flow::new(source, destination.clone(), protocol, port), &brief)
                            .decision
                    }
                };
                Reach {
                    namespace: endpoint.namespace.clone(),
                    pod: endpoint.pod.clone(),
                    decision,
                }
            })
            .collect()
    }

    fn between(&self, seen: &Seen, source: usize, protecting: &[usize]) -> Decision {
        let Some(destination) = seen.destination.workload else {
            return Decision::Unknown;
        };
        if source == destination {
            return Decision::Allow;
        }
        let mut decision = Decision::Allow;
        for (at, direction) in [(source, Direction::Egress), (destination, Direction::Ingress)] {
            let mut walk = Walk {
                index: self,
                flow: seen,
                direction,
                stage: Stage::Normal,
                steps: None,
            };
            let endpoint = &self.endpoints[at];
            let element = match direction {
                Direction::Egress => walk.tiers(&endpoint.labels),
                Direction::Ingress => walk.ranks(protecting),
            };
            match element {
                Element::Rule { policy, rule } => {
                    let rules = self.policies[policy].rules(direction);
                    if rules.get(rule).is_some_and(|rule| rule.action == Action::Deny) {
                        return Decision::Deny;
                    }
                }
                Element::EndOfTier { .. } | Element::NoProfile => return Decision::Deny,
                Element::UnknownRule { .. } => decision = Decision::Unknown,
                Element::Nothing if self.inherited.namespace(&endpoint.namespace).is_none() => return Decision::Deny,
                Element::Nothing | Element::Profile { .. } => {}
            }
        }
        decision
    }
}
