//! What only shows when all blocks have been seen.

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;

use super::{
    audit::{Audit, InUse},
    problem::{Problem, ProblemKind},
};
use crate::{
    names::block_name,
    pool::{AffinityState, pool_for},
};

impl Audit<'_> {
    pub(super) fn handles_left(&mut self) {
        let mut found = Vec::new();
        for (handle, seen) in self.handles.values().filter(|(handle, _)| !handle.deleted) {
            let counted = handle.count;
            let kind = match *seen {
                0 => ProblemKind::OrphanHandle,
                seen if i64::from(seen) != counted => ProblemKind::HandleCount,
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
                handle: Some(handle.name.to_string()),
                ..Problem::new(kind, format!("IPAMHandle `{}`", handle.name), sentence)
            });
        }
        found.into_iter().for_each(|problem| self.push(problem));
    }

    pub(super) fn affinities(&mut self) {
        let owners: HashMap<IpNet, Option<Box<str>>> = self.ranges.iter().cloned().collect();
        for affinity in self
            .facts
            .affinities
            .iter()
            .filter(|affinity| affinity.affinity_type == "host")
        {
            let node = &affinity.node;
            let block = affinity.cidr;
            let (kind, sentence) = if !self.nodes.contains(node.as_str()) {
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
                    Some(Some(owner)) if **owner == **node => continue,
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
    pub(super) fn blocks_without_affinity(&mut self) {
        if self.facts.affinities.is_empty() {
            return;
        }
        let claims: HashSet<(IpNet, &str)> = self
            .facts
            .affinities
            .iter()
            .map(|affinity| (affinity.cidr, affinity.node.as_str()))
            .collect();
        let mut found = Vec::new();
        for (cidr, node) in &self.ranges {
            let Some(node) = node.as_deref().filter(|node| self.nodes.contains(node)) else {
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

    pub(super) fn addresses_in_use(&mut self) {
        let mut found = Vec::new();
        for (address, InUse { pod, allocated }) in &self.in_use {
            let shared = self.shared.get(address);
            let owner = self.owners.get(address);
            // Almost every address is in order, and needs no words.
            let pool = pool_for(&self.facts.pools, *address);
            if *allocated
                && shared.is_none()
                && owner.is_none()
                && pool.is_some()
                && !self.tunnels.contains_key(address)
            {
                continue;
            }
            // One that is being deleted gives its address back: whoever has it besides is no rival yet.
            let all = || std::iter::once(pod).chain(shared.into_iter().flatten());
            let staying: Vec<String> = all().filter(|pod| !pod.leaving).map(|pod| pod.full_name()).collect();
            let names: Vec<String> = match staying.is_empty() {
                true => all().map(|pod| pod.full_name()).take(1).collect(),
                false => staying,
            };
            let problem = |kind, sentence| Problem {
                address: Some(*address),
                pod: names.first().cloned(),
                node: pod.node.as_deref().map(str::to_owned),
                ..Problem::new(kind, format!("Pod `{}`", names.join("`, `")), sentence)
            };
            let gave = owner
                .as_ref()
                .map_or_else(String::new, |owner| format!("; IPAM gave it to `{owner}`"));
            if names.len() > 1 {
                let sentence = format!("{address} is the address of pods `{}`{gave}", names.join("` and `"));
                found.push(problem(ProblemKind::DuplicatePodAddress, sentence));
            } else if owner.is_some_and(|owner| !all().any(|pod| pod.full_name() == *owner)) {
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
            match pool {
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

    pub(super) fn tunnels_left(&mut self) {
        let mut found = Vec::new();
        for (address, node) in &self.tunnels {
            if self.tunnels_seen.contains(address) || pool_for(&self.facts.pools, *address).is_none() {
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

    pub(super) fn overlaps(&mut self) {
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
