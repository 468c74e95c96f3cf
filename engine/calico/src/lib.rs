//! What Calico should have programmed. Pure: no I/O, no clock.
//!
//! API objects go in as [`serde_json::Value`] of whatever layout the cluster has; slim typed
//! structs, expectations and verdicts come out. Facts hold for Calico 3.2x to 3.34; where releases
//! differ, every form is returned, the most recent first.
//!
//! | question | where |
//! |---|---|
//! | read lists of objects, and what was left out | [`cluster::Cluster::load`], [`object::read_list`] |
//! | names of interfaces, chains, sets, blocks, handles | [`names`] |
//! | does a selector match, and why not | [`selector`] |
//! | which pool, which block, who may use it, overlaps | [`pool`] |
//! | a node's addresses, tunnels, AS number | [`node::Node`] |
//! | route, tunnel, MTU and owner of the way between two nodes | [`path::expected`] |
//! | BGP sessions, filters, exports | [`bgp`] |
//! | may this flow pass, and who decides | [`policy::PolicyIndex::verdict`] |
//! | leaks, duplicates, capacity, the next address | [`ipam`] |
//! | all that a node should have, and how it differs | [`dataplane`] |
//!
//! ```
//! use runbook_calico::{cluster::Cluster, policy::{Decision, Flow, Party, PolicyIndex, Protocol, VerdictOptions}};
//! use serde_json::json;
//!
//! let list = |kind: &str, version: &str, items| json!({"kind": format!("{kind}List"), "apiVersion": version, "items": items});
//! let pod = |name: &str, address: &str| json!({"metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
//!     "spec": {"nodeName": "worker-1"}, "status": {"phase": "Running", "podIP": address}});
//! let lock = json!({"metadata": {"name": "lock", "namespace": "shop"},
//!     "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]}});
//! let cluster = Cluster::load(&[
//!     list("Pod", "v1", json!([pod("web", "192.0.2.1"), pod("db", "192.0.2.2")])),
//!     list("Namespace", "v1", json!([{"metadata": {"name": "shop"}}])),
//!     list("NetworkPolicy", "networking.k8s.io/v1", json!([lock])),
//!     list("NetworkPolicy", "crd.projectcalico.org/v1", json!([])),
//!     list("GlobalNetworkPolicy", "crd.projectcalico.org/v1", json!([])),
//! ]);
//! let (index, _) = PolicyIndex::new(&cluster);
//! let flow = Flow::new(Party::pod("shop", "web"), Party::pod("shop", "db"), Protocol::TCP, Some(5432));
//! let verdict = index.verdict(&flow, &VerdictOptions::default());
//! assert_eq!(verdict.decision, Decision::Deny);
//! assert_eq!(
//!     verdict.deciding.unwrap().sentence,
//!     "ingress policy of tier `default` applies to `shop/db`, and no rule matches"
//! );
//! ```

pub mod bgp;
pub mod cluster;
pub mod dataplane;
pub mod felix;
pub mod ipam;
pub mod labels;
pub mod names;
pub mod node;
pub mod object;
pub mod path;
pub mod policy;
pub mod pool;
pub mod selector;
pub mod version;
pub mod workload;
