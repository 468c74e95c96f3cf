use super::{
    Files,
    long::{self, Kept, LONG},
    select,
};
use jiff::Timestamp;
use runbook_core::{Failure, LogQuestion, Raw};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What an API path asks for, and where a recording keeps it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ApiPath<'a> {
    /// `/version`, `/apis`, `/apis/GROUP/VERSION`: one file.
    Document(String),
    Resource(Resource<'a>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resource<'a> {
    /// `v1`, or `apps/v1`.
    group_version: String,
    namespace: Option<&'a str>,
    plural: &'a str,
    name: Option<&'a str>,
}

impl<'a> ApiPath<'a> {
    pub(super) fn parse(path: &'a str) -> Option<ApiPath<'a>> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group_version, rest) = match parts[..] {
            ["version"] | ["api"] | ["apis"] => return Some(ApiPath::Document(format!("kube/{}.json", parts[0]))),
            ["api", version, ref rest @ ..] => (version.to_string(), rest),
            ["apis", group, version, ref rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, plural, name) = match *rest {
            [] => return Some(ApiPath::Document(format!("kube/{group_version}/_resources.json"))),
            [plural] => (None, plural, None),
            ["namespaces", namespace, plural] => (Some(namespace), plural, None),
            ["namespaces", namespace, plural, name] => (Some(namespace), plural, Some(name)),
            [plural, name] => (None, plural, Some(name)),
            _ => return None,
        };
        Some(ApiPath::Resource(Resource {
            group_version,
            namespace,
            plural,
            name,
        }))
    }
}

impl Resource<'_> {
    pub(super) fn is_whole_list(&self) -> bool {
        self.namespace.is_none() && self.name.is_none()
    }

    pub(super) fn file(&self) -> String {
        format!("kube/{}/{}.json", self.group_version, self.plural)
    }
}

/// The file in which a recording keeps the complete list behind `path`, where `path` asks for one.
pub(crate) fn list_file(path: &str) -> Option<String> {
    match ApiPath::parse(path)? {
        ApiPath::Document(file) => Some(file),
        ApiPath::Resource(r) => r.is_whole_list().then(|| r.file()),
    }
}

/// Under which key the log of a container is kept.
pub(crate) fn log_path(logs: &LogQuestion) -> String {
    let container = logs.pod.container.as_deref().unwrap_or_default();
    format!("logs {}/{} {container}", logs.pod.namespace, logs.pod.name)
}

/// Parsed lists, each read once.
#[derive(Debug, Default)]
pub(super) struct Lists(Mutex<HashMap<String, Option<Arc<Value>>>>);

