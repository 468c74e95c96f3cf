//! Which flows policy lets pass, and why.
//!
//! Kubernetes, Calico and admin policies become one form ([`Policy`]); [`PolicyIndex`] finds those
//! that apply to an endpoint and walks them as Felix does. What cannot be known is `Unknown` with
//! its reason, never a guess.

mod admin;
mod calico;
mod change;
mod flow;
mod hint;
mod host;
mod index;
mod kubernetes;
mod matching;
mod narrow;
mod objects;
mod proposal;
mod reach;
mod review;
mod types;
mod verdict;
mod walk;
mod why;
mod words;

use serde_json::Value;

pub use flow::{Flow, Party};
pub use hint::Hint;
pub use index::PolicyIndex;
pub use objects::{EndpointSlice, HostEndpoint, NetworkSet, Service, Tier};
pub use proposal::{Edit, Opened, Proposal, ProposalKind};
pub use reach::Reach;
pub use review::{PolicyReview, RuleReview};
pub use types::{Action, Entity, Icmp, Policy, Port, Protocol, Rule, ServiceMatch};
pub use verdict::{Decided, Deciding, Decision, Part, PartKind, Verdict, VerdictOptions};
pub use walk::{Element, PolicyStep, RuleStep, StepResult, TierStep};
pub use why::{WhyPolicy, why_policy};

use crate::{
    names::PolicyKind,
    object::{Meta, ObjectError},
};

/// Reads a policy object of any kind.
pub fn read_policy(meta: &Meta, value: &Value, kind: PolicyKind) -> Result<Policy, ObjectError> {
    match kind {
        PolicyKind::KubernetesNetworkPolicy | PolicyKind::StagedKubernetesNetworkPolicy => {
            kubernetes::read(meta, value, kind)
        }
        PolicyKind::ClusterNetworkPolicy | PolicyKind::AdminNetworkPolicy | PolicyKind::BaselineAdminNetworkPolicy => {
            admin::read(meta, value, kind)
        }
        _ => calico::read(meta, value, kind),
    }
}

#[cfg(test)]
mod tests;
