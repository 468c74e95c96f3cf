//! Runbook × recorded world: does each runbook name the cause that was really there, and nothing else?
//!
//! A case is a file `tests/recordings/<runbook>/<case>/expect.toml`; its world is `tests/worlds/<world>.tar.zst`, or a
//! folder of that name.

mod case;
mod judge;
mod run;
mod table;

pub use case::{Case, Edit, Expect, cases};
pub use judge::{Judged, judge};
pub use run::Runner;
pub use table::table;

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Runs every case below `root` whose runbook or name holds `filter`, and judges it. As many at a time as there are
/// processors; the order is that of [`cases`].
pub fn run_all(root: &Path, filter: &str) -> crate::Result<Vec<Judged>> {
    let runner = Runner::new()?;
    let wanted = |c: &Case| filter.is_empty() || c.name.contains(filter) || c.runbook.contains(filter);
    let all: Vec<Case> = cases(root)?.into_iter().filter(wanted).collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let work = || {
        while let Some(case) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let judged = judge(case.clone(), runner.run(case));
            done.lock().unwrap_or_else(PoisonError::into_inner).push(judged);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut judged = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    judged.sort_by(|a, b| (&a.case.runbook, &a.case.name).cmp(&(&b.case.runbook, &b.case.name)));
    Ok(judged)
}
