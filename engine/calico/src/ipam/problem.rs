use std::net::IpAddr;

use serde::Serialize;

/// What an audit can find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Allocated, and no pod uses it.
    LeakedAddress,
    /// Allocated by a node that does not exist.
    AbsentNodeAddress,
    /// Allocated with no word on who owns it: nothing ever frees it.
    UnownedAddress,
    /// Held by a pod that has finished.
    FinishedPodAddress,
    /// A tunnel's, and its node says another address.
    StaleTunnelAddress,
    /// A node's tunnel address that IPAM does not know.
    TunnelNotAllocated,
    /// More than one live pod has it.
    DuplicatePodAddress,
    /// A pod and a node's tunnel have it.
    PodHasTunnelAddress,
    /// A pod's, inside a pool, and IPAM does not know it.
    PodNotAllocated,
    /// IPAM says another pod owns it.
    PodNotOwner,
    /// A pod's, and in no pool.
    PodOutsidePools,
    /// Inside disabled pools only: not fatal, but the pool cannot go yet.
    PodInDisabledPool,
    OrphanHandle,
    MissingHandle,
    HandleCount,
    /// An affinity of a node that does not exist.
    StaleAffinity,
    /// Neither confirmed nor gone.
    UnsettledAffinity,
    /// An affinity whose block is another node's, or absent.
    AffinityMismatch,
    /// A block of a node that does not exist.
    AbsentNodeBlock,
    BlockOutsidePools,
    OverlappingBlocks,
    CorruptBlock,
}

impl ProblemKind {
    /// The name under which Calico people know it.
    pub fn conclusion(self) -> &'static str {
        match self {
            Self::LeakedAddress | Self::UnownedAddress | Self::FinishedPodAddress => "IPAM-LEAK",
            Self::AbsentNodeAddress | Self::AbsentNodeBlock => "IPAM-STALE-NODE",
            Self::StaleTunnelAddress | Self::TunnelNotAllocated => "TUNNEL-ADDR-MISMATCH",
            Self::DuplicatePodAddress | Self::PodNotOwner => "DUP-POD-POD",
            Self::PodHasTunnelAddress => "DUP-POD-TUNNEL",
            Self::PodNotAllocated => "IP-NOT-ALLOCATED",
            Self::PodOutsidePools | Self::PodInDisabledPool | Self::BlockOutsidePools => "POD-IP-OUTSIDE-POOLS",
            Self::OrphanHandle | Self::HandleCount => "IPAM-HANDLE-LEAK",
            Self::MissingHandle => "IPAM-HANDLE-MISSING",
            Self::StaleAffinity | Self::UnsettledAffinity => "IPAM-STALE-AFFINITY",
            Self::AffinityMismatch => "BLOCK-AFFINITY-MISMATCH",
            Self::OverlappingBlocks => "CIDR-OVERLAP-POOL",
            Self::CorruptBlock => "IPAM-BLOCK-CORRUPT",
        }
    }

    /// What to do, safely.
    pub fn fix(self) -> &'static str {
        match self {
            Self::LeakedAddress | Self::AbsentNodeAddress => {
                "look again after the leak grace period (15 min); if it is still so, find out why kube-controllers does \
                 not collect it, then `calicoctl ipam release --ip=ADDRESS`; never while a pod reports the address"
            }
            Self::UnownedAddress => {
                "nothing collects it by itself: make sure that no workload uses it, then `calicoctl ipam release --ip=ADDRESS`"
            }
            Self::FinishedPodAddress => "delete the finished pod, or wait: the address is freed with its sandbox",
            Self::StaleTunnelAddress | Self::TunnelNotAllocated => {
                "delete that node's calico-node pod: at its start it takes a tunnel address and writes it down"
            }
            Self::DuplicatePodAddress | Self::PodNotOwner => {
                "recreate the pods that do not own the address; release nothing while one of them lives"
            }
            Self::PodHasTunnelAddress => {
                "recreate the pod where IPAM gave the address to the tunnel, else restart that node's calico-node"
            }
            Self::PodNotAllocated => "recreate the pod: IPAM may hand its address to another one",
            Self::PodOutsidePools => {
                "find the CNI configuration that gave it (`/etc/cni/net.d`), then recreate the pod"
            }
            Self::PodInDisabledPool => "recreate the pod before the pool is deleted",
            Self::OrphanHandle | Self::HandleCount => {
                "harmless for traffic: `calicoctl ipam check -o report` twice, then `ipam release --from-report`"
            }
            Self::MissingHandle => "recreate the owner: without its handle the address is not freed with it",
            Self::StaleAffinity | Self::AbsentNodeBlock => {
                "kube-controllers frees it once all its addresses are gone: look at its log (`Can't cleanup node yet`)"
            }
            Self::UnsettledAffinity => "wait a minute; if it stays, restart that node's calico-node",
            Self::AffinityMismatch => {
                "delete the BlockAffinity that disagrees with the block, once no pod of that node uses it"
            }
            Self::BlockOutsidePools => "bring the pool back, or recreate the pods of the block",
            Self::OverlappingBlocks => "move the pods of one of them to another pool; delete the wrong pool afterwards",
            Self::CorruptBlock => {
                "stop new allocations (disable the pool), save the object, recreate its pods elsewhere"
            }
        }
    }
}

/// One thing that is wrong, with its object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub kind: ProblemKind,
    pub conclusion: &'static str,
    /// The API object, `IPAMBlock `10-65-37-192-26`` or `Pod `shop/cart``.
    pub object: String,
    pub address: Option<IpAddr>,
    pub block: Option<String>,
    pub node: Option<String>,
    pub pod: Option<String>,
    pub handle: Option<String>,
    /// When the allocation or the affinity was made, as the object has it.
    pub since: Option<String>,
    pub sentence: String,
    pub fix: &'static str,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, object: String, sentence: String) -> Self {
        Self {
            kind,
            conclusion: kind.conclusion(),
            object,
            address: None,
            block: None,
            node: None,
            pod: None,
            handle: None,
            since: None,
            sentence,
            fix: kind.fix(),
        }
    }
}
