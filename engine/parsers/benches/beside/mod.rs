//! Two pieces of work beside each other, in turns, so that a busy machine is busy for both.
//!
//! What is printed is one JSON object a line, which `cargo xtask bench` makes a table of. Also used by the benches of
//! runbook-calico.

use cpu_time::ThreadTime;
use std::hint::black_box;
use std::time::Duration;

/// Time that the processor spends on one run, and on its value going away: other work on the machine does not count.
pub(crate) fn time<T>(run: &mut impl FnMut() -> T) -> Duration {
    let start = ThreadTime::now();
    drop(black_box(run()));
    start.elapsed()
}

/// The best of some runs of each, in turns.
pub(crate) fn both<A, B>(
    runs: usize,
    mut ours: impl FnMut() -> A,
    mut other: impl FnMut() -> B,
) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..runs {
        best = (best.0.min(time(&mut ours)), best.1.min(time(&mut other)));
    }
    best
}

/// Prints that `ours` may take `goal` times as long as `other`.
pub(crate) fn tell(work: &str, ours: Duration, beside: &str, other: Duration, goal: f64) {
    let (ours, other) = (ours.as_secs_f64(), other.as_secs_f64());
    println!(r#"{{"work":"{work}","unit":"s","ours":{ours},"beside":"{beside}","other":{other},"at_most":{goal}}}"#);
}

/// Prints what has a goal of its own, in `unit`.
#[allow(dead_code, reason = "not every bench has such a goal")]
pub(crate) fn limit(work: &str, unit: &str, ours: f64, goal: f64) {
    println!(r#"{{"work":"{work}","unit":"{unit}","ours":{ours},"at_most":{goal}}}"#);
}
