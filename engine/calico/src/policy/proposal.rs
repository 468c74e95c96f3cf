use serde::Serialize;
use serde_json::{Value, json};

use super::{
    flow::{Flow, Party},
    index::PolicyIndex,
    matching::{Seen, Side},
    narrow::{editable, port_words, raw_rule, words_of},
    types::{Action, Policy, Port, Rule},
    verdict::{Decided, Decision, Part, PartKind, Verdict, VerdictOptions},
};
use crate::{
    names::{Direction, PolicyKind},
    selector::{Expr, Selector},
};

/// How many destinations are asked what a change would open for them.
const DESTINATIONS: usize = 30;
/// Flows asked at most, and those that are named.
const FLOWS: usize = 300_000;
const NAMED: usize = 20;

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalKind {
    /// A rule that was meant to allow the flow names a port that the pod does not have.
    CorrectPort,
    /// A rule that was meant to allow the flow has a selector that nothing matches.
    CorrectSelector,
    /// A rule that allows exactly this flow.
    AddRule,
}

/// One change of one policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edit {
    pub kind: PolicyKind,
    pub namespace: Option<String>,
    pub name: String,
    pub tier: String,
    /// Whose traffic it is about: `ns/pod`.
    pub endpoint: String,
    pub direction: Direction,
    /// Where the rule is, or is to be: its index in the policy's list of that direction.
    pub rule_index: usize,
    pub sentence: String,
    /// A JSON patch of the object; none where a person has to edit the rule.
    pub patch: Option<Value>,
    /// How many pods the policy selects: all of them are concerned.
    pub selected_count: usize,
}

/// A flow that a change would open as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opened {
    pub source: String,
    pub destination: String,
}

/// A change that allows a flow, and what it opens besides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    pub change: ProposalKind,
    pub edits: Vec<Edit>,
    /// At most twenty; the flow itself is not among them.
    pub opens: Vec<Opened>,
    pub opens_count: usize,
    /// Every pod that the change concerns was asked.
    pub complete: bool,
}

impl PolicyIndex {
    /// Returns changes of existing policies that turn a denied flow into an allowed one, the likeliest mistake first.
    ///
    /// Each was tried on the model. None where the flow is not denied by workloads' policy, or no policy can be edited.
    pub fn proposals(&self, verdict: &Verdict, options: &VerdictOptions) -> Vec<Proposal> {
        let Ok(seen) = self.resolve(&verdict.flow) else {
            return Vec::new();
        };
        let denying: Vec<&Part> = verdict
            .parts
            .iter()
            .filter(|part| part.decision == Decision::Deny)
            .collect();
        if denying.is_empty() || denying.iter().any(|part| part.kind != PartKind::Workload) {
            return Vec::new();
        }
        let kinds = [
            ProposalKind::CorrectPort,
            ProposalKind::CorrectSelector,
            ProposalKind::AddRule,
        ];
        kinds
            .into_iter()
            .filter_map(|kind| self.proposal(kind, &denying, &seen, verdict, options))
            .collect()
    }

    fn proposal(
        &self,
        kind: ProposalKind,
        denying: &[&Part],
        seen: &Seen,
        verdict: &Verdict,
        options: &VerdictOptions,
    ) -> Option<Proposal> {
        let mut changed = self.clone();
        let mut edits = Vec::new();
        let mut ranks = Vec::new();
        for part in denying {
            // A correction of one side may leave the other to a new rule.
            let made = match kind {
                ProposalKind::AddRule => None,
                _ => self.correction(kind, part, seen),
            };
            let (rank, policy, edit) = made.or_else(|| {
                let first = kind == ProposalKind::AddRule || !edits.is_empty();
                first.then(|| self.addition(part, seen)).flatten()
            })?;
            changed.policies[rank] = policy;
            ranks.push((rank, part.direction));
            edits.push(edit);
        }
        let brief = VerdictOptions {
            brief: true,
            ..options.clone()
        };
        if changed.verdict(&verdict.flow, &brief).decision != Decision::Allow {
            return None;
        }
        let (opens, opens_count, complete) = self.opened(&changed, &ranks, &verdict.flow, &brief);
        Some(Proposal {
            change: kind,
            edits,
            opens,
            opens_count,
            complete,
        })
    }

