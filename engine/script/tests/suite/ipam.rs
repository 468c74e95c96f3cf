//! What our audit says about the recorded worlds, beside what `calicoctl ipam check` said when they were recorded.

use runbook_calico::{
    cluster::Cluster,
    ipam::{AuditFacts, ProblemKind, audit},
};
use std::{collections::HashMap, io::Read as _, path::Path};

const LISTS: [&str; 6] = [
    "v1/pods",
    "v1/nodes",
    "crd.projectcalico.org/v1/ippools",
    "crd.projectcalico.org/v1/ipamblocks",
    "crd.projectcalico.org/v1/ipamhandles",
    "crd.projectcalico.org/v1/blockaffinities",
];

/// The files of a stored world that the comparison needs, by their path in it.
fn files(archive: &Path) -> HashMap<String, Vec<u8>> {
    let decoder = zstd::Decoder::new(std::fs::File::open(archive).unwrap()).unwrap();
    let mut found = HashMap::new();
    for entry in tar::Archive::new(decoder).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let Some((_, path)) = path.split_once('/') else {
            continue;
        };
        let list = path.strip_prefix("kube/").and_then(|path| path.strip_suffix(".json"));
        if path.starts_with("calicoctl/ipam-check") || list.is_some_and(|path| LISTS.contains(&path)) {
            let mut bytes = vec![];
            entry.read_to_end(&mut bytes).unwrap();
            found.insert(path.to_owned(), bytes);
        }
    }
    found
}

#[test]
fn the_audit_agrees_with_calicoctl() {
    let worlds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/worlds");
    let (mut compared, mut faults) = (0, 0);
    for entry in std::fs::read_dir(worlds).unwrap().flatten() {
        let files = files(&entry.path());
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(text) = files.get("calicoctl/ipam-check.txt") else {
            continue;
        };
        let text = String::from_utf8_lossy(text);
        let theirs = runbook_parsers::calico::calicoctl_ipam_check::parse(&text).unwrap();
        let lists = files.iter().filter(|(path, _)| path.starts_with("kube/"));
        let lists: Vec<serde_json::Value> = lists.map(|(_, bytes)| serde_json::from_slice(bytes).unwrap()).collect();
        let cluster = Cluster::load(&lists);
        assert_eq!(cluster.left_out, [], "{name}");
        let ours = audit(&AuditFacts::of(&cluster), &cluster.blocks);
        let count = |kinds: &[ProblemKind]| {
            let counts = kinds.iter().filter_map(|kind| ours.counts.get(kind));
            Some(counts.sum::<usize>() as u64)
        };
        use ProblemKind as Kind;
        let said = &theirs.counts;
        assert_eq!(said.blocks, Some(ours.blocks as u64), "{name}: blocks");
        assert_eq!(said.allocations, Some(ours.allocated as u64), "{name}: allocations");
        let unused = [
            Kind::LeakedAddress,
            Kind::AbsentNodeAddress,
            Kind::UnownedAddress,
            Kind::FinishedPodAddress,
        ];
        assert_eq!(said.leaked, count(&unused), "{name}: allocated and not in use");
        assert_eq!(
            said.not_allocated,
            count(&[Kind::PodNotAllocated, Kind::TunnelNotAllocated]),
            "{name}: not allocated"
        );
        assert_eq!(
            said.handles_without_addresses,
            count(&[Kind::OrphanHandle]),
            "{name}: handles"
        );
        assert_eq!(
            said.missing_handles,
            count(&[Kind::MissingHandle]),
            "{name}: missing handles"
        );
        assert_eq!(
            said.invalid_blocks,
            count(&[Kind::CorruptBlock]),
            "{name}: invalid blocks"
        );
        // It knows of several owners, and does not call that a problem: we do.
        let shown = files.get("calicoctl/ipam-check-show-problem-ips.txt").unwrap();
        let shown = String::from_utf8_lossy(shown);
        let shown = runbook_parsers::calico::calicoctl_ipam_check::parse(&shown).unwrap();
        assert_eq!(
            shown.multiple_owners.len() as u64,
            count(&[Kind::DuplicatePodAddress]).unwrap(),
            "{name}: several owners"
        );
        compared += 1;
        faults += usize::from(!ours.problems.is_empty());
    }
    assert!(
        compared > 40 && faults >= 4,
        "{compared} worlds were compared, {faults} with faults"
    );
}
