//! What the lab is made of: names and addresses. Documentation and benchmark ranges only.

/// A node. Its second interface is used by faults alone.
#[derive(Debug)]
pub struct Node {
    pub name: &'static str,
    pub address: &'static str,
    pub gateway: &'static str,
    /// The bridge that it is plugged into.
    pub bridge: &'static str,
    pub second: Option<&'static str>,
    pub zone: &'static str,
}

pub const NODES: [Node; 3] = [
    Node {
        name: "alder",
        address: "198.18.8.11",
        gateway: "198.18.8.1",
        bridge: "north",
        second: Some("198.18.10.11"),
        zone: "hall-1",
    },
    Node {
        name: "birch",
        address: "198.18.8.12",
        gateway: "198.18.8.1",
        bridge: "north",
        second: Some("198.18.10.12"),
        zone: "hall-1",
    },
    Node {
        name: "cedar",
        address: "198.18.8.13",
        gateway: "198.18.8.1",
        bridge: "north",
        second: Some("198.18.10.13"),
        zone: "hall-2",
    },
];

/// Names of network namespaces begin with this, and nothing else's do.
pub const PREFIX: &str = "rblab-";
pub const SWITCH: &str = "switch";
pub const CONTROL: &str = "control";
pub const OUTSIDE: &str = "outside";
pub const CONTROL_ADDRESS: &str = "198.18.8.250";
pub const OUTSIDE_ADDRESS: &str = "203.0.113.10";
/// The interface of this machine that reaches the lab.
pub const HOST_LINK: &str = "rblab0";
pub const HOST_ADDRESS: &str = "198.18.8.254";
pub const SERVICE_ADDRESS: &str = "10.96.0.1";
pub const SERVICES: &str = "10.96.0.0/16";
pub const DNS: &str = "10.96.0.10";
pub const TUNNEL_POOL: &str = "10.80.0.0/16";
pub const PLAIN_POOL: &str = "10.81.0.0/16";
