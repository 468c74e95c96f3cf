//! The live world: the Kubernetes API, processes in pods through it, and nodes over SSH.

mod agents;
mod api;
mod batch;
mod config;
mod count;
mod exec;
mod frame;
mod json;
mod ladder;
mod options;
mod pump;
mod refused;
mod ssh;
mod text;
mod world;

pub use config::ConnectError;
pub use options::{HostKeyCheck, Limits, LiveOptions, SshOptions, ViaChoice};
pub use world::LiveWorld;
