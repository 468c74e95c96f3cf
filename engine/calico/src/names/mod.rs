//! Names that Calico gives to interfaces, chains, sets, blocks and handles.
//!
//! They are pure functions of the API objects, so a name that is missing on a node is as good a
//! fact as one that is there.

mod chains;
mod endpoints;
mod ipam;
mod sets;

pub use chains::{
    CHAIN_MAX_IPTABLES, CHAIN_MAX_NFTABLES, Direction, PolicyKind, PolicyName, endpoint_chain, limited, policy_chains,
    policy_suffixes, profile_chain,
};
pub use endpoints::{parse_wep_name, veth, vtep_mac, wep};
pub(crate) use ipam::nth_address;
pub use ipam::{affinity_name, block_cidr_from_name, block_name, handle_name, tunnel_handle, workload_handle};
pub use sets::{named_port_set_id, nft_set, selector_set_id, service_set_id, set_name, unique_id};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
