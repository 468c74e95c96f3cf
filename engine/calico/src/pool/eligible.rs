use std::collections::BTreeMap;

use serde::Serialize;

use super::{AllowedUse, AssignmentMode, IpPool};
use crate::selector::{FailedTerm, explain};

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

/// Why a pool gives no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "predicate", rename_all = "snake_case")]
pub enum Rejection {
    Disabled,
    Deleting,
    NotAllocatable {
        reason: String,
    },
    OtherFamily,
    AllowedUses {
        wanted: AllowedUse,
        allowed: Vec<AllowedUse>,
    },
    AssignmentModeManual,
    NotRequested,
    NodeSelector {
        selector: String,
        failed: Vec<FailedTerm>,
    },
    NamespaceSelector {
        selector: String,
        failed: Vec<FailedTerm>,
    },
}

impl Rejection {
    /// The predicate in words.
    pub fn sentence(&self) -> String {
        match self {
            Self::Disabled => "is disabled".to_owned(),
            Self::Deleting => "is being deleted".to_owned(),
            Self::NotAllocatable { reason } => format!("is not allocatable: {reason}"),
            Self::OtherFamily => "is of the other address family".to_owned(),
            Self::AllowedUses { wanted, allowed } => format!("allows {allowed:?}, not {wanted:?}"),
            Self::AssignmentModeManual => "assigns only to those who ask for it (`assignmentMode: Manual`)".to_owned(),
            Self::NotRequested => "is not among the pools asked for".to_owned(),
            Self::NodeSelector { selector, .. } => format!("does not select the node: `{selector}`"),
            Self::NamespaceSelector { selector, .. } => format!("does not select the namespace: `{selector}`"),
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
    if request.ipv6 != matches!(pool.cidr, ipnet::IpNet::V6(_)) {
        rejected.push(Rejection::OtherFamily);
    }
    if pool.disabled {
        rejected.push(Rejection::Disabled);
    }
    if pool.deleting {
        rejected.push(Rejection::Deleting);
    }
    if pool.allocatable == Some(false) && !pool.disabled && !pool.deleting {
        rejected.push(Rejection::NotAllocatable {
            reason: pool.allocatable_reason.clone().unwrap_or_default(),
        });
    }
    let wanted = request.usage.unwrap_or(AllowedUse::Workload);
    if !pool.allows(wanted) {
        rejected.push(Rejection::AllowedUses {
            wanted,
            allowed: pool.allowed_uses.clone(),
        });
    }
    if !requested {
        if !request.requested.is_empty() {
            rejected.push(Rejection::NotRequested);
        } else if pool.assignment_mode == AssignmentMode::Manual {
            rejected.push(Rejection::AssignmentModeManual);
        }
        let failed = explain(&pool.node_selector, &request.node_labels);
        if !failed.is_empty() {
            rejected.push(Rejection::NodeSelector {
                selector: pool.node_selector.text().to_owned(),
                failed,
            });
        }
        if let (Some(selector), Some(labels)) = (&pool.namespace_selector, &request.namespace_labels) {
            let failed = explain(selector, labels);
            if !failed.is_empty() {
                rejected.push(Rejection::NamespaceSelector {
                    selector: selector.text().to_owned(),
                    failed,
                });
            }
        }
    }
    Eligibility {
        pool: pool.name.clone(),
        eligible: rejected.is_empty(),
        rejected_because: rejected.iter().map(Rejection::sentence).collect(),
        rejected,
    }
}
