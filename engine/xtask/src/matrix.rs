//! Every runbook on its own cases, and on everybody else's.

use runbook_cases::{Case, Judged, Runner, cases, foreign, foreign_table, run_all, table};
use runbook_script::Library;
use xtask::{Result, root};

pub(crate) fn run(filter: &str, edited: bool) -> Result<bool> {
    let (own, others) = judge(filter, edited)?;
    if own.is_empty() && others.is_empty() {
        return Err("no such runbook or case under tests/recordings: nothing was tested".into());
    }
    print!("{}\n{}", table(&own), foreign_table(&others));
    Ok(own.iter().chain(&others).all(Judged::is_ok))
}

/// What runbooks say about worlds of their own, and about those of others.
pub(crate) fn judge(filter: &str, edited: bool) -> Result<(Vec<Judged>, Vec<Judged>)> {
    let runner = Runner::new(Library::default())?;
    let all = cases(&root().join("tests"))?;
    let wanted = |c: &Case| filter.is_empty() || c.name.contains(filter) || c.runbook.contains(filter);
    let of_others: Vec<Case> = foreign(&runner, &all, edited).into_iter().filter(wanted).collect();
    let own: Vec<Case> = all.into_iter().filter(wanted).collect();
    Ok((run_all(&runner, &own), run_all(&runner, &of_others)))
}
