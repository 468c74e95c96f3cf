//! The report that `calicoctl ipam check -o FILE` writes.

use crate::ParseError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct IpamReport {
    /// Of the calicoctl that wrote it.
    pub version: String,
    pub cluster_guid: String,
    pub cluster_type: String,
    pub cluster_information_revision: String,
    /// A report of a cluster that was not locked can be out of date by the time it is used.
    pub datastore_locked: bool,
    /// By address.
    pub allocations: Vec<ReportedAllocation>,
    pub leaked_handles: Vec<LeakedHandle>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct ReportedAllocation {
    #[serde(rename(deserialize = "ip"))]
    pub address: String,
    pub handle: Option<String>,
    /// Counts the changes of the block: it has to be the same when the address is released.
    pub sequence_number: Option<u64>,
    pub pod: Option<String>,
    pub namespace: Option<String>,
    pub node: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub creation_timestamp: Option<String>,
    pub in_use: bool,
    /// From a block of another node.
    #[serde(default)]
    pub borrowed: bool,
    /// Who uses it; empty for a leak.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub owners: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeakedHandle {
    #[serde(rename(deserialize = "ID"))]
    pub id: String,
    #[serde(rename(deserialize = "UID"))]
    pub uid: Option<String>,
    #[serde(rename(deserialize = "Revision"))]
    pub revision: String,
}

/// As it is in the file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    version: String,
    #[serde(rename = "clusterGUID")]
    cluster_guid: String,
    cluster_type: String,
    cluster_information_revision: String,
    datastore_locked: bool,
    allocations: BTreeMap<String, Vec<ReportedAllocation>>,
    #[serde(default)]
    leaked_handles: Vec<LeakedHandle>,
}

/// Reads the report that `calicoctl ipam check -o FILE` writes.
pub fn parse(text: &str) -> Result<IpamReport, ParseError> {
    let file: File = serde_json::from_str(text).map_err(|e| {
        let line = text.lines().nth(e.line().saturating_sub(1)).unwrap_or_default();
        ParseError::new(e.line(), line, format!("a report of `calicoctl ipam check -o`: {e}"))
    })?;
    Ok(IpamReport {
        version: file.version,
        cluster_guid: file.cluster_guid,
        cluster_type: file.cluster_type,
        cluster_information_revision: file.cluster_information_revision,
        datastore_locked: file.datastore_locked,
        allocations: file.allocations.into_values().flatten().collect(),
        leaked_handles: file.leaked_handles,
    })
}

/// Go writes an empty list as `null`.
fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
