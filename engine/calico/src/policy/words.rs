use super::{
    index::PolicyIndex,
    matching::{Seen, Side},
    verdict::{Decided, Decision, Part, PartKind, Verdict},
    walk::Element,
};
use crate::pool::pool_for;

impl PolicyIndex {
    /// Puts the deciding element into words.
    pub(super) fn decided(&self, mut part: Part, element: Element) -> Part {
        let direction = part.direction.word();
        let deciding = &mut part.deciding;
        part.decision = match element {
            Element::Rule { policy, rule } | Element::UnknownRule { policy, rule, .. } => {
                let found = &self.policies[policy];
                let rules = found.rules(part.direction);
                let action = rules.get(rule).map(|rule| rule.action);
                deciding.tier = Some(found.id.tier.clone());
                deciding.kind = Some(found.id.kind);
                deciding.namespace.clone_from(&found.id.namespace);
                deciding.name = Some(found.id.name.clone());
                deciding.rule_index = Some(rule);
                deciding.rule_path = rules.get(rule).map(|rule| rule.path.clone());
                deciding.element = Decided::Rule;
                let name = found.describe();
                let action_word = action.map_or_else(String::new, |action| format!("{action:?}"));
                if let Element::UnknownRule { reason, .. } = element {
                    deciding.element = Decided::Unknown;
                    deciding.sentence =
                        format!("{direction} rule {rule} ({action_word}) of {name} may match: {reason}");
                    Decision::Unknown
                } else {
                    deciding.sentence = format!("{direction} rule {rule} of {name} matches: {action_word}");
                    if action == Some(super::Action::Deny) {
                        Decision::Deny
                    } else {
                        Decision::Allow
                    }
                }
            }
            Element::EndOfTier { tier } => {
                let tier = &self.tiers[tier].name;
                deciding.element = Decided::EndOfTier;
                deciding.tier = Some(tier.clone());
                deciding.sentence = format!(
                    "{direction} policy of tier `{tier}` applies to `{}`, and no rule matches",
                    part.endpoint
                );
                Decision::Deny
            }
            Element::Profile { profile } => {
                deciding.element = Decided::Profile;
                deciding.sentence = format!("no {direction} policy decides, and profile `{profile}` allows");
                deciding.name = Some(profile);
                Decision::Allow
            }
            Element::NoProfile => {
                deciding.element = Decided::NoProfile;
                deciding.sentence = match part.kind {
                    PartKind::Workload => format!("no {direction} policy decides, and the namespace has no profile"),
                    _ => format!("no {direction} policy decides, and the host endpoint has no profile"),
                };
                Decision::Deny
            }
            Element::Nothing => Decision::Allow,
        };
        part
    }

    pub(super) fn notes(&self, seen: &Seen, verdict: &Verdict) -> Vec<String> {
        let mut notes = Vec::new();
        for (at, policy) in self
            .policies
            .iter()
            .enumerate()
            .filter(|(at, _)| self.tier_of[*at].is_none())
        {
            let labels = |side: &Side| side.workload.map(|at| &self.endpoints[at].labels);
            let near = |side: &Side| labels(side).is_some_and(|labels| self.policies[at].selector.matches(labels));
            if near(&seen.source) || near(&seen.destination) {
                notes.push(format!(
                    "{} is in tier `{}`, which does not exist",
                    policy.describe(),
                    policy.id.tier
                ));
            }
        }
        let staged = verdict
            .parts
            .iter()
            .flat_map(|part| &part.tiers)
            .flat_map(|tier| &tier.policies);
        for step in staged.filter(|step| step.staged) {
            notes.push(format!(
                "{:?} `{}` is staged: it is reported, never enforced ({:?})",
                step.kind, step.name, step.result
            ));
        }
        for side in [&seen.source, &seen.destination] {
            let pool = pool_for(&self.pools, side.address);
            if let Some(pool) = pool.filter(|_| side.workload.is_none() && side.node.is_none()) {
                notes.push(format!(
                    "{} lies in pool `{}`, and no pod has it",
                    side.address, pool.name
                ));
            }
        }
        if seen.source.workload.is_some() || seen.destination.workload.is_some() {
            notes.push("connections that exist already pass whatever policy says now".to_owned());
        }
        notes
    }
}
