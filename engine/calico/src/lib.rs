//! What Calico should have programmed. Pure: no I/O, no clock.
//!
//! API objects go in as [`serde_json::Value`] of whatever layout the cluster has; slim typed
//! structs, expectations and verdicts come out. Facts hold for Calico 3.2x to 3.34; where releases
//! differ, every form is returned, the most recent first.

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