impl Lists {
    fn load(&self, files: &Files, file: &str) -> Result<Option<Arc<Value>>, Failure> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.get(file) {
            return Ok(list.clone());
        }
        let list = match files.read(file) {
            None => None,
            Some(bytes) => {
                let parsed = serde_json::from_slice(&bytes);
                Some(Arc::new(parsed.map_err(|e| {
                    Failure::Incomplete(format!("`{file}` does not parse: {e}"))
                })?))
            }
        };
        lists.insert(file.to_string(), list.clone());
        Ok(list)
    }

    pub(super) fn answer(
        &self,
        files: &Files,
        want: &Resource<'_>,
        query: &[(String, String)],
    ) -> Result<Raw, Failure> {
        if want.is_whole_list() && query.is_empty() {
            return self.whole(files, want);
        }
        let wanted = |object: &Value| {
            let meta = &object["metadata"];
            let here = want.namespace.is_none_or(|ns| meta["namespace"].as_str() == Some(ns));
            let named = want.name.is_none_or(|name| meta["name"].as_str() == Some(name));
            Some(here && named && matches(object, query)?)
        };
        let Some(mut found) = self.select(files, &want.file(), wanted)? else {
            return Err(self.absent(files, want)?);
        };
        if found.doubtful {
            return Err(Failure::NotRecorded);
        }
        if let Some(name) = want.name {
            let object = found.items.drain(..).next();
            let object = object.ok_or_else(|| Failure::NotFound(format!("{} `{name}`", want.plural)))?;
            return Ok(with_type(object, &found.head).to_string().into());
        }
        found.head.insert("metadata".into(), json!({}));
        found.head.insert("items".into(), found.items.into());
        Ok(Value::Object(found.head).to_string().into())
    }

    /// What `wanted` keeps of a list; a short list is read once and remembered.
    fn select(
        &self,
        files: &Files,
        file: &str,
        wanted: impl Fn(&Value) -> Option<bool>,
    ) -> Result<Option<Kept>, Failure> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(file);
        let long = match remembered {
            true => None,
            false => files.read(file).filter(|bytes| bytes.len() >= LONG),
        };
        if let Some(bytes) = long {
            let kept = long::keep(&bytes, wanted);
            return kept
                .map(Some)
                .map_err(|e| Failure::Incomplete(format!("`{file}` does not parse: {e}")));
        }
        let Some(list) = self.load(files, file)? else {
            return Ok(None);
        };
        let mut kept = Kept::default();
        for key in ["kind", "apiVersion"] {
            kept.head.insert(key.into(), list[key].clone());
        }
        for object in list["items"].as_array().into_iter().flatten() {
            match wanted(object) {
                Some(true) => kept.items.push(object.clone()),
                Some(false) => {}
                None => kept.doubtful = true,
            }
        }
        Ok(Some(kept))
    }

    /// A complete list as it lies there: a hundred thousand pods are not read to be written again.
    fn whole(&self, files: &Files, want: &Resource<'_>) -> Result<Raw, Failure> {
        let file = want.file();
        let Some(bytes) = files.read(&file) else {
            return Err(self.absent(files, want)?);
        };
        serde_json::from_slice::<IgnoredAny>(&bytes)
            .map_err(|e| Failure::Incomplete(format!("`{file}` does not parse: {e}")))?;
        Ok(bytes.into())
    }

    /// Why there is no list: the cluster does not have the kind, or nobody asked for it.
    fn absent(&self, files: &Files, want: &Resource<'_>) -> Result<Failure, Failure> {
        let not_installed = Failure::NotFound(format!(
            "kind `{}` of {} is not installed",
            want.plural, want.group_version
        ));
        let resources = self.load(files, &format!("kube/{}/_resources.json", want.group_version))?;
        let served = resources.as_ref().and_then(|r| r["resources"].as_array());
        if let Some(served) = served {
            let has = served.iter().any(|r| r["name"].as_str() == Some(want.plural));
            return Ok(if has { Failure::NotRecorded } else { not_installed });
        }
        let groups = self.load(files, "kube/apis.json")?;
        let group = want.group_version.split('/').next().unwrap_or_default();
        let known = groups.as_ref().and_then(|g| g["groups"].as_array());
        Ok(match known {
            Some(known)
                if want.group_version.contains('/') && !known.iter().any(|g| g["name"].as_str() == Some(group)) =>
            {
                not_installed
            }
            _ => Failure::NotRecorded,
        })
    }

    /// The log of a calico-node pod, put together from the files of its node.
    pub(super) fn node_logs(&self, files: &Files, logs: &LogQuestion) -> Option<Raw> {
        let pods = self.load(files, "kube/v1/pods.json").ok()??;
        let meta = |o: &Value| (o["metadata"]["namespace"].clone(), o["metadata"]["name"].clone());
        let wanted = (json!(logs.pod.namespace), json!(logs.pod.name));
        let pod = pods["items"].as_array()?.iter().find(|o| meta(o) == wanted)?;
        if pod["metadata"]["labels"]["k8s-app"] != "calico-node" {
            return None;
        }
        let folder = format!("logs/{}", pod["spec"]["nodeName"].as_str()?);
        // kube-proxy and the CNI plugin log elsewhere.
        let ours = |f: &String| !f.ends_with("/cni.log") && !f.ends_with("/kube-proxy.log");
        // By time, as one log would have it; a line without one belongs to the line before it.
        let mut lines: Vec<(String, String)> = vec![];
        for file in files.list(&folder).into_iter().filter(ours) {
            let text = files.read(&file)?;
            let mut time = String::new();
            for line in String::from_utf8_lossy(&text).lines() {
                let start: String = line.chars().take(23).map(|c| if c == 'T' { ' ' } else { c }).collect();
                if start.starts_with(|c: char| c.is_ascii_digit()) && start.matches(':').count() == 2 {
                    time = start;
                }
                lines.push((time.clone(), line.to_string()));
            }
        }
        lines.sort_by(|(a, _), (b, _)| a.cmp(b));
        let tail = lines.len().saturating_sub(logs.tail_lines as usize);
        let merged: String = lines[tail..]
            .iter()
            .flat_map(|(_, line)| [line.as_str(), "\n"])
            .collect();
        (!merged.is_empty()).then(|| merged.into())
    }
}

