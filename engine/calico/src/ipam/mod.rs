//! IPAM: what is wrong in its records, what is left, and what it would do next.

mod audit;
mod capacity;
mod choose;
mod leftovers;
mod problem;
mod structure;

pub use audit::{Audit, AuditInput, AuditReport, audit};
pub use capacity::{NodeCapacity, PoolCapacity, node_capacity, pool_capacity};
pub use choose::{Choice, Outcome, choose};
pub use problem::{Problem, ProblemKind};
pub use structure::block_faults;

#[cfg(test)]
mod tests;