    /// The allowing rule that fails by one mistake, mended.
    fn correction(&self, kind: ProposalKind, part: &Part, seen: &Seen) -> Option<(usize, Policy, Edit)> {
        if part.deciding.element != Decided::EndOfTier {
            return None;
        }
        let steps = part
            .tiers
            .iter()
            .filter(|step| Some(&step.tier) == part.deciding.tier.as_ref());
        for step in steps.flat_map(|tier| &tier.policies).filter(|step| !step.staged) {
            for rule_step in step.rules.iter().filter(|rule| rule.action == Action::Allow) {
                let (Some(field), Some(hint)) = (rule_step.failed_field, &rule_step.hint) else {
                    continue;
                };
                let rank = self.policies.iter().position(|policy| {
                    policy.id.kind == step.kind && policy.id.namespace == step.namespace && policy.id.name == step.name
                })?;
                let mut policy = self.policies[rank].clone();
                let rules = match part.direction {
                    Direction::Ingress => &mut policy.ingress_rules,
                    Direction::Egress => &mut policy.egress_rules,
                };
                let Some(rule) = rules.get_mut(rule_step.index) else {
                    continue;
                };
                let (entity, side, port) = if field.starts_with("source") {
                    (&mut rule.source, &seen.source, seen.source_port)
                } else {
                    (&mut rule.destination, &seen.destination, seen.destination_port)
                };
                let sentence = match kind {
                    ProposalKind::CorrectPort if field.ends_with(".ports") => {
                        let port = port?;
                        let named: Vec<String> = entity.ports.iter().map(ToString::to_string).collect();
                        entity.ports = vec![Port::Range(port, port)];
                        format!(
                            "`{}` says port `{}`; it should say `{port}`",
                            rule_step.path,
                            named.join("`, `")
                        )
                    }
                    ProposalKind::CorrectSelector if field.ends_with(".selector") => {
                        let old = entity.selector.clone()?;
                        let mended = self.mended(&old, side)?;
                        let sentence = format!("`{}` selects `{}`: {}", rule_step.path, words_of(&old), hint.sentence);
                        entity.selector = Some(mended);
                        sentence
                    }
                    _ => continue,
                };
                let edit = self.edit(rank, part, rule_step.index, sentence, None);
                return Some((rank, policy, edit));
            }
        }
        None
    }

    /// The selector with each value or label that nothing in the cluster has replaced by the side's own.
    fn mended(&self, selector: &Selector, side: &Side) -> Option<Selector> {
        let labels = &self.endpoints[side.workload?].labels;
        let terms = match selector.expr() {
            Expr::And(terms) => terms.clone(),
            other => vec![other.clone()],
        };
        let mend = |term: Expr| -> Option<Expr> {
            let one = Selector::from_expr(term.clone());
            if one.matches(labels) {
                return Some(term);
            }
            if let Expr::And(inner) = &term {
                let inner = Selector::from_expr(Expr::And(inner.clone()));
                return self.mended(&inner, side).map(|mended| mended.expr().clone());
            }
            let hint = self.selector_typo(&one)?;
            let label = term.label()?;
            let wanted = match &term {
                Expr::Eq(_, value) => value.clone(),
                Expr::In(_, values) => values.first()?.clone(),
                _ => return None,
            };
            // What is nearest must be what the flow's end has: then the correction is plain.
            let near = hint.nearest?;
            if let Some(own) = crate::selector::Labels::get(labels, label) {
                return (near == format!("{label}={own}")).then(|| Expr::Eq(label.to_owned(), own.to_owned()));
            }
            let own = crate::selector::Labels::get(labels, &near)?;
            (own == wanted).then(|| Expr::Eq(near.clone(), own.to_owned()))
        };
        let mended: Option<Vec<Expr>> = terms.into_iter().map(mend).collect();
        Some(Selector::from_expr(Expr::And(mended?)))
    }

    /// A new rule for exactly this flow, in the policy that concerns the fewest pods.
    fn addition(&self, part: &Part, seen: &Seen) -> Option<(usize, Policy, Edit)> {
        let (rank, at) = match part.deciding.element {
            Decided::Rule => {
                let deciding = &part.deciding;
                let rank = self.policies.iter().position(|policy| {
                    Some(policy.id.kind) == deciding.kind
                        && policy.id.namespace == deciding.namespace
                        && Some(&policy.id.name) == deciding.name.as_ref()
                })?;
                (rank, deciding.rule_index?)
            }
            Decided::EndOfTier => {
                let tier = part
                    .tiers
                    .iter()
                    .find(|step| Some(&step.tier) == part.deciding.tier.as_ref())?;
                let owners = tier.policies.iter().filter(|step| !step.staged && editable(step.kind));
                let ranks = owners.filter_map(|step| {
                    self.policies.iter().position(|policy| {
                        policy.id.kind == step.kind
                            && policy.id.namespace == step.namespace
                            && policy.id.name == step.name
                    })
                });
                let rank = ranks.min_by_key(|rank| self.selected_by(*rank).count())?;
                (rank, self.policies[rank].rules(part.direction).len())
            }
            _ => return None,
        };
        let mut policy = self.policies[rank].clone();
        if !editable(policy.id.kind) {
            return None;
        }
        let (other, destination) = match part.direction {
            Direction::Ingress => (&seen.source, false),
            Direction::Egress => (&seen.destination, true),
        };
        let (entity, peer) = self.peer(&policy, other)?;
        let mut rule = Rule::any(Action::Allow, format!("spec.{}[{at}]", part.direction.word()));
        rule.protocol = Some(seen.protocol);
        let ports: Vec<Port> = seen
            .destination_port
            .map(|port| Port::Range(port, port))
            .into_iter()
            .collect();
        if destination {
            rule.destination = entity;
        } else {
            rule.source = entity;
        }
        rule.destination.ports = ports;
        let raw = raw_rule(
            policy.id.kind,
            part.direction,
            seen.protocol,
            seen.destination_port,
            peer,
        )?;
        let rules = match part.direction {
            Direction::Ingress => &mut policy.ingress_rules,
            Direction::Egress => &mut policy.egress_rules,
        };
        let patch = if rules.is_empty() {
            json!([{"op": "add", "path": format!("/spec/{}", part.direction.word()), "value": [raw]}])
        } else if policy.id.kind == PolicyKind::KubernetesNetworkPolicy || at >= rules.len() {
            json!([{"op": "add", "path": format!("/spec/{}/-", part.direction.word()), "value": raw}])
        } else {
            json!([{"op": "add", "path": format!("/spec/{}/{at}", part.direction.word()), "value": raw}])
        };
        let sentence = format!(
            "an {} rule that allows {} {} {}",
            part.direction.word(),
            port_words(seen.protocol, seen.destination_port),
            if destination { "to" } else { "from" },
            self.end_words(other),
        );
        rules.insert(at.min(rules.len()), rule);
        let edit = self.edit(rank, part, at, sentence, Some(patch));
        Some((rank, policy, edit))
    }

