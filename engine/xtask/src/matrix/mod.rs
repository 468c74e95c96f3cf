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

use std::path::Path;

/// Runs every case below `root` whose runbook or name holds `filter`, and judges it.
pub fn run_all(root: &Path, filter: &str) -> crate::Result<Vec<Judged>> {
    let runner = Runner::new()?;
    let wanted = |c: &Case| filter.is_empty() || c.name.contains(filter) || c.runbook.contains(filter);
    let found = cases(root)?.into_iter().filter(wanted);
    Ok(found
        .map(|case| {
            let ran = runner.run(&case);
            judge(case, ran)
        })
        .collect())
}
