//! `iptables -L` beside `jc`, the parser that people use from scripts: a process for each, the same file for both.

use super::{model, table::Row};
use crate::sh;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::Result;

/// From PyPI; the newest at the time of writing.
const JC: &str = "jc==1.26.1";

/// Processor time of the call alone, without starting Python and reading the file; the peak is that of the process.
const SCRIPT: &str = "import json, resource, sys, time, jc
text = open(sys.argv[1]).read()
start = time.thread_time()
value = jc.parse('iptables', text, quiet=True)
seconds = time.thread_time() - start
rules = sum(len(chain['rules']) for chain in value)
print(json.dumps({'seconds': seconds, 'rules': rules, 'peak_kb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))";

#[derive(Debug, Deserialize)]
struct Taken {
    seconds: f64,
    rules: u64,
    peak_kb: f64,
}

pub(super) fn rows(megabytes: usize) -> Result<Vec<Row>> {
    let works = ["", ": peak memory"].map(|what| format!("iptables -L -v -n -x, {megabytes} MB{what}"));
    let python = match install() {
        Ok(python) => python,
        Err(why) => {
            return Ok(works
                .map(|work| Row::not_measured(work, format!("no jc: {why}")))
                .into());
        }
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("listing").display().to_string();
    let bench = |args: &[&str]| model::output("runbook-parsers", "parsers", args);
    bench(&["write", "iptables-list", &file, &megabytes.to_string()])?;
    let mut ours: Option<Taken> = None;
    for _ in 0..5 {
        let taken: Taken = serde_json::from_str(bench(&["read", "iptables-list", &file])?.trim())?;
        ours = ours
            .into_iter()
            .chain([taken])
            .min_by(|a, b| a.seconds.total_cmp(&b.seconds));
    }
    let ours = ours.ok_or("nothing was measured")?;
    let jc = run(&python, &file)?;
    if ours.rules != jc.rules {
        return Err(format!("{} rules here, {} for jc", ours.rules, jc.rules).into());
    }
    let [time, memory] = works;
    Ok(vec![
        Row::ratio(time, "s", ours.seconds, "jc", jc.seconds, 1.0 / 250.0),
        Row::ratio(memory, "MiB", ours.peak_kb / 1024.0, "jc", jc.peak_kb / 1024.0, 0.25),
    ])
}

fn run(python: &Path, file: &str) -> Result<Taken> {
    eprintln!("$ python jc.parse('iptables', ...)");
    let out = Command::new(python).args(["-c", SCRIPT, file]).output()?;
    if !out.status.success() {
        return Err(format!("jc failed: {}", String::from_utf8_lossy(&out.stderr)).into());
    }
    Ok(serde_json::from_slice(&out.stdout)?)
}

/// An environment of its own beside the other things that were built; hands back its Python, or why there is none.
fn install() -> std::result::Result<PathBuf, String> {
    let told = |error: std::io::Error| error.to_string();
    let exe = std::env::current_exe().map_err(told)?;
    let target = exe.ancestors().nth(2).ok_or("no folder for it")?;
    let folder = target.join("bench").join(JC);
    let python = folder.join("bin/python");
    if ask(Command::new(&python).args(["-c", "import jc"])).is_err() {
        let system = sh::find("python3").ok_or("no `python3` on this machine")?;
        ask(Command::new(system).args(["-m", "venv"]).arg(&folder))?;
        ask(Command::new(&python).args(["-m", "pip", "install", "--quiet", JC]))?;
    }
    Ok(python)
}

fn ask(command: &mut Command) -> std::result::Result<(), String> {
    let out = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&out.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    match out.status.success() {
        true => Ok(()),
        false => Err(format!("`{}`: {last}", sh::line(command))),
    }
}
