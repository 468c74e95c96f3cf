//! `calicoctl ipam check`, with `--show-problem-ips` and `--show-all-ips`.

mod report;

use crate::{ParseError, Unparsed};
use serde::Serialize;
use std::collections::BTreeMap;

pub use report::{IpamReport, LeakedHandle, ReportedAllocation, parse as parse_report};

/// The counts are printed always; addresses and handles only with the flags that show them.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct IpamCheck<'a> {
    pub blocks: Vec<Block<'a>>,
    /// CIDRs of the pools that are not disabled.
    pub pools: Vec<&'a str>,
    pub top_nodes: Vec<NodeAllocations<'a>>,
    /// Who uses which address; with `--show-all-ips`.
    pub owners: Vec<Owned<'a>>,
    /// Allocated and used by nobody. The tool does not collect the tunnel addresses of IPv6: they look leaked here.
    pub leaked: Vec<Allocation<'a>>,
    /// Used by several; not counted as problems.
    pub multiple_owners: Vec<&'a str>,
    /// In use and in no active pool.
    pub outside_pools: Vec<Owned<'a>>,
    /// In use, in an active pool, and not allocated.
    pub not_allocated: Vec<Owned<'a>>,
    pub handles_without_addresses: Vec<&'a str>,
    pub missing_handles: Vec<&'a str>,
    pub counts: Counts,
    /// As the tool counts them: missing handles and several owners are not among them. The exit code is 0 even so. `null` where the output was
    /// cut off.
    pub problems: Option<u64>,
    pub unparsed: Vec<Unparsed>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Counts {
    pub blocks: Option<u64>,
    pub allocations: Option<u64>,
    pub pools: Option<u64>,
    pub node_tunnel_addresses: Option<u64>,
    pub load_balancers: Option<u64>,
    pub workload_addresses: Option<u64>,
    pub addresses_in_use: Option<u64>,
    pub leaked: Option<u64>,
    pub outside_pools: Option<u64>,
    pub not_allocated: Option<u64>,
    pub handles_without_addresses: Option<u64>,
    pub handles_with_addresses: Option<u64>,
    pub missing_handles: Option<u64>,
    pub invalid_blocks: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Block<'a> {
    pub cidr: &'a str,
    /// `host:NODE`, `virtual:load-balancer`; `null` for a block that was given up.
    pub affinity: Option<&'a str>,
    /// With `--show-all-ips`.
    pub allocations: Vec<Allocation<'a>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Allocation<'a> {
    pub address: &'a str,
    pub handle: Option<&'a str>,
    /// `namespace`, `node`, `pod`, `timestamp`; `type` for tunnel addresses.
    pub attributes: BTreeMap<&'a str, &'a str>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Owned<'a> {
    pub address: &'a str,
    /// `Node(NAME)`, `Workload(NAMESPACE/NAME)`, or the name of a service.
    pub owner: &'a str,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct NodeAllocations<'a> {
    pub node: &'a str,
    pub allocations: u64,
}

/// Reads the output of `calicoctl ipam check`.
pub fn parse(text: &str) -> Result<IpamCheck<'_>, ParseError> {
    let mut check = IpamCheck::default();
    let mut started = false;
    for (index, line) in text.lines().enumerate() {
        let body = line.trim();
        started |= body == "Checking IPAM for inconsistencies...";
        // Announcements of what comes next end in a full stop or dots and hold no numbers.
        let announces = [
            "Checking ",
            "Loading ",
            "Looking for ",
            "Scanning for ",
            "Validating ",
            "Node with most ",
        ];
        let known = body.is_empty()
            || announces.iter().any(|a| body.starts_with(a))
            || if line.starts_with(' ') {
                check.item(body).is_some()
            } else {
                check.count(body).is_some()
            };
        if !known {
            check.unparsed.push(Unparsed::new(index + 1, line));
        }
    }
    if !started {
        let first = text.lines().next().unwrap_or_default();
        return Err(ParseError::new(1, first, "`Checking IPAM for inconsistencies...`"));
    }
    Ok(check)
}

impl<'a> IpamCheck<'a> {
    /// An indented line: one thing of the list that goes on.
    fn item(&mut self, body: &'a str) -> Option<()> {
        let (first, rest) = body.split_once(' ').unwrap_or((body, ""));
        if let Some(block) = body.strip_prefix("IPAM block ") {
            let (cidr, affinity) = block.strip_suffix(':')?.split_once(" affinity=")?;
            let affinity = Some(affinity).filter(|a| *a != "<none>");
            self.blocks.push(Block {
                cidr,
                affinity,
                allocations: Vec::new(),
            });
        } else if let Some(attributes) = rest.strip_prefix("allocated; attrs ") {
            self.blocks.last_mut()?.allocations.push(allocation(first, attributes));
        } else if let Some(attributes) = rest.strip_prefix("leaked; attrs ") {
            self.leaked.push(allocation(first, attributes));
        } else if let Some(owner) = rest.strip_prefix("belongs to ") {
            self.owners.push(Owned { address: first, owner });
        } else if rest == "has multiple owners." {
            self.multiple_owners.push(first);
        } else if let Some(rest) = rest.strip_prefix("in use by ") {
            if let Some(owner) = rest.strip_suffix(" is not in any active IP pool.") {
                self.outside_pools.push(Owned { address: first, owner });
            } else {
                let owner = rest.strip_suffix(" and in active IPAM pool but has no IPAM allocation.")?;
                self.not_allocated.push(Owned { address: first, owner });
            }
        } else if rest == "doesn't have any active IPs." {
            self.handles_without_addresses.push(first);
        } else if rest == "is in use in a block but doesn't exist." {
            self.missing_handles.push(first);
        } else if let Some(count) = rest.strip_prefix("has ").and_then(|r| r.strip_suffix(" allocations")) {
            self.top_nodes.push(NodeAllocations {
                node: first,
                allocations: count.parse().ok()?,
            });
        } else if rest.is_empty() && first.contains('/') {
            self.pools.push(first);
        } else {
            return None;
        }
        Some(())
    }

    /// A line that sums up: `Found 6 IPAM blocks.`
    fn count(&mut self, body: &str) -> Option<()> {
        let at = body.find(|c: char| c.is_ascii_digit())?;
        let digits = body[at..]
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(body.len() - at);
        let (number, after) = body[at..].split_at(digits);
        let number = Some(number.parse().ok()?);
        let counts = &mut self.counts;
        match (&body[..at], after.trim_start().trim_end_matches('.')) {
            ("Found ", "IPAM blocks") => counts.blocks = number,
            ("IPAM blocks record ", "allocations") => counts.allocations = number,
            ("Found ", "active IP pools") => counts.pools = number,
            ("Found ", "node tunnel IPs") => counts.node_tunnel_addresses = number,
            ("Found ", "service load balancer" | "service load balancer(s)") => counts.load_balancers = number,
            ("Found ", "workload IPs") => counts.workload_addresses = number,
            ("Workloads and nodes are using ", "IPs") => counts.addresses_in_use = number,
            ("Found ", "IPs that are allocated in IPAM but not actually in use") => counts.leaked = number,
            ("Found ", "in-use IPs that are not in active IP pools") => counts.outside_pools = number,
            ("Found ", "in-use IPs that are in active IP pools but have no corresponding IPAM allocation") => {
                counts.not_allocated = number;
            }
            ("Found ", "handles mentioned in blocks with no matching handle resource") => {
                counts.missing_handles = number
            }
            ("Found ", "invalid IPAMBlocks") => counts.invalid_blocks = number,
            ("Check complete; found ", "problems") => self.problems = number,
            ("Found ", after) => {
                let with = after
                    .strip_prefix("handles with no matching IPs (and ")?
                    .strip_suffix(" handles with matches)")?;
                counts.handles_without_addresses = number;
                counts.handles_with_addresses = Some(with.parse().ok()?);
            }
            _ => return None,
        }
        Some(())
    }
}

/// `Main:k8s-pod-network.7fb5 Extra:namespace=shop,node=kworker-3,pod=payments-66bcdfb54f-2jkqs`
fn allocation<'a>(address: &'a str, text: &'a str) -> Allocation<'a> {
    let (handle, extra) = text.split_once(" Extra:").unwrap_or((text, ""));
    let handle = handle.strip_prefix("Main:").filter(|h| *h != "<none>");
    let attributes = extra.split(',').filter_map(|pair| pair.split_once('=')).collect();
    Allocation {
        address,
        handle,
        attributes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_problem_has_its_list() {
        let got = parse(
            "Checking IPAM for inconsistencies...\n IPAM block 10.0.0.0/26 affinity=<none>:\n\
             \x20 10.0.0.1 allocated; attrs Main:<none> Extra:\n  10.0.0.2 leaked; attrs <missing>\n  10.0.0.3 has multiple owners.\n\
             \x20 10.9.0.1 in use by Node(a) is not in any active IP pool.\n\
             \x20 10.0.0.4 in use by Workload(a/b) and in active IPAM pool but has no IPAM allocation.\n\
             \x20 h1 doesn't have any active IPs.\n  h2 is in use in a block but doesn't exist.\nFound 2 handles with no matching IPs (and 3 handles with matches).\n\
             Found 7 green things.\nCheck complete; found 5 problems.\n",
        )
        .unwrap();
        assert_eq!(
            (got.blocks[0].affinity, got.blocks[0].allocations[0].handle),
            (None, None)
        );
        assert_eq!(
            (got.leaked[0].address, got.multiple_owners[0]),
            ("10.0.0.2", "10.0.0.3")
        );
        assert_eq!(
            (got.outside_pools[0].owner, got.not_allocated[0].owner),
            ("Node(a)", "Workload(a/b)")
        );
        assert_eq!((got.handles_without_addresses[0], got.missing_handles[0]), ("h1", "h2"));
        assert_eq!((got.counts.handles_with_addresses, got.problems), (Some(3), Some(5)));
        assert_eq!(got.unparsed[0].line, 11);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(Found |[0-9]{1,21}| handles with|  |IPAM block | affinity=|:|attrs |[a-zé]{1,4}|\n){0,24}") {
            let _ = parse(&format!("Checking IPAM for inconsistencies...\n{text}"));
        }
    }
}
