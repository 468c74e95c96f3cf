//! Events `FailedCreatePodSandBox`: why a pod got no network.

use crate::ParseError;
use crate::text::{clean, lines};
use serde::Serialize;

/// What the kubelet reports when the sandbox of a pod cannot be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SandboxFailure {
    /// `pool_exhausted`, `strict_affinity_no_block`, `block_limit`, `no_pool_for_node`, `no_qualified_pool`,
    /// `pool_not_enabled`, `address_not_in_pool`, `address_in_use`, `ipam_contention`, `windows_strict_affinity`,
    /// `route_conflict`, `host_local_exhausted`, `node_not_ready`, `unauthorized`, `api_unreachable`,
    /// `datastore_locked`, `endpoint_status_timeout`, `plugin_missing`, `no_cni_config`, `timed_out`, `other`.
    pub kind: String,
    /// Id of the sandbox.
    pub sandbox: Option<String>,
    /// The CNI plugin that failed: `calico`, `portmap`, ...
    pub plugin: Option<String>,
    /// `add` or `delete`.
    pub operation: Option<String>,
    /// Pools the message names.
    pub pools: Vec<String>,
    /// Node the message names.
    pub node: Option<String>,
    /// The plugin's own words.
    pub text: String,
}

/// Reads the message of a `FailedCreatePodSandBox` (or `FailedKillPod`) event, or the error of the plugin alone.
///
/// Shape: [`SandboxFailure`]. A text of another kind of failure gives `other`.
pub fn parse(text: &str) -> Result<SandboxFailure, ParseError> {
    let text = clean(text);
    let first = lines(&text)
        .next()
        .ok_or_else(|| ParseError::new(1, "", "the message of an event"))?;
    // Kept whole: errors may go on over several lines.
    let whole = text.trim();
    let between = |before: &str, after: &str| Some(whole.split_once(before)?.1.split_once(after)?.0.to_owned());
    let said = match whole.split_once(" failed (") {
        Some((_, rest)) => rest.split_once("): ").map_or(rest, |(_, said)| said),
        None => whole.split_once(" desc = ").map_or(whole, |(_, said)| said),
    };
    if first.text.contains('\u{0}') {
        return Err(first.error("the message of an event"));
    }
    Ok(SandboxFailure {
        kind: kind(whole).to_owned(),
        sandbox: between("for sandbox \"", "\"").or_else(|| between("for sandbox \\\"", "\\\"")),
        plugin: between("plugin type=\"", "\"").or_else(|| between("plugin type=\\\"", "\\\"")),
        operation: between(" failed (", ")"),
        pools: pools(whole),
        node: between("pools for node ", " ").or_else(|| {
            let (_, node) = whole.split_once("pools for node ")?;
            Some(node.trim_end_matches('.').to_owned())
        }),
        text: said.to_owned(),
    })
}

/// The first that is found counts: what says more stands before what says less.
const KINDS: &[(&str, &str)] = &[
    ("strict affinity enabled", "strict_affinity_no_block"),
    ("No more free affine blocks", "strict_affinity_no_block"),
    ("due to per host block limit", "block_limit"),
    ("no configured Calico pools for node", "no_pool_for_node"),
    ("cannot find a qualified ippool", "no_qualified_pool"),
    ("no pools match the required use", "no_qualified_pool"),
    ("does not exist, or is not enabled", "pool_not_enabled"),
    ("is not in a configured pool", "address_not_in_pool"),
    ("already assigned in block", "address_in_use"),
    ("excessive concurrent IPAM requests", "ipam_contention"),
    ("global strict affinity should not be false", "windows_strict_affinity"),
    ("already exists for an interface other than", "route_conflict"),
    ("no IP addresses available in range set", "host_local_exhausted"),
    ("No IPs available in pools", "pool_exhausted"),
    ("No ips available in pools", "pool_exhausted"),
    ("IPAM allocated only 0", "pool_exhausted"),
    ("Assigned 0 out of", "pool_exhausted"),
    ("stat /var/lib/calico/nodename: no such file", "node_not_ready"),
    ("connection is unauthorized", "unauthorized"),
    ("Unauthorized", "unauthorized"),
    ("is currently not ready to process requests", "datastore_locked"),
    ("timed out waiting for endpoint status file", "endpoint_status_timeout"),
    ("failed to find plugin", "plugin_missing"),
    ("no networks found in", "no_cni_config"),
    ("cni plugin not initialized", "no_cni_config"),
    ("cni config uninitialized", "no_cni_config"),
    ("i/o timeout", "api_unreachable"),
    ("connection refused", "api_unreachable"),
    ("no route to host", "api_unreachable"),
    ("network is unreachable", "api_unreachable"),
    ("TLS handshake timeout", "api_unreachable"),
    ("context deadline exceeded", "timed_out"),
    ("DeadlineExceeded", "timed_out"),
];

fn kind(text: &str) -> &'static str {
    KINDS
        .iter()
        .find(|(words, _)| text.contains(words))
        .map_or("other", |(_, kind)| kind)
}

/// `in pools: [10.70.7.16/28 10.71.0.0/26]`, `the given pool (10.66.0.0/16) does not exist`
fn pools(text: &str) -> Vec<String> {
    let list = text
        .split_once("vailable in pools: [")
        .and_then(|(_, rest)| rest.split_once(']'));
    let one = text
        .split_once("the given pool (")
        .and_then(|(_, rest)| rest.split_once(')'));
    let found = list.or(one).map(|(pools, _)| pools).unwrap_or_default();
    found
        .split([' ', ','])
        .filter(|pool| !pool.is_empty())
        .map(str::to_owned)
        .collect()
}
