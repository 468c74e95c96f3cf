use std::collections::BTreeMap;

use serde::Serialize;

use super::{AllowedUse, AssignmentMode, IpPool};
use crate::selector::{FailedTerm, Selector, explain};

/// For whom an address is wanted.
#[derive(Debug, Clone, Default)]
pub struct PoolRequest<'a> {
    /// Labels of the node; pools choose nodes by them.
    pub node_labels: BTreeMap<String, String>,
    /// Labels of the namespace, `projectcalico.org/name` included.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// Pools asked for by annotation or CNI configuration, names or CIDRs.
    pub requested: Vec<&'a str>,
    pub usage: Option<AllowedUse>,
    pub ipv6: bool,
}

/// What a pool is asked before it gives an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    Disabled,
    Deleting,
    NotAllocatable,
    OtherFamily,
    AllowedUses,
    AssignmentModeManual,
    NotRequested,
    NodeSelector,
    NamespaceSelector,
}

/// Why a pool gives no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    pub predicate: Predicate,
    /// The predicate in words, to follow the pool's name.
    pub sentence: String,
    pub selector: Option<String>,
    /// The selector's terms that the node or the namespace fails.
    pub failed: Vec<FailedTerm>,
}

impl Rejection {
    fn new(predicate: Predicate, sentence: impl Into<String>) -> Self {
        Self {
            predicate,
            sentence: sentence.into(),
            selector: None,
            failed: Vec::new(),
        }
    }

    fn by_selector(predicate: Predicate, what: &str, selector: &Selector, failed: Vec<FailedTerm>) -> Self {
        let text = selector.text().to_owned();
        let sentence = format!("does not select the {what}: `{text}`");
        Self {
            predicate,
            sentence,
            selector: Some(text),
            failed,
        }
    }
}

/// One pool's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Eligibility {
    pub pool: String,
    pub eligible: bool,
    /// Every predicate that rejects, in the order in which Calico asks.
    pub rejected: Vec<Rejection>,
    pub rejected_because: Vec<String>,
}

/// Returns for each pool whether a new address may come from it, and what rejects it.
///
/// A pool that is asked for by name skips the selectors, as in Calico.
pub fn eligible_pools(pools: &[IpPool], request: &PoolRequest<'_>) -> Vec<Eligibility> {
    pools.iter().map(|pool| answer(pool, request)).collect()
}

fn answer(pool: &IpPool, request: &PoolRequest<'_>) -> Eligibility {
    let mut rejected = Vec::new();
    let cidr = pool.cidr.to_string();
    let requested = request
        .requested
        .iter()
        .any(|wanted| *wanted == pool.name || *wanted == cidr);
    let mut reject = |predicate, sentence: String| rejected.push(Rejection::new(predicate, sentence));
    if request.ipv6 != matches!(pool.cidr, ipnet::IpNet::V6(_)) {
        reject(Predicate::OtherFamily, "is of the other address family".to_owned());
    }
    if pool.disabled {
        reject(Predicate::Disabled, "is disabled".to_owned());
    }
    if pool.deleting {
        reject(Predicate::Deleting, "is being deleted".to_owned());
    }
    if pool.allocatable == Some(false) && !pool.disabled && !pool.deleting {
        let reason = pool.allocatable_reason.as_deref().unwrap_or("no reason given");
        reject(Predicate::NotAllocatable, format!("is not allocatable: {reason}"));
    }
    let wanted = request.usage.unwrap_or(AllowedUse::Workload);
    if !pool.allows(wanted) {
        reject(
            Predicate::AllowedUses,
            format!("allows {:?}, not {wanted:?}", pool.allowed_uses),
        );
    }
    if !requested {
        if !request.requested.is_empty() {
            reject(Predicate::NotRequested, "is not among the pools asked for".to_owned());
        } else if pool.assignment_mode == AssignmentMode::Manual {
            let sentence = "assigns only to those who ask for it (`assignmentMode: Manual`)";
            reject(Predicate::AssignmentModeManual, sentence.to_owned());
        }
        let failed = explain(&pool.node_selector, &request.node_labels);
        if !failed.is_empty() {
            rejected.push(Rejection::by_selector(
                Predicate::NodeSelector,
                "node",
                &pool.node_selector,
                failed,
            ));
        }
        if let (Some(selector), Some(labels)) = (&pool.namespace_selector, &request.namespace_labels) {
            let failed = explain(selector, labels);
            if !failed.is_empty() {
                let predicate = Predicate::NamespaceSelector;
                rejected.push(Rejection::by_selector(predicate, "namespace", selector, failed));
            }
        }
    }
    Eligibility {
        pool: pool.name.clone(),
        eligible: rejected.is_empty(),
        rejected_because: rejected.iter().map(|rejection| rejection.sentence.clone()).collect(),
        rejected,
    }
}
