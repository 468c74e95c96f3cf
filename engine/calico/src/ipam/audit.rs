use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
};

use ipnet::IpNet;
use serde::Serialize;

use super::{
    problem::{Problem, ProblemKind},
    structure::block_faults,
};
use crate::{
    names::{block_name, handle_name},
    node::Node,
    pool::{Allocation, Block, BlockAffinity, IpPool, IpamHandle, Owner, pool_of_cidr},
    workload::Pod,
};

/// What is compared with the blocks.
#[derive(Debug, Clone, Copy)]
pub struct AuditInput<'a> {
    pub pools: &'a [IpPool],
    pub nodes: &'a [Node],
    pub pods: &'a [Pod],
    pub affinities: &'a [BlockAffinity],
    pub handles: &'a [IpamHandle],
}

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
    pub(super) input: AuditInput<'a>,
    pub(super) nodes: HashMap<&'a str, &'a Node>,
    pub(super) pods: HashMap<(&'a str, &'a str), &'a Pod>,
    pub(super) handles: HashMap<&'a str, (&'a IpamHandle, usize)>,
    pub(super) tunnels: HashMap<IpAddr, &'a str>,
    pub(super) in_use: HashMap<IpAddr, InUse<'a>>,
    pub(super) tunnels_seen: HashSet<IpAddr>,
    pub(super) ranges: Vec<(IpNet, Option<String>)>,
    pub(super) report: AuditReport,
}

/// An address that pods report.
#[derive(Debug, Default)]
pub(super) struct InUse<'a> {
    pub(super) pods: Vec<&'a Pod>,
    pub(super) allocated: bool,
    /// The pod that IPAM gave it to, where that is none of those.
    pub(super) owner: Option<String>,
}

/// Audits blocks that are all at hand.
pub fn audit<'b>(input: AuditInput<'_>, blocks: impl IntoIterator<Item = &'b Block>) -> AuditReport {
    let mut audit = Audit::new(input);
    for block in blocks {
        audit.block(block);
    }
    audit.finish()
}

impl<'a> Audit<'a> {
    pub fn new(input: AuditInput<'a>) -> Self {
        let mut audit = Self {
            input,
            nodes: input.nodes.iter().map(|node| (node.name.as_str(), node)).collect(),
            pods: HashMap::with_capacity(input.pods.len()),
            handles: input
                .handles
                .iter()
                .map(|handle| (handle.name.as_str(), (handle, 0)))
                .collect(),
            tunnels: HashMap::new(),
            in_use: HashMap::with_capacity(input.pods.len()),
            tunnels_seen: HashSet::new(),
            ranges: Vec::new(),
            report: AuditReport::default(),
        };
        for pod in input.pods {
            let namespace = pod.meta.namespace.as_deref().unwrap_or("");
            audit.pods.insert((namespace, &pod.meta.name), pod);
            if pod.host_network || pod.finished() || pod.node.is_none() {
                continue;
            }
            audit.report.pods += 1;
            for address in &pod.addresses {
                audit.in_use.entry(*address).or_default().pods.push(pod);
            }
        }
        for node in input.nodes {
            audit.tunnels.extend(
                tunnels_of(node)
                    .into_iter()
                    .map(|address| (address, node.name.as_str())),
            );
        }
        audit
    }

    /// Looks at one block.
    pub fn block(&mut self, block: &Block) {
        if block.deleted {
            return;
        }
        self.report.blocks += 1;
        self.report.addresses += block.allocations.len();
        self.ranges.push((block.cidr, block.node().map(str::to_owned)));
        let name = || format!("IPAMBlock `{}`", block_name(block.cidr));
        for fault in block_faults(block) {
            self.push(Problem {
                block: Some(block.cidr.to_string()),
                ..Problem::new(ProblemKind::CorruptBlock, name(), fault)
            });
        }
        if pool_of_cidr(self.input.pools, block.cidr).is_none() {
            let sentence = format!("block {} lies in no pool", block.cidr);
            self.push(Problem {
                block: Some(block.cidr.to_string()),
                ..Problem::new(ProblemKind::BlockOutsidePools, name(), sentence)
            });
        }
        if let Some(node) = block.node().filter(|node| !self.nodes.contains_key(node)) {
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
                && (used.pods.len() > 1
                    || !used.pods.iter().any(|user| {
                        user.meta.name == pod && user.meta.namespace.as_deref() == Some(namespace.as_ref())
                    }))
            {
                used.owner = Some(format!("{namespace}/{pod}"));
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
                if !self.nodes.contains_key(node) {
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
        let absent = node.filter(|node| !self.nodes.contains_key(node));
        let found = self.pods.get(&(namespace, pod));
        let on_node = found.filter(|pod| node.is_none() || pod.node.as_deref() == node);
        let leaked = |why: String| {
            Some((
                ProblemKind::LeakedAddress,
                format!("{address} is allocated to pod `{namespace}/{pod}`, {why}"),
            ))
        };
        match (on_node, absent) {
            (Some(found), _) if found.finished() => {
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
        let get = |key: &str| allocation.secondary.get(key).cloned();
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

fn tunnels_of(node: &Node) -> Vec<IpAddr> {
    [
        node.ipip_tunnel_address,
        node.vxlan_tunnel_address,
        node.vxlan_tunnel_address_v6,
        node.wireguard_address,
        node.wireguard_address_v6,
    ]
    .into_iter()
    .flatten()
    .collect()
}
