use serde::Serialize;

use super::{
    hint::Hint,
    index::PolicyIndex,
    matching::{Match, Seen},
    types::{Action, Policy},
};
use crate::{
    names::{Direction, PolicyKind},
    workload::EndpointLabels,
};

/// What decides; indices are into the index's lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "element", rename_all = "snake_case")]
pub enum Element {
    Rule {
        policy: usize,
        rule: usize,
    },
    EndOfTier {
        tier: usize,
    },
    Profile {
        profile: String,
    },
    NoProfile,
    UnknownRule {
        policy: usize,
        rule: usize,
        reason: String,
    },
    /// Nothing that applies decides here.
    Nothing,
}

/// How one rule fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleStep {
    pub index: usize,
    pub path: String,
    pub action: Action,
    /// None where it cannot be told.
    pub matched: Option<bool>,
    pub failed_field: Option<&'static str>,
    pub rule_wants: Option<String>,
    pub flow_has: Option<String>,
    /// A likely mistake: a selector that nothing satisfies, a port that nobody names.
    pub hint: Option<Hint>,
    pub reason: Option<String>,
}

/// How one policy or tier ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    Allow,
    Deny,
    Pass,
    NoMatch,
    Unknown,
    /// Staged: what it would have done is in its rules.
    NotEnforced,
}

/// One policy of the walk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyStep {
    pub kind: PolicyKind,
    pub namespace: Option<String>,
    pub name: String,
    pub order: Option<f64>,
    pub staged: bool,
    pub result: StepResult,
    pub rules: Vec<RuleStep>,
}

/// One tier of the walk; tiers without a policy for the endpoint are left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TierStep {
    pub tier: String,
    pub order: Option<f64>,
    pub default_action: Action,
    pub result: StepResult,
    pub policies: Vec<PolicyStep>,
}

/// Which of a host endpoint's policies are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// A workload's, or a host endpoint's for traffic that ends on the host.
    Normal,
    Forward,
    Untracked,
    PreDnat,
}

impl Stage {
    fn takes(self, policy: &Policy) -> bool {
        match self {
            Self::Normal => !policy.do_not_track && !policy.pre_dnat,
            Self::Forward => policy.apply_on_forward && !policy.do_not_track && !policy.pre_dnat,
            Self::Untracked => policy.do_not_track,
            Self::PreDnat => policy.pre_dnat,
        }
    }
}

pub(super) struct Walk<'a> {
    pub index: &'a PolicyIndex,
    pub flow: &'a Seen,
    pub direction: Direction,
    pub stage: Stage,
    /// Filled where the walk is to be told.
    pub steps: Option<Vec<TierStep>>,
}

impl Walk<'_> {
    /// Walks the tiers. `Nothing` where no tier decided: profiles are next.
    pub(super) fn tiers(&mut self, labels: &EndpointLabels) -> Element {
        let ranks = self.applying(labels);
        self.ranks(&ranks)
    }

    /// The policies that are asked.
    pub(super) fn applying(&self, labels: &EndpointLabels) -> Vec<usize> {
        self.index.selecting(labels, |policy| {
            policy.applies(self.direction) && self.stage.takes(policy)
        })
    }

    /// Walks the tiers of these policies.
    pub(super) fn ranks(&mut self, applying: &[usize]) -> Element {
        let index = self.index;
        for group in applying.chunk_by(|a, b| index.tier_of[*a] == index.tier_of[*b]) {
            let Some(tier) = group.first().and_then(|rank| index.tier_of[*rank]) else {
                continue;
            };
            if let Some(element) = self.tier(tier, group) {
                return element;
            }
        }
        Element::Nothing
    }

    fn tier(&mut self, at: usize, ranks: &[usize]) -> Option<Element> {
        let tier = &self.index.tiers[at];
        if let Some(steps) = &mut self.steps {
            steps.push(TierStep {
                tier: tier.name.clone(),
                order: tier.order,
                default_action: tier.default_action,
                result: StepResult::Pass,
                policies: Vec::new(),
            });
        }
        let mut enforced = false;
        for rank in ranks {
            let policy = &self.index.policies[*rank];
            if policy.staged() && self.steps.is_none() {
                continue;
            }
            let (result, element) = self.policy(*rank);
            if policy.staged() {
                continue;
            }
            enforced = true;
            match result {
                StepResult::Pass => return self.ends(StepResult::Pass, None),
                StepResult::Allow | StepResult::Deny | StepResult::Unknown => return self.ends(result, element),
                StepResult::NoMatch | StepResult::NotEnforced => {}
            }
        }
        // Untracked and pre-DNAT policy has no end of tier: what it leaves goes on.
        let ends_here = matches!(self.stage, Stage::Normal | Stage::Forward);
        if enforced && ends_here && tier.default_action != Action::Pass {
            return self.ends(StepResult::Deny, Some(Element::EndOfTier { tier: at }));
        }
        self.ends(
            if enforced {
                StepResult::Pass
            } else {
                StepResult::NotEnforced
            },
            None,
        )
    }

    fn ends(&mut self, result: StepResult, element: Option<Element>) -> Option<Element> {
        if let Some(step) = self.steps.as_mut().and_then(|steps| steps.last_mut()) {
            step.result = result;
        }
        element
    }

    fn policy(&mut self, rank: usize) -> (StepResult, Option<Element>) {
        let index = self.index;
        let policy = &index.policies[rank];
        let mut told = Vec::new();
        let mut outcome = (StepResult::NoMatch, None);
        for (at, rule) in policy.rules(self.direction).iter().enumerate() {
            let found = index.rule_matches(rule, self.flow);
            if self.steps.is_some() {
                told.push(index.rule_step(at, rule, self.flow, &found));
            }
            outcome = match (found, rule.action) {
                (Match::No(_), _) | (Match::Yes | Match::Unknown(_), Action::Log) => continue,
                (Match::Unknown(reason), _) => (
                    StepResult::Unknown,
                    Some(Element::UnknownRule {
                        policy: rank,
                        rule: at,
                        reason,
                    }),
                ),
                (Match::Yes, Action::Pass) => (StepResult::Pass, None),
                (Match::Yes, Action::Allow) => (StepResult::Allow, Some(Element::Rule { policy: rank, rule: at })),
                (Match::Yes, Action::Deny) => (StepResult::Deny, Some(Element::Rule { policy: rank, rule: at })),
            };
            break;
        }
        if let Some(step) = self.steps.as_mut().and_then(|steps| steps.last_mut()) {
            step.policies.push(PolicyStep {
                kind: policy.id.kind,
                namespace: policy.id.namespace.clone(),
                name: policy.id.name.clone(),
                order: policy.order,
                staged: policy.staged(),
                result: outcome.0,
                rules: told,
            });
        }
        outcome
    }
}
