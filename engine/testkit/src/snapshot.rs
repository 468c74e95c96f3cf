use crate::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// One recorded command.
#[derive(Debug, Clone, Deserialize)]
pub struct Capture {
    /// Where its stdout is, below the snapshot.
    pub file: String,
    /// A node's name, or `namespace/name` of a pod.
    pub subject: String,
    pub role: String,
    pub argv: Vec<String>,
    #[serde(default)]
    pub exit: i32,
    #[serde(default)]
    pub stderr: String,
}

#[derive(Deserialize)]
struct Index {
    captures: Vec<Capture>,
}

/// A snapshot folder: lists of the API server, stdout of commands, logs.
#[derive(Debug)]
pub struct Snapshot {
    root: PathBuf,
    captures: Vec<Capture>,
    json: Mutex<HashMap<String, Option<Arc<Value>>>>,
}

impl Snapshot {
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let root = root.canonicalize().map_err(Error::io("open the snapshot", root))?;
        let index = root.join("index.json");
        let text = std::fs::read(&index).map_err(Error::io("read", &index))?;
        let index: Index = serde_json::from_slice(&text).map_err(|source| Error::Json {
            path: index.display().to_string(),
            source,
        })?;
        Ok(Snapshot {
            root,
            captures: index.captures,
            json: Mutex::default(),
        })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The commands that were recorded of a node, or of a pod (`namespace/name`).
    pub fn captures<'a>(&'a self, subject: &'a str) -> impl Iterator<Item = &'a Capture> + 'a {
        let asked = |c: &&Capture| c.role == "node" || c.role == "pod";
        self.captures.iter().filter(asked).filter(move |c| c.subject == subject)
    }

    /// The nodes that commands were recorded of, in order of their names.
    pub fn nodes(&self) -> Vec<String> {
        let names = self.captures.iter().filter(|c| c.role == "node");
        let mut names: Vec<_> = names.map(|c| c.subject.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// A JSON file below `kube/`, parsed once. `None` where there is no such file.
    pub(crate) fn kube(&self, file: &str) -> Result<Option<Arc<Value>>> {
        let mut known = self.json.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = known.get(file) {
            return Ok(value.clone());
        }
        let path = self.root.join("kube").join(file);
        let value = match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(Error::io("read", &path)(e)),
            Ok(text) => Some(Arc::new(serde_json::from_slice(&text).map_err(|source| {
                Error::Json {
                    path: path.display().to_string(),
                    source,
                }
            })?)),
        };
        known.insert(file.into(), value.clone());
        Ok(value)
    }

    pub(crate) fn pod(&self, namespace: &str, name: &str) -> Result<Option<Pod>> {
        let Some(list) = self.kube("v1/pods.json")? else {
            return Ok(None);
        };
        let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let same = |p: &&Value| p["metadata"]["name"] == name && p["metadata"]["namespace"] == namespace;
        Ok(items.iter().find(same).map(|p| Pod(p.clone())))
    }

    /// What `kubectl logs` of that container would print.
    pub(crate) fn log(&self, pod: &Pod) -> Result<String> {
        let node = pod.node().unwrap_or_default();
        let ours = |name: &str| name.ends_with(".log") && name != "cni.log" && name != "kube-proxy.log";
        let files: Vec<PathBuf> = match pod.app() {
            // One container runs many programs; the CNI plugin and kube-proxy write elsewhere.
            "calico-node" => {
                let folder = self.root.join("logs").join(node);
                let entries = std::fs::read_dir(&folder).map_err(Error::io("list", &folder))?;
                let mut files: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
                files.retain(|f| f.file_name().and_then(|n| n.to_str()).is_some_and(ours));
                files.sort();
                files
            }
            "kube-proxy" => vec![self.root.join("logs").join(node).join("kube-proxy.log")],
            "calico-kube-controllers" => vec![self.root.join("logs/kube-controllers.log")],
            _ => vec![],
        };
        let mut lines = vec![];
        for file in files.iter().filter(|f| f.exists()) {
            let text = std::fs::read(file).map_err(Error::io("read", file))?;
            let mut at = String::new();
            for line in String::from_utf8_lossy(&text).lines() {
                at = time_of(line).unwrap_or(at);
                lines.push((at.clone(), line.to_string()));
            }
        }
        // Stable: what has no time of its own stays behind the line above it.
        lines.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(lines
            .into_iter()
            .fold(String::new(), |all, (_, line)| all + &line + "\n"))
    }
}

/// `2026-11-24T16:30:54.78469 …` and `2026-11-24 16:30:53.324 …`, made comparable.
fn time_of(line: &str) -> Option<String> {
    let at = line.get(..23)?;
    let shape = at.bytes().enumerate().all(|(i, b)| match i {
        4 | 7 => b == b'-',
        10 => b == b'T' || b == b' ',
        13 | 16 => b == b':',
        19 => b == b'.',
        _ => b.is_ascii_digit(),
    });
    shape.then(|| at.replace('T', " "))
}

#[derive(Debug, Clone)]
pub(crate) struct Pod(Value);

impl Pod {
    pub(crate) fn node(&self) -> Option<&str> {
        self.0["spec"]["nodeName"].as_str()
    }

    fn app(&self) -> &str {
        self.0["metadata"]["labels"]["k8s-app"].as_str().unwrap_or_default()
    }

    pub(crate) fn containers(&self) -> Vec<&str> {
        let all = ["initContainers", "containers", "ephemeralContainers"];
        let lists = all.iter().filter_map(|k| self.0["spec"][k].as_array());
        lists.flatten().filter_map(|c| c["name"].as_str()).collect()
    }

    /// The containers a request may leave out when there is one only.
    pub(crate) fn plain_containers(&self) -> Vec<&str> {
        let list = self.0["spec"]["containers"].as_array();
        list.into_iter().flatten().filter_map(|c| c["name"].as_str()).collect()
    }

    /// False where the status says that the container waits or has ended.
    pub(crate) fn runs(&self, container: &str) -> bool {
        let list = self.0["status"]["containerStatuses"].as_array();
        let found = list.into_iter().flatten().find(|s| s["name"] == container);
        found.is_none_or(|s| s["state"].get("running").is_some() || s["state"].as_object().is_none_or(|o| o.is_empty()))
    }

    pub(crate) fn host_ip(&self) -> &str {
        self.0["status"]["hostIP"].as_str().unwrap_or("198.18.0.1")
    }

    /// Whose commands answer: a calico-node pod sees its node, any other pod itself.
    pub(crate) fn subject(&self) -> String {
        let text = |k: &str| self.0["metadata"][k].as_str().unwrap_or_default();
        match self.node() {
            Some(node) if self.app() == "calico-node" => node.into(),
            _ => format!("{}/{}", text("namespace"), text("name")),
        }
    }
}
