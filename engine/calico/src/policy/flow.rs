use std::{fmt, net::IpAddr};

use serde::{Serialize, Serializer};

use super::types::{Icmp, Protocol};

/// One end of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Party {
    Pod {
        namespace: String,
        name: String,
    },
    /// The node itself, or a pod in its network.
    Node(String),
    Address(IpAddr),
}

impl Party {
    /// Reads `ns/pod`, an address, or a node's name.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Some(Self::Pod {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                })
            }
            None if !text.is_empty() => Some(Self::Node(text.to_owned())),
            _ => None,
        }
    }

    pub fn pod(namespace: &str, name: &str) -> Self {
        Self::Pod {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod { namespace, name } => write!(f, "{namespace}/{name}"),
            Self::Node(name) => f.write_str(name),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl Serialize for Party {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A new connection, as policy sees it: after DNAT, before SNAT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flow {
    pub source: Party,
    pub destination: Party,
    pub protocol: Protocol,
    pub destination_port: Option<u16>,
    /// Rules on source ports need it; without it they are `Unknown`.
    pub source_port: Option<u16>,
    /// An echo request where it is left out.
    pub icmp: Option<Icmp>,
}

impl Flow {
    pub fn new(source: Party, destination: Party, protocol: Protocol, port: Option<u16>) -> Self {
        Self {
            source,
            destination,
            protocol,
            destination_port: port,
            source_port: None,
            icmp: None,
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} {}", self.source, self.destination, self.protocol)?;
        match self.destination_port {
            Some(port) => write!(f, " {port}"),
            None => Ok(()),
        }
    }
}
