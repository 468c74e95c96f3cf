//! Reads what the recorded nodes had into the model's simple inputs.

use std::collections::{BTreeMap, BTreeSet};

use runbook_calico::{
    bgp::SeenSession,
    dataplane::{ChainFlavour, Programmed, ProgrammedDevice, ProgrammedFdb, ProgrammedNeigh, ProgrammedRoute},
    path::RouteKind,
};
use serde_json::Value;

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn all<T>(value: &Value, key: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    Some(value.get(key)?.as_array()?.iter().filter_map(read).collect())
}

fn route(value: &Value) -> Option<ProgrammedRoute> {
    let dst = match text(value, "dst")?.as_str() {
        "default" => "0.0.0.0/0".to_owned(),
        address if !address.contains('/') => format!("{address}/32"),
        cidr => cidr.to_owned(),
    };
    Some(ProgrammedRoute {
        dst: dst.parse().unwrap(),
        kind: if text(value, "type").as_deref() == Some("blackhole") {
            RouteKind::Blackhole
        } else {
            RouteKind::Unicast
        },
        via: text(value, "gateway").map(|via| via.parse().unwrap()),
        dev: text(value, "dev"),
        proto: text(value, "protocol"),
        onlink: value["flags"]
            .as_array()
            .is_some_and(|flags| flags.iter().any(|flag| flag == "onlink")),
    })
}

pub(crate) fn programmed(node: &Value) -> Programmed {
    let names = |key: &str| -> Option<BTreeSet<String>> {
        all(node, key, |name| name.as_str().map(str::to_owned)).map(|v| v.into_iter().collect())
    };
    let chains = match names("nft_chains") {
        Some(chains) => Some((ChainFlavour::Nftables, chains)),
        None => names("chains")
            .filter(|chains| !chains.is_empty())
            .map(|chains| (ChainFlavour::Iptables, chains)),
    };
    let masquerades = matches!(chains, Some((ChainFlavour::Iptables, _)))
        .then(|| node["masquerade"].as_array().is_some_and(|rules| !rules.is_empty()));
    let sets: BTreeMap<String, Vec<String>> = serde_json::from_value(node["sets"].clone()).unwrap();
    let sysctls: BTreeMap<String, String> = serde_json::from_value(node["sysctls"].clone()).unwrap();
    Programmed {
        routes: all(node, "routes", route),
        neigh: all(node, "neigh", |entry| {
            Some(ProgrammedNeigh {
                address: text(entry, "dst")?.parse().unwrap(),
                dev: text(entry, "dev")?,
                mac: text(entry, "lladdr"),
                permanent: true,
            })
        }),
        fdb: all(node, "fdb", |entry| {
            Some(ProgrammedFdb {
                mac: text(entry, "mac")?,
                dev: "vxlan.calico".to_owned(),
                dst: text(entry, "dst").map(|dst| dst.parse().unwrap()),
            })
        }),
        devices: all(node, "links", |link| {
            Some(ProgrammedDevice {
                name: text(link, "name")?,
                admin_up: link["flags"].as_array()?.iter().any(|flag| flag == "UP"),
                mtu: link["mtu"].as_u64().map(|mtu| mtu as u32),
                mac: text(link, "address"),
                addresses: None,
            })
        }),
        chains,
        sets: (!sets.is_empty()).then_some(sets),
        masquerades,
        sysctls: Some(sysctls),
    }
}

pub(crate) fn sessions(node: &Value) -> Vec<SeenSession> {
    let read = |session: &Value| {
        let (state, error) = (text(session, "state"), text(session, "error"));
        Some(SeenSession {
            name: text(session, "name")?,
            state,
            error,
            ..SeenSession::default()
        })
    };
    all(node, "bird", read).unwrap_or_default()
}