    fn edit(&self, rank: usize, part: &Part, rule_index: usize, sentence: String, patch: Option<Value>) -> Edit {
        let id = &self.policies[rank].id;
        Edit {
            kind: id.kind,
            namespace: id.namespace.clone(),
            name: id.name.clone(),
            tier: id.tier.clone(),
            endpoint: part.endpoint.clone(),
            direction: part.direction,
            rule_index,
            sentence,
            patch,
            selected_count: self.selected_by(rank).count(),
        }
    }

    /// The pods that a policy selects.
    pub(super) fn selected_by(&self, rank: usize) -> impl Iterator<Item = usize> {
        let selector = &self.policies[rank].selector;
        let all = self.endpoints.iter().enumerate();
        all.filter(|(_, endpoint)| selector.matches(&endpoint.labels))
            .map(|(at, _)| at)
    }

    /// Flows to the same port that were denied and are not any more.
    fn opened(
        &self,
        changed: &Self,
        ranks: &[(usize, Direction)],
        flow: &Flow,
        brief: &VerdictOptions,
    ) -> (Vec<Opened>, usize, bool) {
        let mut destinations: Vec<usize> = Vec::new();
        for (rank, direction) in ranks {
            let touched: Vec<usize> = match direction {
                Direction::Ingress => changed.selected_by(*rank).collect(),
                Direction::Egress => {
                    let rules = &changed.policies[*rank].egress_rules;
                    let selectors: Vec<&Selector> = rules
                        .iter()
                        .filter(|rule| !self.policies[*rank].egress_rules.contains(rule))
                        .filter_map(|rule| rule.destination.selector.as_ref())
                        .collect();
                    let all = changed.endpoints.iter().enumerate();
                    all.filter(|(_, endpoint)| selectors.iter().any(|selector| selector.matches(&endpoint.labels)))
                        .map(|(at, _)| at)
                        .collect()
                }
            };
            destinations.extend(touched);
        }
        destinations.sort_unstable();
        destinations.dedup();
        let most = DESTINATIONS.min((FLOWS / self.endpoints.len().max(1)).max(1));
        let complete = destinations.len() <= most;
        let mut opens = Vec::new();
        let mut count = 0;
        let mut add = |source: String, destination: String| {
            if source == flow.source.to_string() && destination == flow.destination.to_string() {
                return;
            }
            count += 1;
            if opens.len() < NAMED {
                opens.push(Opened { source, destination });
            }
        };
        for at in destinations.into_iter().take(most) {
            let endpoint = &self.endpoints[at];
            let name = self.pod_name(at);
            let ask =
                |index: &Self| index.reach(&endpoint.namespace, &endpoint.pod, flow.protocol, flow.destination_port);
            for (before, after) in ask(self).into_iter().zip(ask(changed)) {
                if before.decision == Decision::Deny && after.decision == Decision::Allow {
                    add(format!("{}/{}", after.namespace, after.pod), name.clone());
                }
            }
            // A source that is no pod is not in that list.
            if !matches!(flow.source, Party::Pod { .. }) {
                let mut other = flow.clone();
                other.destination = Party::pod(&endpoint.namespace, &endpoint.pod);
                let ask = |index: &Self| index.verdict(&other, brief).decision;
                if ask(self) == Decision::Deny && ask(changed) == Decision::Allow {
                    add(flow.source.to_string(), name);
                }
            }
        }
        (opens, count, complete)
    }

    fn end_words(&self, side: &Side) -> String {
        match side.workload {
            Some(at) => format!("pods like {}", self.pod_name(at)),
            None => side.address.to_string(),
        }
    }
}
