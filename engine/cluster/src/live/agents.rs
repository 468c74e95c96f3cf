//! Which calico-node pod runs on a node.

use super::{api::Api, exec::Place};
use runbook_core::{ApiGet, Failure};
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

/// An operator's install and a manifest's. Not all namespaces: a label is anybody's to set, and we are about to run
/// things in what carries it.
const NAMESPACES: [&str; 2] = ["calico-system", "kube-system"];
const CONTAINER: &str = "calico-node";

#[derive(Debug)]
pub(crate) struct Agents {
    api: Arc<Api>,
    known: Mutex<HashMap<String, Place>>,
    /// The namespace where the last one was found is asked first.
    first: AtomicUsize,
}

#[derive(Deserialize)]
struct List {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Meta,
    #[serde(default)]
    status: ItemStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: String,
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ItemStatus {
    phase: String,
}

impl Agents {
    pub(crate) fn new(api: Arc<Api>) -> Self {
        Agents {
            api,
            known: Mutex::default(),
            first: AtomicUsize::new(0),
        }
    }

    pub(crate) async fn find(&self, node: &str, deadline: Instant) -> Result<Place, Failure> {
        if let Some(place) = self.known().get(node) {
            return Ok(place.clone());
        }
        let first = self.first.load(Ordering::Relaxed);
        let mut refused = None;
        let mut seen = vec![];
        for i in 0..NAMESPACES.len() {
            let at = (first + i) % NAMESPACES.len();
            match self.in_namespace(node, NAMESPACES[at], deadline).await {
                Ok(items) => {
                    if let Some(place) = choose(&items, NAMESPACES[at]) {
                        self.first.store(at, Ordering::Relaxed);
                        self.known().insert(node.into(), place.clone());
                        return Ok(place);
                    }
                    seen.extend(
                        items
                            .into_iter()
                            .map(|i| format!("{} is {}", i.metadata.name, i.status.phase)),
                    );
                }
                Err(failure) => refused = Some(failure),
            }
        }
        match (refused, seen.is_empty()) {
            (_, false) => Err(Failure::NotFound(format!(
                "a running calico-node pod on `{node}`: {}",
                seen.join(", ")
            ))),
            (Some(failure), true) => Err(failure),
            (None, true) => Err(Failure::NotFound(format!(
                "a calico-node pod on `{node}` in {}",
                NAMESPACES.join(" or ")
            ))),
        }
    }

    /// The pod is not there any more: it was restarted under another name.
    pub(crate) fn forget(&self, node: &str) {
        self.known().remove(node);
    }

    async fn in_namespace(&self, node: &str, namespace: &str, deadline: Instant) -> Result<Vec<Item>, Failure> {
        let get = ApiGet {
            path: format!("/api/v1/namespaces/{namespace}/pods"),
            query: vec![
                ("fieldSelector".into(), format!("spec.nodeName={node}")),
                ("labelSelector".into(), "k8s-app=calico-node".into()),
            ],
        };
        let body = self.api.get(&get, deadline).await?;
        let list: List = serde_json::from_slice(&body)
            .map_err(|e| Failure::Server(format!("with something that is no list of pods: {e}")))?;
        Ok(list.items)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Place>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// During a rolling update there are two for a moment: the one that is not on its way out.
fn choose(items: &[Item], namespace: &str) -> Option<Place> {
    let running = |i: &&Item| i.status.phase == "Running";
    let staying = items
        .iter()
        .filter(running)
        .find(|i| i.metadata.deletion_timestamp.is_none());
    let item = staying.or_else(|| items.iter().find(running))?;
    Some(Place {
        namespace: namespace.into(),
        pod: item.metadata.name.clone(),
        container: Some(CONTAINER.into()),
    })
}
