use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use serde::Serialize;

use crate::path::RouteKind;

/// A route of the main table, as the kernel shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProgrammedRoute {
    /// `0.0.0.0/0` for the default route.
    pub dst: IpNet,
    pub kind: RouteKind,
    pub via: Option<IpAddr>,
    pub dev: Option<String>,
    /// `bird`, `80`, `kernel`, … ; none is what iproute2 leaves out, `boot`.
    pub proto: Option<String>,
    pub onlink: bool,
}

/// A neighbour entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProgrammedNeigh {
    pub address: IpAddr,
    pub dev: String,
    pub mac: Option<String>,
    pub permanent: bool,
}

/// A forwarding entry of a VXLAN device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProgrammedFdb {
    pub mac: String,
    pub dev: String,
    pub dst: Option<IpAddr>,
}

/// A network device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProgrammedDevice {
    pub name: String,
    pub admin_up: bool,
    pub mtu: Option<u32>,
    pub mac: Option<String>,
    /// None where they were not asked.
    pub addresses: Option<Vec<IpAddr>>,
}

/// Whose chain names these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainFlavour {
    Iptables,
    /// Chains of `table ip calico`, with their `filter-` prefix.
    Nftables,
}

/// What a node has. A part that is none was not asked and is not compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Programmed {
    pub routes: Option<Vec<ProgrammedRoute>>,
    pub neigh: Option<Vec<ProgrammedNeigh>>,
    pub fdb: Option<Vec<ProgrammedFdb>>,
    pub devices: Option<Vec<ProgrammedDevice>>,
    /// Chains of table filter.
    pub chains: Option<(ChainFlavour, BTreeSet<String>)>,
    /// Members by set, whole sets only.
    pub sets: Option<BTreeMap<String, Vec<String>>>,
    /// Whether `cali-nat-outgoing` masquerades.
    pub masquerades: Option<bool>,
    pub sysctls: Option<BTreeMap<String, String>>,
}

/// Brings a set's member into ipset's form: nftables writes `10.0.0.1 . tcp . 80`.
pub fn member(text: &str) -> String {
    let parts: Vec<&str> = text.split(" . ").map(str::trim).collect();
    match parts.as_slice() {
        [address, protocol, port] => format!("{address},{protocol}:{port}"),
        _ => {
            let text = text.trim();
            text.strip_suffix("/32")
                .or_else(|| text.strip_suffix("/128"))
                .unwrap_or(text)
                .to_owned()
        }
    }
}
