//! The live world: the Kubernetes API, processes in pods through it, and nodes over SSH.
