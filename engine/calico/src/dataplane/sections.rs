use std::collections::{BTreeMap, BTreeSet};

use super::{
    diff::{Diff, Section},
    expected::ExpectedDataplane,
    programmed::{ChainFlavour, ProgrammedDevice, ProgrammedFdb, ProgrammedNeigh, member},
};

pub(super) fn neigh(diff: &mut Diff, expected: &ExpectedDataplane, found: &[ProgrammedNeigh]) {
    let node = expected.node.clone();
    for wanted in &expected.neigh {
        let object = wanted.address.to_string();
        let text = format!("{} dev {} lladdr {} PERMANENT", wanted.address, wanted.dev, wanted.mac);
        let same = found
            .iter()
            .find(|found| found.address == wanted.address && found.dev == wanted.dev);
        match same {
            None => {
                let sentence = format!("`{node}` has no neighbour entry `{text}`");
                diff.push(Section::Neigh, &object, Some(text), None, sentence);
            }
            Some(same) if same.mac.as_deref() != Some(&wanted.mac) || !same.permanent => {
                let has = same.mac.clone().unwrap_or_else(|| "no MAC".to_owned());
                let sentence = format!(
                    "`{node}` resolves VTEP {object} to {has}, expected {} for good",
                    wanted.mac
                );
                diff.push(Section::Neigh, &object, Some(text), Some(has), sentence);
            }
            Some(_) => {}
        }
    }
}

pub(super) fn fdb(diff: &mut Diff, expected: &ExpectedDataplane, found: &[ProgrammedFdb]) {
    let node = expected.node.clone();
    for wanted in &expected.fdb {
        let text = format!("{} dev {} dst {}", wanted.mac, wanted.dev, wanted.dst);
        let of_mac: Vec<&ProgrammedFdb> = found.iter().filter(|found| found.mac == wanted.mac).collect();
        if of_mac.iter().any(|found| found.dst == Some(wanted.dst)) {
            continue;
        }
        let has = of_mac.first().map(|found| {
            found
                .dst
                .map_or_else(|| "no dst".to_owned(), |dst| format!("dst {dst}"))
        });
        let sentence = match &has {
            Some(has) => format!(
                "`{node}` sends VXLAN for {} to {has}, expected dst {}",
                wanted.mac, wanted.dst
            ),
            None => format!("`{node}` has no forwarding entry `{text}`"),
        };
        diff.push(Section::Fdb, &wanted.mac, Some(text), has, sentence);
    }
    for entry in found.iter().filter(|entry| entry.dst.is_some()) {
        if !expected.fdb.iter().any(|wanted| wanted.mac == entry.mac) {
            let has = format!(
                "{} dev {} dst {}",
                entry.mac,
                entry.dev,
                entry.dst.map(|dst| dst.to_string()).unwrap_or_default()
            );
            let sentence = format!("`{node}` has forwarding entry `{has}` of no node");
            diff.push(Section::Fdb, &entry.mac, None, Some(has), sentence);
        }
    }
}

pub(super) fn devices(diff: &mut Diff, expected: &ExpectedDataplane, found: &[ProgrammedDevice]) {
    let node = expected.node.clone();
    for wanted in &expected.devices {
        let name = &wanted.name;
        let Some(device) = found.iter().find(|found| found.name == *name) else {
            let sentence = format!("`{node}` has no device `{name}` ({})", wanted.because);
            diff.push(Section::Devices, name, Some(name.clone()), None, sentence);
            continue;
        };
        let mut differs = |what: &str, wanted: String, has: String| {
            let sentence = format!("`{name}` of `{node}` has {what} {has}, expected {wanted}");
            diff.push(Section::Devices, name, Some(wanted), Some(has), sentence);
        };
        if !device.admin_up {
            differs("state", "up".to_owned(), "down".to_owned());
        }
        if let (Some(wanted), Some(has)) = (wanted.mtu, device.mtu)
            && wanted != has
        {
            differs("MTU", wanted.to_string(), has.to_string());
        }
        if let (Some(wanted), Some(has)) = (&wanted.mac, &device.mac)
            && !wanted.eq_ignore_ascii_case(has)
        {
            differs("MAC", wanted.clone(), has.clone());
        }
        if let (Some(wanted), Some(has)) = (wanted.address, &device.addresses)
            && !has.contains(&wanted)
        {
            let has: Vec<String> = has.iter().map(ToString::to_string).collect();
            differs(
                "address",
                wanted.to_string(),
                if has.is_empty() {
                    "none".to_owned()
                } else {
                    has.join(", ")
                },
            );
        }
    }
}

