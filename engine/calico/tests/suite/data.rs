use std::{collections::BTreeMap, path::PathBuf};

use runbook_calico::cluster::Cluster;
use serde::Deserialize;
use serde_json::Value;

/// One recorded cluster.
#[derive(Debug, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) lists: Vec<Value>,
    #[serde(default)]
    pub(crate) nodes: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) probes: Vec<Probe>,
}

/// A probe from inside a pod, and whether it was answered.
#[derive(Debug, Deserialize)]
pub(crate) struct Probe {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) protocol: String,
    pub(crate) port: Option<u16>,
    pub(crate) ok: bool,
}

impl Recorded {
    pub(crate) fn cluster(&self) -> Cluster {
        let cluster = Cluster::load(&self.lists);
        assert_eq!(cluster.left_out, [], "{}", self.name);
        cluster
    }
}

/// Where the clusters are; a developer may point to more of them.
fn folder() -> PathBuf {
    std::env::var_os("RUNBOOK_CALICO_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data"),
        PathBuf::from,
    )
}

/// The recorded clusters whose names satisfy `wanted`; at least one must.
pub(crate) fn recorded(wanted: impl Fn(&str) -> bool) -> Vec<Recorded> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| {
        file.extension().is_some_and(|ending| ending == "json")
            && wanted(&file.file_stem().unwrap_or_default().to_string_lossy())
    });
    files.sort();
    assert!(!files.is_empty(), "no recorded cluster in {}", folder().display());
    files
        .iter()
        .map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        })
        .collect()
}

pub(crate) fn healthy(name: &str) -> bool {
    name.starts_with("healthy")
}
