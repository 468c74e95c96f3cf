//! Every goal of speed and memory, each beside what it is measured against, both in the same run.

mod model;
mod peer;
mod recorded;
mod table;

use std::path::PathBuf;
use table::Row;
use xtask::Result;

pub(crate) use recorded::measure;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these: `parsers`, `jc`, `model`, `run`; all without.
    #[arg(value_parser = PARTS)]
    parts: Vec<String>,
    /// The case under tests/recordings, as `runbook/case`; without it the first one that expects a cause.
    #[arg(long)]
    case: Option<String>,
    /// How often each program of the recorded run runs.
    #[arg(long, default_value_t = 15)]
    runs: usize,
    /// A binary that is built already, of another version for instance; without it a release build is made.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Size of the listing that jc reads too, which takes it most of a minute.
    #[arg(long, default_value_t = 50)]
    megabytes: usize,
}

const PARTS: [&str; 4] = ["parsers", "jc", "model", "run"];

/// False: a goal was missed.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let mut rows: Vec<Row> = Vec::new();
    for part in PARTS {
        if !args.parts.is_empty() && !args.parts.iter().any(|p| p == part) {
            continue;
        }
        // One that fails hides none of the others.
        match measured(part, args) {
            Ok(measured) => rows.extend(measured),
            Err(error) => rows.push(Row::failed(part, &error)),
        }
    }
    print!("{}", table::render(&rows));
    Ok(rows.iter().all(Row::is_ok))
}

fn measured(part: &str, args: &Args) -> Result<Vec<Row>> {
    match part {
        "parsers" => model::bench("runbook-parsers", "parsers", &[]),
        "jc" => peer::rows(args.megabytes),
        "model" => {
            let mut rows = model::bench("runbook-calico", "model", &[])?;
            // Memory is that of a process, so this one does nothing else.
            rows.extend(model::bench("runbook-calico", "model", &["memory"])?);
            Ok(rows)
        }
        _ => recorded::rows(args),
    }
}