pub(super) fn chains(diff: &mut Diff, expected: &ExpectedDataplane, found: &(ChainFlavour, BTreeSet<String>)) {
    let (flavour, found) = found;
    let node = expected.node.clone();
    let mut wanted_names: BTreeSet<&str> = BTreeSet::new();
    for chain in &expected.chains {
        let names = match flavour {
            ChainFlavour::Iptables => &chain.iptables,
            ChainFlavour::Nftables => &chain.nftables,
        };
        wanted_names.extend(names.iter().map(String::as_str));
        if !chain.optional && !names.iter().any(|name| found.contains(name)) {
            let name = names.first().cloned().unwrap_or_default();
            let sentence = format!("`{node}` has no chain `{name}` ({})", chain.because);
            diff.push(Section::Chains, &name, Some(name.clone()), None, sentence);
        }
    }
    for name in found {
        let bare = name.strip_prefix("filter-").unwrap_or(name);
        let per_object = ["cali-tw-", "cali-fw-", "cali-pi-", "cali-po-", "cali-pri-", "cali-pro-"];
        if per_object.iter().any(|prefix| bare.starts_with(prefix)) && !wanted_names.contains(name.as_str()) {
            let sentence = format!("`{node}` has chain `{name}` of no pod, policy or profile on it");
            diff.push(Section::Chains, name, None, Some(name.clone()), sentence);
        }
    }
}

pub(super) fn sets(diff: &mut Diff, expected: &ExpectedDataplane, found: &BTreeMap<String, Vec<String>>) {
    let node = expected.node.clone();
    let nft = !found.keys().any(|name| name.contains(':'))
        && found
            .keys()
            .any(|name| name.starts_with("cali40s-") || name.starts_with("cali40n-"));
    for set in &expected.sets {
        let names = if nft { &set.nft } else { &set.ipset };
        let Some((name, members)) = names.iter().find_map(|name| found.get_key_value(name)) else {
            if !set.optional {
                let name = names.first().cloned().unwrap_or_default();
                let sentence = format!("`{node}` has no set `{name}` ({})", set.because);
                diff.push(Section::Sets, &name, Some(name.clone()), None, sentence);
            }
            continue;
        };
        let Some(wanted) = &set.members else { continue };
        let has: BTreeSet<String> = members.iter().map(|text| member(text)).collect();
        let few = |members: Vec<&String>| {
            let shown: Vec<&str> = members.iter().take(5).map(|member| member.as_str()).collect();
            let more = members.len().saturating_sub(5);
            if more > 0 {
                format!("{} and {more} more", shown.join(", "))
            } else {
                shown.join(", ")
            }
        };
        let lacking: Vec<&String> = wanted.difference(&has).collect();
        if !lacking.is_empty() {
            let lacking = few(lacking);
            let sentence = format!("set `{name}` of `{node}` lacks {lacking} ({})", set.because);
            diff.push(
                Section::Sets,
                name,
                Some(lacking),
                Some(few(has.iter().collect())),
                sentence,
            );
        }
        let extra: Vec<&String> = has.difference(wanted).collect();
        if !extra.is_empty() {
            let extra = few(extra);
            let sentence = format!(
                "set `{name}` of `{node}` holds {extra}, which does not belong there ({})",
                set.because
            );
            diff.push(Section::Sets, name, None, Some(extra), sentence);
        }
    }
}

pub(super) fn nat(diff: &mut Diff, expected: &ExpectedDataplane, found: &bool) {
    let wanted = expected.nat_outgoing.enabled;
    if wanted != *found {
        let node = &expected.node;
        let sentence = if wanted {
            format!("`{node}` does not masquerade what leaves the pools, though a pool has natOutgoing")
        } else {
            format!("`{node}` masquerades, though no pool has natOutgoing")
        };
        let word = |on: bool| on.then(|| "masquerade".to_owned());
        diff.push(
            Section::NatOutgoing,
            "cali-nat-outgoing",
            word(wanted),
            word(*found),
            sentence,
        );
    }
}

pub(super) fn sysctls(diff: &mut Diff, expected: &ExpectedDataplane, found: &BTreeMap<String, String>) {
    for wanted in &expected.sysctls {
        // A key that was not read says nothing.
        let Some(has) = found.get(&wanted.key).filter(|has| **has != wanted.value) else {
            continue;
        };
        let sentence = format!(
            "`{}` of `{}` is {has}, expected {}",
            wanted.key, expected.node, wanted.value
        );
        diff.push(
            Section::Sysctls,
            &wanted.key,
            Some(wanted.value.clone()),
            Some(has.clone()),
            sentence,
        );
    }
}
