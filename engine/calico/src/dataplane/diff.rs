use std::collections::{HashMap, HashSet};

use ipnet::IpNet;
use serde::Serialize;

use super::{
    expected::ExpectedDataplane,
    programmed::{Programmed, ProgrammedRoute},
    sections::{chains, devices, fdb, nat, neigh, sets, sysctls},
};
use crate::path::{ExpectedRoute, RouteKind};

/// Which part of the dataplane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    Routes,
    Neigh,
    Fdb,
    Devices,
    Chains,
    Sets,
    NatOutgoing,
    Sysctls,
}

impl Section {
    fn is_netfilter(self) -> bool {
        matches!(self, Self::Chains | Self::Sets | Self::NatOutgoing)
    }
}

/// How the two sides differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    Missing,
    Unexpected,
    Different,
}

/// One difference, in words that name the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub section: Section,
    pub kind: DifferenceKind,
    /// The route's prefix, the chain's, set's, device's or setting's name.
    pub object: String,
    pub expected: Option<String>,
    pub found: Option<String>,
    pub sentence: String,
}

/// All differences, and what could not be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    pub node: String,
    pub differences: Vec<Difference>,
    /// Sections whose programmed side was not given.
    pub not_compared: Vec<Section>,
}

/// Compares what a node should have with what it has.
pub fn diff(expected: &ExpectedDataplane, programmed: &Programmed) -> Diff {
    let mut diff = Diff {
        node: expected.node.clone(),
        ..Diff::default()
    };
    macro_rules! compare {
        ($section:ident, $part:expr, $with:expr) => {
            match $part {
                Some(_) if expected.ebpf && Section::$section.is_netfilter() => {
                    diff.not_compared.push(Section::$section);
                }
                Some(found) => $with(&mut diff, expected, found),
                None => diff.not_compared.push(Section::$section),
            }
        };
    }
    compare!(Routes, &programmed.routes, routes);
    compare!(Neigh, &programmed.neigh, neigh);
    compare!(Fdb, &programmed.fdb, fdb);
    compare!(Devices, &programmed.devices, devices);
    compare!(Chains, &programmed.chains, chains);
    compare!(Sets, &programmed.sets, sets);
    compare!(NatOutgoing, &programmed.masquerades, nat);
    compare!(Sysctls, &programmed.sysctls, sysctls);
    diff
}

impl Diff {
    pub(super) fn push(
        &mut self,
        section: Section,
        object: &str,
        expected: Option<String>,
        found: Option<String>,
        sentence: String,
    ) {
        let kind = match (&expected, &found) {
            (_, None) => DifferenceKind::Missing,
            (None, Some(_)) => DifferenceKind::Unexpected,
            (Some(_), Some(_)) => DifferenceKind::Different,
        };
        let object = object.to_owned();
        self.differences.push(Difference {
            section,
            kind,
            object,
            expected,
            found,
            sentence,
        });
    }
}

fn routes(diff: &mut Diff, expected: &ExpectedDataplane, found: &[ProgrammedRoute]) {
    let node = expected.node.clone();
    let mut by_prefix: HashMap<IpNet, Vec<&ProgrammedRoute>> = HashMap::new();
    for route in found {
        by_prefix.entry(route.dst).or_default().push(route);
    }
    for route in &expected.routes {
        let same = by_prefix.get(&route.dst).map_or(&[][..], Vec::as_slice);
        if same.iter().any(|found| route_holds(route, found)) {
            continue;
        }
        let wanted = describe_expected(route);
        let object = route.dst.to_string();
        let has = same.first().map(|found| describe(found));
        let sentence = match &has {
            None => format!("`{node}` has no route `{wanted}` ({})", route.because),
            Some(has) => format!("`{node}` has `{has}`, expected `{wanted}` ({})", route.because),
        };
        diff.push(Section::Routes, &object, Some(wanted), has, sentence);
    }
    let wanted: HashSet<IpNet> = expected.routes.iter().map(|route| route.dst).collect();
    for route in found.iter().filter(|route| !wanted.contains(&route.dst)) {
        let ours = expected.pools.iter().any(|pool| pool.contains(&route.dst));
        // The subnet of a device that lies inside a pool is the kernel's own.
        if ours && route.proto.as_deref() != Some("kernel") {
            let has = describe(route);
            let sentence = format!("`{node}` has `{has}`, which no API object asks for");
            diff.push(Section::Routes, &route.dst.to_string(), None, Some(has), sentence);
        }
    }
}

fn route_holds(wanted: &ExpectedRoute, found: &ProgrammedRoute) -> bool {
    let proto = found.proto.as_deref().unwrap_or("boot");
    let kind = wanted.kind == found.kind;
    let via = wanted.kind == RouteKind::Blackhole || wanted.via.is_none_or(|via| found.via == Some(via));
    let direct = !wanted.scope_link || found.via.is_none();
    let dev = wanted.dev.is_none() || wanted.dev == found.dev;
    let onlink = wanted.onlink.is_none_or(|onlink| onlink == found.onlink || !onlink);
    kind && via && direct && dev && onlink && (wanted.protos.is_empty() || wanted.protos.contains(&proto))
}

fn describe_expected(route: &ExpectedRoute) -> String {
    let mut text = match route.kind {
        RouteKind::Blackhole => format!("blackhole {}", route.dst),
        RouteKind::Unicast => route.dst.to_string(),
    };
    if let Some(via) = route.via {
        text.push_str(&format!(" via {via}"));
    }
    if let Some(dev) = &route.dev {
        text.push_str(&format!(" dev {dev}"));
    }
    let protos: Vec<&str> = route.protos.iter().filter(|proto| **proto != "boot").copied().collect();
    if !protos.is_empty() && protos.len() == route.protos.len() {
        text.push_str(&format!(" proto {}", protos.join("|")));
    }
    if route.scope_link {
        text.push_str(" scope link");
    }
    if route.onlink == Some(true) {
        text.push_str(" onlink");
    }
    text
}

fn describe(route: &ProgrammedRoute) -> String {
    let mut text = match route.kind {
        RouteKind::Blackhole => format!("blackhole {}", route.dst),
        RouteKind::Unicast => route.dst.to_string(),
    };
    for (word, value) in [
        ("via", route.via.map(|via| via.to_string())),
        ("dev", route.dev.clone()),
        ("proto", route.proto.clone()),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(" {word} {value}"));
        }
    }
    if route.onlink {
        text.push_str(" onlink");
    }
    text
}
