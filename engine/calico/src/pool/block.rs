use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    names::nth_address,
    object::{Meta, Object, ObjectError, de_cidr, de_cidrs, de_lenient_bool, part},
};

/// An IPAMBlock. It deserialises from the object's `spec` without an intermediate value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Block {
    #[serde(deserialize_with = "de_cidr")]
    pub cidr: IpNet,
    /// `host:<node>`, `virtual:load-balancer`, or none.
    #[serde(default)]
    pub affinity: Option<String>,
    #[serde(default)]
    pub affinity_claim_time: Option<String>,
    /// Per ordinal: an index into `attributes`.
    #[serde(default)]
    pub allocations: Vec<Option<i64>>,
    /// Free ordinals, the ones freed longest ago first.
    #[serde(default)]
    pub unallocated: Vec<i64>,
    #[serde(default)]
    pub attributes: Vec<Allocation>,
    /// A deletion is in progress: the block is to be ignored.
    #[serde(default, deserialize_with = "de_lenient_bool")]
    pub deleted: bool,
}

/// One owner in a block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Allocation {
    pub handle_id: Option<String>,
    pub secondary: Attributes,
    #[serde(rename(deserialize = "releasedAt"))]
    pub released_at: Option<String>,
}

/// What an owner says about itself, few words each: a map would take more room than they do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(Box<[(Box<str>, Box<str>)]>);

impl Attributes {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| **known == *key)
            .map(|(_, value)| &**value)
    }
}

impl Serialize for Attributes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `null` is how Go writes an empty map.
        let map = Option::<BTreeMap<Box<str>, Box<str>>>::deserialize(deserializer)?;
        Ok(Self(map.unwrap_or_default().into_iter().collect()))
    }
}

/// Who owns an allocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Owner<'a> {
    Pod {
        namespace: Cow<'a, str>,
        pod: Cow<'a, str>,
        node: Option<Cow<'a, str>>,
    },
    Tunnel {
        tunnel: Cow<'a, str>,
        node: Option<Cow<'a, str>>,
    },
    LoadBalancer {
        service: Option<Cow<'a, str>>,
    },
    WindowsReserved,
    Unknown,
}

impl Allocation {
    /// Reads the owner from the attributes.
    pub fn owner(&self) -> Owner<'_> {
        let get = |key: &str| self.secondary.get(key).map(Cow::Borrowed);
        let handle = self.handle_id.as_deref().unwrap_or("");
        if handle == "windows-reserved-ipam-handle" {
            return Owner::WindowsReserved;
        }
        if let Some(tunnel) = get("type").filter(|kind| kind.ends_with("TunnelAddress")) {
            return Owner::Tunnel {
                tunnel,
                node: get("node"),
            };
        }
        if let (Some(namespace), Some(pod)) = (get("namespace"), get("pod")) {
            return Owner::Pod {
                namespace,
                pod,
                node: get("node"),
            };
        }
        if handle.starts_with("lb-") || self.secondary.get("service").is_some() {
            return Owner::LoadBalancer {
                service: get("service"),
            };
        }
        Owner::Unknown
    }

    pub fn node(&self) -> Option<&str> {
        self.secondary.get("node")
    }
}

impl Block {
    /// The node that the block belongs to.
    pub fn node(&self) -> Option<&str> {
        self.affinity
            .as_deref()
            .and_then(|affinity| affinity.strip_prefix("host:"))
    }

    /// The addresses in use, each with its owner's attributes.
    pub fn allocated(&self) -> impl Iterator<Item = (IpAddr, &Allocation)> {
        self.allocations.iter().enumerate().filter_map(|(ordinal, index)| {
            let index = usize::try_from((*index)?).ok()?;
            Some((nth_address(self.cidr, ordinal as u64)?, self.attributes.get(index)?))
        })
    }

    pub fn used(&self) -> usize {
        self.allocations.iter().flatten().count()
    }

    pub fn free(&self) -> usize {
        self.allocations.len() - self.used()
    }

    /// The owner of one address.
    pub fn allocation_of(&self, address: IpAddr) -> Option<&Allocation> {
        self.allocated()
            .find(|(found, _)| *found == address)
            .map(|(_, allocation)| allocation)
    }
}

impl Object for Block {
    const KIND: &'static str = "IPAMBlock";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        part(&meta, value, "spec")
    }
}

