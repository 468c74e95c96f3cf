//! The stand-ins themselves: each is asked over its own protocol.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of the test functions")]

mod api;
mod exec;
mod small;
mod ssh;
