use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    io::Read,
    net::IpAddr,
};

use ipnet::IpNet;
use serde::Serialize;

use super::{
    facts::{AuditFacts, AuditHandle, AuditPod},
    problem::{Problem, ProblemKind},
    stream::{ApiBlock, StreamError, each_item},
    structure::block_faults,
};
use crate::{
    names::{block_name, handle_name},
    pool::{Allocation, Block, Owner, pool_of_cidr},
};

/// The audit's result.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AuditReport {
    pub problems: Vec<Problem>,
    pub blocks: usize,
    pub addresses: usize,
    pub allocated: usize,
    /// Allocated by a node other than the block's.
    pub borrowed: usize,
    pub pods: usize,
    /// Problems per kind.
    pub counts: BTreeMap<ProblemKind, usize>,
}

/// A running audit: blocks are given one by one, so that they need not be kept.
#[derive(Debug)]
pub struct Audit<'a> {
    pub(super) facts: &'a AuditFacts,
    pub(super) nodes: HashSet<&'a str>,
    pods: HashMap<(&'a str, &'a str), &'a AuditPod>,
    /// Handles by name, and how many addresses of each were seen.
    pub(super) handles: HashMap<&'a str, (&'a AuditHandle, u32)>,
    pub(super) tunnels: HashMap<IpAddr, &'a str>,
    pub(super) in_use: HashMap<IpAddr, InUse<'a>>,
    pub(super) shared: HashMap<IpAddr, Vec<&'a AuditPod>>,
    /// Whom IPAM gave an address to, where that is not its only user.
    pub(super) owners: HashMap<IpAddr, String>,
    pub(super) tunnels_seen: HashSet<IpAddr>,
    pub(super) ranges: Vec<(IpNet, Option<Box<str>>)>,
    pub(super) report: AuditReport,
}

/// An address that a pod reports; further users are in `shared`.
#[derive(Debug)]
pub(super) struct InUse<'a> {
    pub(super) pod: &'a AuditPod,
    pub(super) allocated: bool,
}

/// Audits blocks that are all at hand.
pub fn audit<'b>(facts: &AuditFacts, blocks: impl IntoIterator<Item = &'b Block>) -> AuditReport {
    let mut audit = Audit::new(facts);
    for block in blocks {
        audit.block(block);
    }
    audit.finish()
}

impl<'a> Audit<'a> {
    pub fn new(facts: &'a AuditFacts) -> Self {
        let mut audit = Self {
            facts,
            nodes: facts.nodes.iter().map(|node| &*node.name).collect(),
            pods: facts
                .pods
                .iter()
                .map(|pod| ((&*pod.namespace, &*pod.name), pod))
                .collect(),
            handles: facts
                .handles
                .iter()
                .map(|handle| (&*handle.name, (handle, 0)))
                .collect(),
            tunnels: HashMap::new(),
            in_use: HashMap::with_capacity(facts.pods.len()),
            shared: HashMap::new(),
            owners: HashMap::new(),
            tunnels_seen: HashSet::new(),
            ranges: Vec::new(),
            report: AuditReport::default(),
        };
        for pod in facts.pods.iter().filter(|pod| pod.live()) {
            audit.report.pods += 1;
            for address in &pod.addresses {
                match audit.in_use.entry(*address) {
                    Entry::Vacant(free) => {
                        free.insert(InUse { pod, allocated: false });
                    }
                    Entry::Occupied(_) => audit.shared.entry(*address).or_default().push(pod),
                }
            }
        }
        for node in &facts.nodes {
            audit
                .tunnels
                .extend(node.tunnels.iter().map(|address| (*address, &*node.name)));
        }
        audit
    }

    /// Reads an IPAMBlockList without keeping it.
    pub fn read_blocks(&mut self, list: impl Read) -> Result<(), StreamError> {
        each_item(&mut serde_json::Deserializer::from_reader(list), |block: ApiBlock| {
            self.block(&block.spec)
        })
    }

    /// The same, of bytes at hand.
    pub fn read_blocks_slice(&mut self, list: &[u8]) -> Result<(), StreamError> {
        each_item(&mut serde_json::Deserializer::from_slice(list), |block: ApiBlock| {
            self.block(&block.spec)
        })
    }

    /// Looks at one block.
    pub fn block(&mut self, block: &Block) {
        if block.deleted {
            return;
        }
        self.report.blocks += 1;
        self.report.addresses += block.allocations.len();
        self.ranges.push((block.cidr, block.node().map(Into::into)));
        let name = || format!("IPAMBlock `{}`", block_name(block.cidr));
        for fault in block_faults(block) {
            self.push(Problem {
                block: Some(block.cidr.to_string()),
                ..Problem::new(ProblemKind::CorruptBlock, name(), fault)
            });
        }
        if pool_of_cidr(&self.facts.pools, block.cidr).is_none() {
            let sentence = format!("block {} lies in no pool", block.cidr);
            self.push(Problem {
                block: Some(block.cidr.to_string()),
                ..Problem::new(ProblemKind::BlockOutsidePools, name(), sentence)
            });
        }
        if let Some(node) = block.node().filter(|node| !self.nodes.contains(node)) {
            let sentence = format!("block {} belongs to node `{node}`, which does not exist", block.cidr);
            self.push(Problem {
                block: Some(block.cidr.to_string()),
                node: Some(node.to_owned()),
                ..Problem::new(ProblemKind::AbsentNodeBlock, name(), sentence)
            });
        }
        for (address, allocation) in block.allocated() {
            self.allocation(block, address, allocation);
        }
    }