/// A `spec.state` of an affinity; an empty one is confirmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "snake_case"))]
pub enum AffinityState {
    #[default]
    #[serde(rename(deserialize = "confirmed"), alias = "")]
    Confirmed,
    #[serde(rename(deserialize = "pending"))]
    Pending,
    #[serde(rename(deserialize = "pendingDeletion"))]
    PendingDeletion,
}

/// A BlockAffinity: the claim of a block by a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlockAffinity {
    pub name: String,
    pub cidr: IpNet,
    pub node: String,
    pub state: AffinityState,
    /// `host` or `virtual`.
    pub affinity_type: String,
    pub deleted: bool,
    pub creation_timestamp: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AffinitySpec {
    #[serde(deserialize_with = "de_cidr")]
    cidr: IpNet,
    node: String,
    #[serde(default)]
    state: Option<AffinityState>,
    #[serde(default, rename = "type")]
    affinity_type: Option<String>,
    #[serde(default, deserialize_with = "de_lenient_bool")]
    deleted: bool,
}

impl Object for BlockAffinity {
    const KIND: &'static str = "BlockAffinity";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: AffinitySpec = part(&meta, value, "spec")?;
        Ok(Self {
            name: meta.name,
            cidr: spec.cidr,
            node: spec.node,
            state: spec.state.unwrap_or_default(),
            affinity_type: spec
                .affinity_type
                .filter(|kind| !kind.is_empty())
                .unwrap_or_else(|| "host".to_owned()),
            deleted: spec.deleted,
            creation_timestamp: meta.creation_timestamp,
        })
    }
}

/// An IPAMHandle: the addresses of one owner, counted per block.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IpamHandle {
    pub name: String,
    pub handle_id: String,
    pub blocks: BTreeMap<String, i64>,
    pub deleted: bool,
}

#[derive(Debug, Deserialize)]
struct HandleSpec {
    #[serde(rename = "handleID")]
    handle_id: String,
    #[serde(default)]
    block: Option<BTreeMap<String, i64>>,
    #[serde(default, deserialize_with = "de_lenient_bool")]
    deleted: bool,
}

impl Object for IpamHandle {
    const KIND: &'static str = "IPAMHandle";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: HandleSpec = part(&meta, value, "spec")?;
        Ok(Self {
            name: meta.name,
            handle_id: spec.handle_id,
            blocks: spec.block.unwrap_or_default(),
            deleted: spec.deleted,
        })
    }
}

/// The cluster's IPAM configuration, with the defaults of a missing object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IpamConfig {
    pub strict_affinity: bool,
    pub auto_allocate_blocks: bool,
    /// 0 and absent mean 20.
    pub max_blocks_per_host: u32,
}

impl Default for IpamConfig {
    fn default() -> Self {
        Self {
            strict_affinity: false,
            auto_allocate_blocks: true,
            max_blocks_per_host: 20,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct IpamConfigSpec {
    strict_affinity: Option<bool>,
    auto_allocate_blocks: Option<bool>,
    max_blocks_per_host: Option<u32>,
}

impl Object for IpamConfig {
    const KIND: &'static str = "IPAMConfig";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: IpamConfigSpec = part(&meta, value, "spec")?;
        let default = Self::default();
        Ok(Self {
            strict_affinity: spec.strict_affinity.unwrap_or(default.strict_affinity),
            auto_allocate_blocks: spec.auto_allocate_blocks.unwrap_or(default.auto_allocate_blocks),
            max_blocks_per_host: spec
                .max_blocks_per_host
                .filter(|limit| *limit != 0)
                .unwrap_or(default.max_blocks_per_host),
        })
    }
}

/// Addresses that are never assigned automatically.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IpReservation {
    pub name: String,
    pub cidrs: Vec<IpNet>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReservationSpec {
    #[serde(rename = "reservedCIDRs", deserialize_with = "de_cidrs")]
    reserved_cidrs: Vec<IpNet>,
}

impl Object for IpReservation {
    const KIND: &'static str = "IPReservation";

    fn from_parts(meta: Meta, value: &Value) -> Result<Self, ObjectError> {
        let spec: ReservationSpec = part(&meta, value, "spec")?;
        Ok(Self {
            name: meta.name,
            cidrs: spec.reserved_cidrs,
        })
    }
}
