//! The stand-ins themselves: each is asked over its own protocol.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside of the test functions"
)]

mod api;
mod exec;
mod sealed;
mod small;
mod ssh;
mod tls;
