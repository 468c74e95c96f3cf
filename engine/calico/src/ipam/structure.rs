use crate::pool::Block;

/// Returns what is wrong inside a block, as `calicoctl ipam check` sees it; empty for a sound one.
pub fn block_faults(block: &Block) -> Vec<String> {
    let mut faults = Vec::new();
    let bits = block.cidr.max_prefix_len() - block.cidr.prefix_len();
    let size = 1u64.checked_shl(u32::from(bits)).unwrap_or(u64::MAX);
    if block.allocations.len() as u64 != size {
        faults.push(format!(
            "{} has {size} addresses, `allocations` has {}",
            block.cidr,
            block.allocations.len()
        ));
    }
    let mut referenced = vec![false; block.attributes.len()];
    for (ordinal, index) in block.allocations.iter().enumerate() {
        let Some(index) = index else { continue };
        match usize::try_from(*index).ok().and_then(|index| referenced.get_mut(index)) {
            Some(seen) => *seen = true,
            None => faults.push(format!(
                "allocation {ordinal} points to attribute {index}, which is not there"
            )),
        }
    }
    let unused = referenced.iter().filter(|seen| !**seen).count();
    if unused > 0 {
        faults.push(format!("{unused} attributes belong to no allocation"));
    }
    let mut free = vec![false; block.allocations.len()];
    for ordinal in &block.unallocated {
        let Some(at) = usize::try_from(*ordinal).ok().filter(|at| *at < free.len()) else {
            faults.push(format!("`unallocated` holds {ordinal}, which is outside the block"));
            continue;
        };
        if free[at] {
            faults.push(format!("`unallocated` holds {ordinal} twice"));
        }
        if block.allocations[at].is_some() {
            faults.push(format!("{ordinal} is both allocated and free"));
        }
        free[at] = true;
    }
    let neither = block
        .allocations
        .iter()
        .zip(&free)
        .filter(|(index, free)| index.is_none() && !**free)
        .count();
    if neither > 0 {
        faults.push(format!("{neither} addresses are neither allocated nor free"));
    }
    // A broken block may break in every ordinal.
    faults.truncate(20);
    faults
}
