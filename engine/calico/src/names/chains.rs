use serde::Serialize;
use sha2::{Digest, Sha256};

use super::base64url;

/// Longest chain name that iptables takes.
pub const CHAIN_MAX_IPTABLES: usize = 28;
/// Longest chain name that nftables takes.
pub const CHAIN_MAX_NFTABLES: usize = 256;

/// Seen from the pod: ingress is towards it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// The kinds of policy that Felix renders or stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub enum PolicyKind {
    NetworkPolicy,
    GlobalNetworkPolicy,
    KubernetesNetworkPolicy,
    ClusterNetworkPolicy,
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    StagedNetworkPolicy,
    StagedGlobalNetworkPolicy,
    StagedKubernetesNetworkPolicy,
}

impl PolicyKind {
    /// The word that recent releases put into chain names.
    pub fn short(self) -> &'static str {
        match self {
            Self::NetworkPolicy => "np",
            Self::GlobalNetworkPolicy => "gnp",
            Self::KubernetesNetworkPolicy => "knp",
            Self::ClusterNetworkPolicy => "kcnp",
            Self::AdminNetworkPolicy => "kanp",
            Self::BaselineAdminNetworkPolicy => "kbanp",
            Self::StagedNetworkPolicy => "snp",
            Self::StagedGlobalNetworkPolicy => "sgnp",
            Self::StagedKubernetesNetworkPolicy => "sknp",
        }
    }

    pub fn is_staged(self) -> bool {
        matches!(
            self,
            Self::StagedNetworkPolicy | Self::StagedGlobalNetworkPolicy | Self::StagedKubernetesNetworkPolicy
        )
    }
}

/// What chain names are made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyName {
    pub kind: PolicyKind,
    pub namespace: Option<String>,
    /// As stored, with or without the tier's prefix.
    pub name: String,
    pub tier: String,
}

/// Returns `prefix + suffix`, or the prefix with a hash of the suffix where that is too long.
pub fn limited(prefix: &str, suffix: &str, max: usize) -> String {
    let suffix = if suffix.is_empty() { "_" } else { suffix };
    let length = prefix.len() + suffix.len();
    // A suffix that starts like a hash must not be taken for one.
    if length > max || (length == max && suffix.starts_with('_')) {
        let hash = base64url(&Sha256::digest(suffix.as_bytes()));
        let keep = max.saturating_sub(1 + prefix.len()).min(hash.len());
        return format!("{prefix}_{}", &hash[..keep]);
    }
    format!("{prefix}{suffix}")
}

/// Returns the chain suffixes under which releases may know a policy, the most recent first.
pub fn policy_suffixes(policy: &PolicyName) -> Vec<String> {
    let PolicyName {
        kind,
        namespace,
        name,
        tier,
    } = policy;
    let bare = crate::object::strip_tier(name, tier);
    let prefixed = format!("{tier}.{bare}");
    let in_namespace = |name: &str| match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    };
    let short = kind.short();
    let mut suffixes = vec![format!("{short}/{}", in_namespace(name))];
    match kind {
        PolicyKind::KubernetesNetworkPolicy => {
            suffixes.push(in_namespace(&format!("knp.default.{bare}")));
            suffixes.push(in_namespace(&format!("default.knp.default.{bare}")));
        }
        PolicyKind::AdminNetworkPolicy => suffixes.push(format!("kanp.adminnetworkpolicy.{bare}")),
        PolicyKind::BaselineAdminNetworkPolicy => {
            suffixes.push(format!("kbanp.baselineadminnetworkpolicy.{bare}"));
        }
        _ => {}
    }
    for form in [bare, prefixed.as_str()] {
        suffixes.push(format!("{short}/{}", in_namespace(form)));
    }
    for form in [prefixed.as_str(), name, bare] {
        suffixes.push(in_namespace(form));
    }
    let mut unique = Vec::new();
    for suffix in suffixes {
        if !unique.contains(&suffix) {
            unique.push(suffix);
        }
    }
    unique
}

