//! One binary for all tests of the parsers: real and hand-made outputs, and what must hold for any input.

// Helpers of tests are tests, which clippy sees only inside `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic)]

mod fixtures;
mod fuzz;
mod properties;
