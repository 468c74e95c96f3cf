//! `/api`, `/apis` and below: which resources there are.

use super::reply::Reply;
use crate::{Result, Snapshot};
use serde_json::{Value, json};
use std::sync::Arc;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What `_resources.json` says of a resource; `None` where the group version or the resource is not served.
pub(super) fn served(snapshot: &Snapshot, folder: &str, plural: &str) -> Result<Option<Value>> {
    let list = snapshot.kube(&format!("{folder}/_resources.json"))?;
    let found = list.and_then(|l| l["resources"].as_array()?.iter().find(|r| r["name"] == plural).cloned());
    Ok(found)
}

pub(super) fn file(snapshot: &Snapshot, file: &str) -> Result<Reply> {
    Ok(match snapshot.kube(file)? {
        Some(value) => Reply::json(200, &value),
        None => Reply::page_not_found(),
    })
}

pub(super) fn group(snapshot: &Snapshot, name: &str) -> Result<Reply> {
    let groups = snapshot.kube("apis.json")?;
    let found = groups.and_then(|g| g["groups"].as_array()?.iter().find(|g| g["name"] == name).cloned());
    Ok(match found {
        Some(mut group) => {
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            Reply::json(200, &group)
        }
        None => Reply::page_not_found(),
    })
}

/// Does the client ask for everything at once?
pub(super) fn wants_aggregated(accept: &str) -> bool {
    accept.split(',').next().is_some_and(|first| {
        let has = |p: &str| first.split(';').any(|x| x.trim() == p);
        has("as=APIGroupDiscoveryList") && has("v=v2")
    })
}

pub(super) fn aggregated(snapshot: &Snapshot, core: bool) -> Result<Reply> {
    let mut items = vec![];
    if core {
        let core: Vec<_> = version(snapshot, "v1", "", "v1")?.into_iter().collect();
        items.push(json!({"metadata": {"creationTimestamp": null}, "versions": core}));
    } else {
        let groups: Arc<Value> = snapshot.kube("apis.json")?.unwrap_or_default();
        for group in groups["groups"].as_array().into_iter().flatten() {
            let name = group["name"].as_str().unwrap_or_default();
            let mut versions = vec![];
            for v in group["versions"].as_array().into_iter().flatten() {
                let (gv, v) = (v["groupVersion"].as_str(), v["version"].as_str());
                versions.extend(version(snapshot, gv.unwrap_or_default(), name, v.unwrap_or_default())?);
            }
            items.push(json!({"metadata": {"name": name, "creationTimestamp": null}, "versions": versions}));
        }
    }
    let list = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {}, "items": items});
    Ok(Reply::new(200, AGGREGATED, list.to_string()))
}

fn version(snapshot: &Snapshot, folder: &str, group: &str, version: &str) -> Result<Option<Value>> {
    let Some(list) = snapshot.kube(&format!("{folder}/_resources.json"))? else {
        return Ok(None);
    };
    let all = list["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |r: &Value| r["name"].as_str().unwrap_or_default().to_string();
    let kind = |r: &Value| {
        let or = |key: &str, other: &str| r[key].as_str().unwrap_or(other).to_string();
        json!({"group": or("group", group), "version": or("version", version), "kind": r["kind"]})
    };
    let mut resources = vec![];
    for r in all.iter().filter(|r| !name(r).contains('/')) {
        let prefix = name(r) + "/";
        let below = all
            .iter()
            .filter_map(|s| Some((name(s).strip_prefix(&prefix)?.to_string(), s)));
        let below: Vec<_> = below
            .map(|(sub, s)| json!({"subresource": sub, "responseKind": kind(s), "verbs": s["verbs"]}))
            .collect();
        let scope = if r["namespaced"] == true {
            "Namespaced"
        } else {
            "Cluster"
        };
        let mut one = json!({"resource": r["name"], "responseKind": kind(r), "scope": scope,
            "singularResource": r["singularName"], "verbs": r["verbs"]});
        for key in ["shortNames", "categories"] {
            if r.get(key).is_some() {
                one[key] = r[key].clone();
            }
        }
        if !below.is_empty() {
            one["subresources"] = json!(below);
        }
        resources.push(one);
    }
    Ok(Some(
        json!({"version": version, "resources": resources, "freshness": "Current"}),
    ))
}
