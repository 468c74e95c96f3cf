//! What a node rewrites: Service addresses, as kube-proxy programmed them, and pods' addresses on their way out, as Felix did.
//! Pure reading of dumps; who is right is for runbooks to say.

mod outgoing;
mod service_iptables;
mod service_ipvs;
mod service_nft;

pub(crate) use outgoing::{iptables_outgoing, nft_outgoing};
pub(crate) use service_iptables::iptables_service;
pub(crate) use service_ipvs::ipvs_service;
pub(crate) use service_nft::nft_service;

use serde::Serialize;

/// The Service port in question: at an address, or at every node's own (a node port).
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) address: Option<String>,
    pub(crate) port: u16,
    pub(crate) protocol: String,
}

/// What one of kube-proxy's backends holds for a Service port.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ServiceRules {
    /// `iptables`, `ipvs`, `nftables`; none where kube-proxy has left nothing.
    pub(crate) mode: Option<&'static str>,
    /// Do packets get to these rules at all? `false` where the base chain has lost its jump.
    pub(crate) hooked: bool,
    /// Service ports that it knows here, whichever.
    pub(crate) known: usize,
    pub(crate) found: bool,
    /// Connections are refused or dropped for want of endpoints.
    pub(crate) rejected: bool,
    pub(crate) packets: Option<u64>,
    /// The rule that catches the Service's address.
    pub(crate) rule: Option<String>,
    pub(crate) affinity: bool,
    pub(crate) endpoints: Vec<Endpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Endpoint {
    pub(crate) address: String,
    pub(crate) port: Option<u16>,
    pub(crate) packets: Option<u64>,
    /// Is the source rewritten where the endpoint calls itself? Not told by every backend.
    pub(crate) hairpin: Option<bool>,
}

impl ServiceRules {
    fn add(&mut self, endpoint: Endpoint) {
        let same = |e: &&mut Endpoint| e.address == endpoint.address && e.port == endpoint.port;
        if !self.endpoints.iter_mut().any(|e| same(&e)) {
            self.endpoints.push(endpoint);
        }
    }
}

/// How pods' addresses are rewritten when they leave the cluster.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Outgoing {
    /// `iptables` or `nftables`; none where Felix has no such chain.
    pub(crate) dataplane: Option<&'static str>,
    /// Does the base chain lead to Felix's rules?
    pub(crate) hooked: bool,
    /// Packets that came to the jump.
    pub(crate) packets: Option<u64>,
    pub(crate) rules: Vec<OutgoingRule>,
    /// Who is rewritten: the prefixes in the set that the rules name. `null` where rules go by a mark, as with eBPF.
    pub(crate) sources: Option<Vec<String>>,
    /// Destinations that are not.
    pub(crate) exempt: Option<Vec<String>>,
    /// Foreign rules that packets meet before.
    pub(crate) before: Vec<String>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct OutgoingRule {
    pub(crate) text: String,
    /// `masquerade` or `snat`.
    pub(crate) kind: &'static str,
    /// The source address it writes, where it names one.
    pub(crate) to: Option<String>,
    pub(crate) ports: Option<String>,
    /// A name, or `!name`; a trailing `+` or `*` stands for anything.
    pub(crate) out_device: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) packets: Option<u64>,
    pub(crate) source_set: Option<String>,
    pub(crate) exempt_set: Option<String>,
}

/// `10.244.1.7:8080`, `[fd00::7]:8080`, or an address alone.
fn place(text: &str) -> (String, Option<u16>) {
    let bare = |a: &str| a.trim_start_matches('[').trim_end_matches(']').to_owned();
    match text.rsplit_once(':') {
        Some((address, port)) if !address.contains(':') || address.ends_with(']') => (bare(address), port.parse().ok()),
        _ => (bare(text), None),
    }
}
