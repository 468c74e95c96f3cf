//! The model against what real Felix, BIRD and packets did; see `tests/data/README.md`.

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod data;
mod dataplane;
mod hostile;
mod ipam;
mod names;
mod programmed;
mod shapes;
mod verdicts;