/// List items carry no kind: it stands on the list.
fn with_type(mut object: Value, list: &Map<String, Value>) -> Value {
    if let (Value::Object(map), Some(kind)) = (&mut object, list.get("kind").and_then(Value::as_str)) {
        let version = list.get("apiVersion").cloned().unwrap_or_default();
        map.entry("kind")
            .or_insert_with(|| kind.trim_end_matches("List").into());
        map.entry("apiVersion").or_insert_with(|| version);
    }
    object
}

fn matches(object: &Value, query: &[(String, String)]) -> Option<bool> {
    query.iter().try_fold(true, |all, (key, value)| match key.as_str() {
        "labelSelector" => Some(all & select::labels_match(object, value)?),
        "fieldSelector" => Some(all & select::fields_match(object, value)?),
        _ => None,
    })
}

/// When a snapshot was taken, which it does not say itself: the latest time that its nodes and leases show.
pub(super) fn latest_heartbeat(files: &Files) -> Option<Timestamp> {
    let texts = [
        "kube/coordination.k8s.io/v1/leases.json",
        "kube/v1/nodes.json",
        "kube/v1/events.json",
    ];
    let mut latest = None;
    for file in texts {
        let Some(list) = files.read(file).and_then(|b| serde_json::from_slice::<Value>(&b).ok()) else {
            continue;
        };
        let keys = ["renewTime", "lastHeartbeatTime", "lastTimestamp", "creationTimestamp"];
        visit_times(&list, &keys, &mut |t| latest = latest.max(Some(t)));
    }
    latest
}

fn visit_times(value: &Value, keys: &[&str], seen: &mut impl FnMut(Timestamp)) {
    match value {
        Value::Array(items) => items.iter().for_each(|v| visit_times(v, keys, seen)),
        Value::Object(map) => {
            for (key, v) in map {
                match v.as_str().filter(|_| keys.contains(&key.as_str())).map(str::parse) {
                    Some(Ok(time)) => seen(time),
                    _ => visit_times(v, keys, seen),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let resource = |group_version: &str, namespace, plural, name| {
            Some(ApiPath::Resource(Resource {
                group_version: group_version.into(),
                namespace,
                plural,
                name,
            }))
        };
        let document = |f: &str| Some(ApiPath::Document(f.into()));
        assert_eq!(ApiPath::parse("/version"), document("kube/version.json"));
        assert_eq!(
            ApiPath::parse("/apis/apps/v1"),
            document("kube/apps/v1/_resources.json")
        );
        assert_eq!(ApiPath::parse("/api/v1/pods"), resource("v1", None, "pods", None));
        assert_eq!(
            ApiPath::parse("/api/v1/namespaces/shop"),
            resource("v1", None, "namespaces", Some("shop"))
        );
        assert_eq!(
            ApiPath::parse("/api/v1/namespaces/a/pods/b"),
            resource("v1", Some("a"), "pods", Some("b"))
        );
        assert_eq!(
            ApiPath::parse("/apis/apps/v1/namespaces/a/x"),
            resource("apps/v1", Some("a"), "x", None)
        );
        assert_eq!(ApiPath::parse("/healthz"), None);
    }
}