/// Returns every chain name that a policy may have in `direction`, the most recent form first.
///
/// Intersect them with the chains of the node: releases differ, and an upgrade leaves both.
pub fn policy_chains(policy: &PolicyName, direction: Direction, max: usize) -> Vec<String> {
    let prefix = match direction {
        Direction::Ingress => "cali-pi-",
        Direction::Egress => "cali-po-",
    };
    policy_suffixes(policy)
        .iter()
        .map(|suffix| limited(prefix, suffix, max))
        .collect()
}

/// Returns the chain of a profile, `kns.shop` or `ksa.shop.default`.
pub fn profile_chain(profile: &str, direction: Direction, max: usize) -> String {
    let prefix = match direction {
        Direction::Ingress => "cali-pri-",
        Direction::Egress => "cali-pro-",
    };
    limited(prefix, profile, max)
}

/// Returns the chain of a workload: `cali-tw-` is towards it, `cali-fw-` from it.
pub fn endpoint_chain(interface: &str, direction: Direction, max: usize) -> String {
    let prefix = match direction {
        Direction::Ingress => "cali-tw-",
        Direction::Egress => "cali-fw-",
    };
    limited(prefix, interface, max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy(kind: PolicyKind, namespace: Option<&str>, name: &str, tier: &str) -> PolicyName {
        PolicyName {
            kind,
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            tier: tier.to_owned(),
        }
    }

    #[test]
    fn vectors() {
        let max = CHAIN_MAX_IPTABLES;
        assert_eq!(limited("cali-pi-", "gnp/allow-dns", max), "cali-pi-gnp/allow-dns");
        assert_eq!(
            limited("cali-pi-", "knp/default/allow-web", max),
            "cali-pi-_l7X9Omtz7dibbh9L3Lp"
        );
        assert_eq!(
            limited("cali-pi-", "prod/knp.default.allow-web", max),
            "cali-pi-_C91fLzb1iw1DV06t-5a"
        );
        assert_eq!(
            limited("cali-pi-", "default.allow-dns", max),
            "cali-pi-default.allow-dns"
        );
        assert_eq!(
            profile_chain("ksa.kube-system.coredns", Direction::Ingress, max),
            "cali-pri-_u2Tn2rSoAPffvE7JO6"
        );
        assert_eq!(
            profile_chain("kns.default", Direction::Ingress, max),
            "cali-pri-kns.default"
        );
        assert_eq!(
            endpoint_chain("cali0d7763386da", Direction::Egress, max),
            "cali-fw-cali0d7763386da"
        );
    }

    #[test]
    fn real_chains_are_among_the_candidates() {
        use Direction::{Egress, Ingress};
        use PolicyKind::*;
        for (policy, direction, chain) in [
            (
                policy(KubernetesNetworkPolicy, Some("shop"), "allow-frontend", "default"),
                Ingress,
                "cali-pi-_YH5QJypYLIwIOe_UJ0p",
            ),
            (
                policy(GlobalNetworkPolicy, None, "platform.block-nets", "platform"),
                Egress,
                "cali-po-_XnfvEeaD-j_SeiSVy2G",
            ),
            (
                policy(NetworkPolicy, Some("shop"), "payments-egress", "default"),
                Egress,
                "cali-po-_qvnjjiw9gT8LkA9d7L4",
            ),
            (
                policy(KubernetesNetworkPolicy, Some("prod"), "allow-web", "default"),
                Ingress,
                "cali-pi-_C91fLzb1iw1DV06t-5a",
            ),
            (
                policy(GlobalNetworkPolicy, None, "allow-dns", "default"),
                Ingress,
                "cali-pi-default.allow-dns",
            ),
        ] {
            let chains = policy_chains(&policy, direction, CHAIN_MAX_IPTABLES);
            assert!(chains.iter().any(|name| name == chain), "{policy:?}: {chains:?}");
        }
    }

    proptest! {
        #[test]
        fn never_longer_than_the_limit(prefix in "[a-z-]{0,40}", suffix in ".{0,60}", max in 0usize..64) {
            let name = limited(&prefix, &suffix, max);
            prop_assert!(name.len() <= max.max(prefix.len() + 1));
        }

        #[test]
        fn different_suffixes_differ(a in "[a-z/.]{1,60}", b in "[a-z/.]{1,60}") {
            prop_assume!(a != b);
            prop_assert_ne!(limited("cali-pi-", &a, 28), limited("cali-pi-", &b, 28));
        }
    }
}
