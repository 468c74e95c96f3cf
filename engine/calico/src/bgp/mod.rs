//! BGP as confd should have configured it: sessions, filters, what a node exports and takes, and the way of a route.

mod blocks;
mod config;
mod diff;
mod export;
mod exports;
mod filter;
mod import;
mod peering;
mod sessions;
mod ways;
mod why;

pub use blocks::{BlockRoute, MissingRoute, SeenRoute, block_routes, missing_routes};
pub use config::{BgpConfig, BgpFilter, BgpPeer, FilterAction, FilterRule, MatchOperator, PeerType};
pub use diff::{SeenSession, SessionDiff, SessionProblem, diff_sessions};
pub use export::{ExportDecision, ExportVerdict, Origin, export_verdict};
pub use exports::expected_exports;
pub use filter::{FilterOutcome, RouteFacts, evaluate_filters};
pub use import::{ImportDecision, ImportVerdict, import_verdict};
pub use sessions::{BgpInputs, ExpectedSession, SessionKind, expected_sessions, global_as, node_as, protocol_name};
pub use ways::{Hop, Way, WayKind, way};
pub use why::why_no_session;

#[cfg(test)]
mod route_tests;
#[cfg(test)]
mod tests;
