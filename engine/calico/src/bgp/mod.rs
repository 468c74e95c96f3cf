//! BGP as confd should have configured it: sessions, filters, and what a node exports.

mod config;
mod diff;
mod export;
mod exports;
mod filter;
mod sessions;

pub use config::{BgpConfig, BgpFilter, BgpPeer, FilterAction, FilterRule, MatchOperator, PeerType};
pub use diff::{SeenSession, SessionDiff, SessionProblem, diff_sessions};
pub use export::{ExportDecision, ExportVerdict, Origin, export_verdict};
pub use exports::expected_exports;
pub use filter::{FilterOutcome, RouteFacts, evaluate_filters};
pub use sessions::{BgpInputs, ExpectedSession, SessionKind, expected_sessions, global_as, node_as, protocol_name};

#[cfg(test)]
mod tests;
