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
    pool::{AffinityState, Allocation, Block, BlockAffinity, IpPool, IpamHandle, Owner, pool_for, pool_of_cidr},
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
    input: AuditInput<'a>,
    nodes: HashMap<&'a str, &'a Node>,
    pods: HashMap<(&'a str, &'a str), &'a Pod>,
    handles: HashMap<&'a str, (&'a IpamHandle, usize)>,
    tunnels: HashMap<IpAddr, &'a str>,
    in_use: HashMap<IpAddr, InUse<'a>>,
    tunnels_seen: HashSet<IpAddr>,
    ranges: Vec<(IpNet, Option<String>)>,
    report: AuditReport,
}

/// An address that pods report.
#[derive(Debug, Default)]
struct InUse<'a> {
    pods: Vec<&'a Pod>,
    allocated: bool,
    /// The pod that IPAM gave it to, where that is none of those.
    owner: Option<String>,
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

    fn push(&mut self, problem: Problem) {
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

    fn handles_left(&mut self) {
        let mut found = Vec::new();
        for (handle, seen) in self.handles.values().filter(|(handle, _)| !handle.deleted) {
            let counted: i64 = handle.blocks.values().sum();
            let kind = match *seen {
                0 => ProblemKind::OrphanHandle,
                seen if i64::try_from(seen) != Ok(counted) => ProblemKind::HandleCount,
                _ => continue,
            };
            let sentence = match kind {
                ProblemKind::OrphanHandle => format!("handle `{}` has no allocation", handle.name),
                _ => format!(
                    "handle `{}` counts {counted} addresses, the blocks hold {seen}",
                    handle.name
                ),
            };
            found.push(Problem {
                handle: Some(handle.handle_id.clone()),
                ..Problem::new(kind, format!("IPAMHandle `{}`", handle.name), sentence)
            });
        }
        found.into_iter().for_each(|problem| self.push(problem));
    }

    fn affinities(&mut self) {
        let owners: HashMap<IpNet, Option<String>> = self.ranges.iter().cloned().collect();
        for affinity in self
            .input
            .affinities
            .iter()
            .filter(|affinity| affinity.affinity_type == "host")
        {
            let node = &affinity.node;
            let block = affinity.cidr;
            let (kind, sentence) = if !self.nodes.contains_key(node.as_str()) {
                (
                    ProblemKind::StaleAffinity,
                    format!("node `{node}`, which does not exist, claims block {block}"),
                )
            } else if affinity.state != AffinityState::Confirmed || affinity.deleted {
                let state = if affinity.deleted {
                    "being deleted".to_owned()
                } else {
                    format!("{:?}", affinity.state)
                };
                (
                    ProblemKind::UnsettledAffinity,
                    format!("the claim of block {block} by node `{node}` is {state}"),
                )
            } else {
                match owners.get(&block) {
                    Some(Some(owner)) if owner == node => continue,
                    Some(Some(owner)) => (
                        ProblemKind::AffinityMismatch,
                        format!("node `{node}` claims block {block}, which belongs to `{owner}`"),
                    ),
                    Some(None) => (
                        ProblemKind::AffinityMismatch,
                        format!("node `{node}` claims block {block}, which belongs to no node"),
                    ),
                    None => (
                        ProblemKind::AffinityMismatch,
                        format!("node `{node}` claims block {block}, which does not exist"),
                    ),
                }
            };
            self.push(Problem {
                block: Some(block.to_string()),
                node: Some(node.clone()),
                since: affinity.creation_timestamp.clone(),
                ..Problem::new(kind, format!("BlockAffinity `{}`", affinity.name), sentence)
            });
        }
    }

    /// A block without its claim is advertised by nobody.
    fn blocks_without_affinity(&mut self) {
        if self.input.affinities.is_empty() {
            return;
        }
        let claims: HashSet<(IpNet, &str)> = self
            .input
            .affinities
            .iter()
            .map(|affinity| (affinity.cidr, affinity.node.as_str()))
            .collect();
        let mut found = Vec::new();
        for (cidr, node) in &self.ranges {
            let Some(node) = node.as_deref().filter(|node| self.nodes.contains_key(node)) else {
                continue;
            };
            if !claims.contains(&(*cidr, node)) {
                let sentence = format!("block {cidr} belongs to node `{node}`, and no BlockAffinity says so");
                found.push(Problem {
                    block: Some(cidr.to_string()),
                    node: Some(node.to_owned()),
                    ..Problem::new(
                        ProblemKind::AffinityMismatch,
                        format!("IPAMBlock `{}`", block_name(*cidr)),
                        sentence,
                    )
                });
            }
        }
        found.into_iter().for_each(|problem| self.push(problem));
    }

    fn addresses_in_use(&mut self) {
        let mut found = Vec::new();
        for (address, InUse { pods, allocated, owner }) in &self.in_use {
            let names: Vec<String> = pods.iter().map(|pod| pod.meta.full_name()).collect();
            let problem = |kind, sentence| Problem {
                address: Some(*address),
                pod: names.first().cloned(),
                node: pods.first().and_then(|pod| pod.node.clone()),
                ..Problem::new(kind, format!("Pod `{}`", names.join("`, `")), sentence)
            };
            let gave = owner
                .as_ref()
                .map_or_else(String::new, |owner| format!("; IPAM gave it to `{owner}`"));
            if names.len() > 1 {
                let sentence = format!("{address} is the address of pods `{}`{gave}", names.join("` and `"));
                found.push(problem(ProblemKind::DuplicatePodAddress, sentence));
            } else if owner.is_some() {
                let sentence = format!("{address} is the address of pod `{}`{gave}", names[0]);
                found.push(problem(ProblemKind::PodNotOwner, sentence));
            }
            if let Some(node) = self.tunnels.get(address) {
                let sentence = format!(
                    "{address} is the address of pod `{}` and of a tunnel of node `{node}`",
                    names[0]
                );
                found.push(problem(ProblemKind::PodHasTunnelAddress, sentence));
            }
            match pool_for(self.input.pools, *address) {
                None => {
                    let sentence = format!("{address} of pod `{}` lies in no pool", names[0]);
                    found.push(problem(ProblemKind::PodOutsidePools, sentence));
                }
                Some(pool) if !allocated => {
                    let sentence = format!(
                        "{address} of pod `{}`, in pool `{}`, is not allocated",
                        names[0], pool.name
                    );
                    found.push(problem(ProblemKind::PodNotAllocated, sentence));
                }
                Some(_) => {}
            }
        }
        found.into_iter().for_each(|problem| self.push(problem));
    }

    fn tunnels_left(&mut self) {
        let mut found = Vec::new();
        for (address, node) in &self.tunnels {
            if self.tunnels_seen.contains(address) || pool_for(self.input.pools, *address).is_none() {
                continue;
            }
            let sentence = format!("tunnel address {address} of node `{node}` is not allocated to it");
            found.push(Problem {
                address: Some(*address),
                node: Some((*node).to_owned()),
                ..Problem::new(ProblemKind::TunnelNotAllocated, format!("Node `{node}`"), sentence)
            });
        }
        found.into_iter().for_each(|problem| self.push(problem));
    }

    fn overlaps(&mut self) {
        self.ranges.sort_by_key(|(cidr, _)| (cidr.network(), cidr.prefix_len()));
        let mut found = Vec::new();
        let mut widest: Option<IpNet> = None;
        for (cidr, _) in &self.ranges {
            match widest {
                Some(wide) if wide.contains(cidr) => {
                    let sentence = format!("block {cidr} lies inside block {wide}");
                    found.push(Problem {
                        block: Some(cidr.to_string()),
                        ..Problem::new(
                            ProblemKind::OverlappingBlocks,
                            format!("IPAMBlock `{}`", block_name(*cidr)),
                            sentence,
                        )
                    });
                }
                _ => widest = Some(*cidr),
            }
        }
        found.into_iter().for_each(|problem| self.push(problem));
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
