//! IP pools: encapsulation, eligibility, overlaps, and the blocks that they are cut into.

mod block;
mod eligible;
mod overlap;

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use block::{
    AffinityState, Allocation, Attributes, Block, BlockAffinity, IpReservation, IpamConfig, IpamHandle, Owner,
};
pub use eligible::{Eligibility, PoolRequest, Predicate, Rejection, eligible_pools};
pub use overlap::{Overlap, OverlapKind, overlaps};

use crate::{
    object::{Meta, Object, ObjectError, de_cidr, part},
    selector::Selector,
};

/// When packets between nodes are encapsulated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EncapMode {
    #[default]
    #[serde(alias = "")]
    Never,
    Always,
    CrossSubnet,
}

/// What a pool's addresses may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllowedUse {
    Workload,
    Tunnel,
    LoadBalancer,
}

/// A `spec.assignmentMode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssignmentMode {
    #[default]
    Automatic,
    Manual,
}

/// An IPPool with Calico's defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IpPool {
    pub name: String,
    pub cidr: IpNet,
    pub ipip_mode: EncapMode,
    pub vxlan_mode: EncapMode,
    pub nat_outgoing: bool,
    pub disabled: bool,
    pub disable_bgp_export: bool,
    pub block_size: u8,
    pub node_selector: Selector,
    pub namespace_selector: Option<Selector>,
    pub allowed_uses: Vec<AllowedUse>,
    pub assignment_mode: AssignmentMode,
    /// Being deleted: no new addresses, kept until its allocations are gone.
    pub deleting: bool,
    /// `Some(false)` with its reason where Calico says the pool is not usable.
    pub allocatable: Option<bool>,
    pub allocatable_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(deserialize_with = "de_cidr")]
    cidr: IpNet,
    #[serde(default)]
    ipip_mode: Option<EncapMode>,
    #[serde(default)]
    vxlan_mode: Option<EncapMode>,
    #[serde(default)]
    nat_outgoing: Option<bool>,
    #[serde(default)]
    disabled: Option<bool>,
    #[serde(default, rename = "disableBGPExport")]
    disable_bgp_export: Option<bool>,
    #[serde(default)]
    block_size: Option<u8>,
    #[serde(default)]
    node_selector: Option<Selector>,
    #[serde(default)]
    namespace_selector: Option<Selector>,
    #[serde(default)]
    allowed_uses: Option<Vec<AllowedUse>>,
    #[serde(default)]
    assignment_mode: Option<AssignmentMode>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Option<Vec<Condition>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
    reason: Option<String>,
}

impl Object for IpPool {
    const KIND: &'static str = "IPPool";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: Spec = part(&meta, value, "spec")?;
        let status: Status = part(&meta, value, "status")?;
        let (default_size, sizes) = match spec.cidr {
            IpNet::V4(_) => (26, 20..=32),
            IpNet::V6(_) => (122, 116..=128),
        };
        let block_size = spec.block_size.filter(|size| *size != 0).unwrap_or(default_size);
        if !sizes.contains(&block_size) || block_size < spec.cidr.prefix_len() {
            let reason = format!("{block_size} is not a block size for {}", spec.cidr);
            return Err(ObjectError::new(meta.describe(), "spec.blockSize", reason));
        }
        let allocatable = status
            .conditions
            .unwrap_or_default()
            .into_iter()
            .find(|condition| condition.r#type == "Allocatable");
        Ok(Self {
            cidr: spec.cidr,
            ipip_mode: spec.ipip_mode.unwrap_or_default(),
            vxlan_mode: spec.vxlan_mode.unwrap_or_default(),
            nat_outgoing: spec.nat_outgoing.unwrap_or_default(),
            disabled: spec.disabled.unwrap_or_default(),
            disable_bgp_export: spec.disable_bgp_export.unwrap_or_default(),
            block_size,
            node_selector: spec.node_selector.unwrap_or_else(Selector::all),
            namespace_selector: spec
                .namespace_selector
                .filter(|selector| !selector.text().trim().is_empty()),
            allowed_uses: spec
                .allowed_uses
                .filter(|uses| !uses.is_empty())
                .unwrap_or_else(|| vec![AllowedUse::Workload, AllowedUse::Tunnel]),
            assignment_mode: spec.assignment_mode.unwrap_or_default(),
            deleting: meta.deletion_timestamp.is_some(),
            allocatable: allocatable.as_ref().map(|condition| condition.status == "True"),
            allocatable_reason: allocatable.and_then(|condition| condition.reason),
            name: meta.name,
        })
    }
}

/// Which encapsulation a pool asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Encapsulation {
    None,
    Ipip,
    Vxlan,
}

impl IpPool {
    pub fn encapsulation(&self) -> (Encapsulation, EncapMode) {
        if self.vxlan_mode != EncapMode::Never {
            (Encapsulation::Vxlan, self.vxlan_mode)
        } else if self.ipip_mode != EncapMode::Never {
            (Encapsulation::Ipip, self.ipip_mode)
        } else {
            (Encapsulation::None, EncapMode::Never)
        }
    }

    pub fn allows(&self, usage: AllowedUse) -> bool {
        self.allowed_uses.contains(&usage)
    }

    /// How many addresses the pool has; all of them are usable, `.0` and `.255` too.
    pub fn addresses(&self) -> u128 {
        size(self.cidr, self.cidr.max_prefix_len())
    }

    /// How many blocks the pool can be cut into.
    pub fn blocks(&self) -> u128 {
        size(self.cidr, self.block_size)
    }

    /// How many addresses one block has.
    pub fn block_addresses(&self) -> u128 {
        let bits = self.cidr.max_prefix_len().saturating_sub(self.block_size);
        1u128.checked_shl(u32::from(bits)).unwrap_or(u128::MAX)
    }
}

/// 2^(length - prefix), at most `u128::MAX`.
fn size(cidr: IpNet, length: u8) -> u128 {
    1u128
        .checked_shl(u32::from(length.saturating_sub(cidr.prefix_len())))
        .unwrap_or(u128::MAX)
}

/// Returns the pool that holds `address`, the most specific where pools overlap.
pub fn pool_for(pools: &[IpPool], address: IpAddr) -> Option<&IpPool> {
    pools
        .iter()
        .filter(|pool| pool.cidr.contains(&address))
        .max_by_key(|pool| pool.cidr.prefix_len())
}

/// Returns the pool that holds all of `cidr`, the most specific where pools overlap.
pub fn pool_of_cidr(pools: &[IpPool], cidr: IpNet) -> Option<&IpPool> {
    pools
        .iter()
        .filter(|pool| pool.cidr.contains(&cidr))
        .max_by_key(|pool| pool.cidr.prefix_len())
}

/// Returns the CIDR of the block of `pool` in which `address` lies.
pub fn block_cidr_of(address: IpAddr, pool: &IpPool) -> Option<IpNet> {
    if !pool.cidr.contains(&address) {
        return None;
    }
    IpNet::new(address, pool.block_size).ok().map(|cidr| cidr.trunc())
}

#[cfg(test)]
mod tests;