    fn allocation(&mut self, block: &Block, address: IpAddr, allocation: &Allocation) {
        // Released, and kept back for a while.
        if allocation.released_at.is_some() {
            return;
        }
        self.report.allocated += 1;
        if let (Some(owner), Some(node)) = (block.node(), allocation.node())
            && owner != node
        {
            self.report.borrowed += 1;
        }
        if let Some(used) = self.in_use.get_mut(&address) {
            used.allocated = true;
            if let Owner::Pod { namespace, pod, .. } = allocation.owner()
                && (*used.pod.name != *pod || *used.pod.namespace != *namespace || self.shared.contains_key(&address))
            {
                self.owners.insert(address, format!("{namespace}/{pod}"));
            }
        }
        let handle = allocation.handle_id.as_deref().map(handle_name);
        match handle.as_deref() {
            Some(name) => match self.handles.get_mut(name) {
                Some(known) => known.1 += 1,
                None => {
                    let sentence = format!("{address} belongs to handle `{name}`, which does not exist");
                    self.push_allocation(ProblemKind::MissingHandle, block, address, allocation, sentence);
                }
            },
            None => {
                let sentence = format!("{address} is allocated without a handle");
                self.push_allocation(ProblemKind::MissingHandle, block, address, allocation, sentence);
            }
        }
        match allocation.owner() {
            Owner::WindowsReserved | Owner::LoadBalancer { .. } => {}
            Owner::Tunnel { node, tunnel } => {
                self.tunnels_seen.insert(address);
                let node = node.as_deref().unwrap_or("");
                if !self.nodes.contains(node) {
                    let sentence = format!("{address} is the {tunnel} of node `{node}`, which does not exist");
                    self.push_allocation(ProblemKind::AbsentNodeAddress, block, address, allocation, sentence);
                } else if self.tunnels.get(&address) != Some(&node) {
                    let sentence =
                        format!("{address} is allocated as {tunnel} of node `{node}`, which does not say so");
                    self.push_allocation(ProblemKind::StaleTunnelAddress, block, address, allocation, sentence);
                }
            }
            Owner::Unknown => {
                if !self.in_use.contains_key(&address) {
                    let sentence = format!("{address} is allocated, and its attributes name no owner");
                    self.push_allocation(ProblemKind::UnownedAddress, block, address, allocation, sentence);
                }
            }
            Owner::Pod { namespace, pod, node } => {
                if let Some((kind, sentence)) = self.pod_allocation(address, &namespace, &pod, node.as_deref()) {
                    self.push_allocation(kind, block, address, allocation, sentence);
                }
            }
        }
    }

    /// The rule by which kube-controllers collects leaks.
    fn pod_allocation(
        &self,
        address: IpAddr,
        namespace: &str,
        pod: &str,
        node: Option<&str>,
    ) -> Option<(ProblemKind, String)> {
        let absent = node.filter(|node| !self.nodes.contains(node));
        let found = self.pods.get(&(namespace, pod));
        let on_node = found.filter(|pod| node.is_none() || pod.node.as_deref() == node);
        let leaked = |why: String| {
            Some((
                ProblemKind::LeakedAddress,
                format!("{address} is allocated to pod `{namespace}/{pod}`, {why}"),
            ))
        };
        match (on_node, absent) {
            (Some(found), _) if found.finished => {
                let sentence = format!("{address} is held by pod `{namespace}/{pod}`, which has finished");
                Some((ProblemKind::FinishedPodAddress, sentence))
            }
            (Some(found), _) if found.addresses.is_empty() || found.addresses.contains(&address) => None,
            (Some(found), _) => {
                let has: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
                leaked(format!("which has {}", has.join(", ")))
            }
            (None, Some(node)) => {
                let sentence = format!(
                    "{address} is allocated to pod `{namespace}/{pod}` of node `{node}`, and that node does not exist"
                );
                Some((ProblemKind::AbsentNodeAddress, sentence))
            }
            (None, None) => match found.and_then(|pod| pod.node.as_deref()) {
                Some(now) => leaked(format!("which runs on node `{now}`, not on `{}`", node.unwrap_or(""))),
                None => leaked("which does not exist".to_owned()),
            },
        }
    }

    fn push_allocation(
        &mut self,
        kind: ProblemKind,
        block: &Block,
        address: IpAddr,
        allocation: &Allocation,
        sentence: String,
    ) {
        let get = |key: &str| allocation.secondary.get(key).map(str::to_owned);
        let pod = get("namespace")
            .zip(get("pod"))
            .map(|(namespace, pod)| format!("{namespace}/{pod}"));
        self.push(Problem {
            address: Some(address),
            block: Some(block.cidr.to_string()),
            node: get("node"),
            pod,
            handle: allocation.handle_id.clone(),
            since: get("timestamp"),
            ..Problem::new(kind, format!("IPAMBlock `{}`", block_name(block.cidr)), sentence)
        });
    }

    pub(super) fn push(&mut self, problem: Problem) {
        *self.report.counts.entry(problem.kind).or_default() += 1;
        self.report.problems.push(problem);
    }

    /// Looks at what is left when all blocks have been seen.
    pub fn finish(mut self) -> AuditReport {
        self.handles_left();
        self.affinities();
        self.blocks_without_affinity();
        self.addresses_in_use();
        self.tunnels_left();
        self.overlaps();
        self.report
            .problems
            .sort_by(|a, b| (a.kind, a.address, &a.object).cmp(&(b.kind, b.address, &b.object)));
        self.report
    }
}
