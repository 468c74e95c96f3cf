//! Runbook × recorded world: does each runbook name the cause that was really there, and nothing else?
//!
//! A folder of cases holds `recordings/<runbook>/<case>/expect.toml` and the worlds that these name,
//! `worlds/<world>.tar.zst` or a folder of that name.

mod case;
mod foreign;
mod judge;
mod run;
mod table;

pub use case::{Case, Edit, Expect, cases};
pub use foreign::foreign;
pub use judge::{Judged, judge};
pub use run::Runner;
pub use table::{foreign_table, table};

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Why a case could not be run. It is read by a person, once.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl From<String> for Error {
    fn from(message: String) -> Error {
        Error(message)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error(error.to_string())
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Runs and judges cases, as many worlds at a time as there are processors; the order stays.
pub fn run_all(runner: &Runner, cases: &[Case]) -> Vec<Judged> {
    let worlds = by_world(cases);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let work = || {
        while let Some(world) = worlds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let judged = runner.run_world(world.iter().map(|(_, case)| *case));
            let numbered = world.iter().map(|(number, _)| *number).zip(judged);
            done.lock().unwrap_or_else(PoisonError::into_inner).extend(numbered);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut judged = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    judged.sort_by_key(|(number, _)| *number);
    judged.into_iter().map(|(_, judged)| judged).collect()
}

/// Cases of one world, with their places: it is opened once for all of them.
fn by_world(cases: &[Case]) -> Vec<Vec<(usize, &Case)>> {
    let mut worlds: Vec<Vec<(usize, &Case)>> = vec![];
    for (number, case) in cases.iter().enumerate() {
        match worlds.iter_mut().find(|w| w[0].1.same_world(case)) {
            Some(world) => world.push((number, case)),
            None => worlds.push(vec![(number, case)]),
        }
    }
    worlds
}
