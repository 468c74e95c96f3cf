//! IPAM: what is wrong in its records, what is left, and what it would do next.

mod audit;
mod capacity;
mod choose;
mod facts;
mod growth;
mod leftovers;
mod problem;
mod stream;
mod structure;

pub use audit::{Audit, AuditReport, audit};
pub use capacity::{NodeCapacity, PoolCapacity, node_capacity, pool_capacity};
pub use choose::{Choice, Outcome, choose};
pub use facts::{AddressUser, AuditFacts};
pub use growth::{Growth, growth};
pub use problem::{Problem, ProblemKind};
pub use stream::{StreamError, read_blocks};
pub use structure::block_faults;

#[cfg(test)]
mod tests;
