//! Worlds, asked from outside.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside of the test functions"
)]

mod api;
mod bench;
mod broken;
mod conformance;
mod ladder;
