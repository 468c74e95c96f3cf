//! What a recorded run takes, beside a limit and beside a peer that reads the same cluster.
//!
//! Numbers are medians of runs that take turns, so that a busy machine is busy for all of them.

use super::{Args, table::Row};
use crate::sh;
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::{TimeVal, TimeValLike},
};
use runbook_cases::{Case, cases};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};
use xtask::{Result, root};

/// The limits of a recorded run.
const LIMIT_MS: f64 = 100.0;
const LIMIT_MB: f64 = 40.0;

/// Loads the same lists that a run can ask for, and does nothing with them.
const PEER: &str = "import json, pathlib, sys\n\
    kept = [json.loads(p.read_bytes()) for p in pathlib.Path(sys.argv[1]).rglob('*.json')]";

/// What one process took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Taken {
    wall_ms: f64,
    /// User and system time.
    cpu_ms: f64,
    peak_mb: f64,
}

struct Subject {
    name: &'static str,
    argv: Vec<String>,
    taken: Vec<Taken>,
}

/// Prints what was measured, with the spread, and hands back the two goals.
pub(super) fn rows(args: &Args) -> Result<Vec<Row>> {
    let case = choose(args.case.as_deref())?;
    let binary = match &args.binary {
        Some(path) => path.clone(),
        None => build()?,
    };
    let unpacked = tempfile::tempdir()?;
    let world = unpack(&case.world, unpacked.path())?;
    let text = |path: &Path| path.display().to_string();
    let mut ours = vec![
        text(&binary),
        "run".into(),
        case.runbook.clone(),
        "--world".into(),
        text(&case.world),
    ];
    ours.extend(["--headless", "--exit-zero", "--output", "json"].map(String::from));
    ours.extend(case.expect.args.clone());
    let mut subjects = vec![subject("runbook", ours), subject("true", vec!["true".into()])];
    match sh::find("python3") {
        Some(python) => {
            let argv = vec![text(&python), "-c".into(), PEER.into(), text(&world.join("kube"))];
            subjects.push(subject("python json.loads", argv));
        }
        None => println!("no `python3` on this machine: no peer to compare with"),
    }
    for _ in 0..args.runs.max(1) {
        for subject in &mut subjects {
            subject.taken.push(spawn(&subject.argv)?);
        }
    }
    println!("{} on {}, {} runs each\n", case.runbook, case.name, args.runs.max(1));
    Ok(report(&subjects))
}

fn subject(name: &'static str, argv: Vec<String>) -> Subject {
    Subject {
        name,
        argv,
        taken: vec![],
    }
}

fn choose(wanted: Option<&str>) -> Result<Case> {
    let mut all = cases(&root().join("tests"))?.into_iter();
    let found = match wanted {
        Some(name) => all.find(|c| format!("{}/{}", c.runbook, c.name) == name),
        None => all.find(|c| !c.expect.first.is_empty()),
    };
    found.ok_or_else(|| {
        format!(
            "no case {} under tests/recordings",
            wanted.unwrap_or("that expects a cause")
        )
        .into()
    })
}

/// Builds as users run it, and asks cargo where the binary is.
fn build() -> Result<PathBuf> {
    let mut command = sh::cargo(&[
        "build",
        "--release",
        "--bin",
        "runbook",
        "--message-format",
        "json-render-diagnostics",
    ]);
    eprintln!("$ {}", sh::line(&command));
    let out = command.stderr(Stdio::inherit()).output()?;
    let lines = String::from_utf8_lossy(&out.stdout);
    let messages = lines
        .lines()
        .filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    let mut built = messages
        .filter(|m| m["target"]["name"] == "runbook")
        .filter_map(|m| m["executable"].as_str().map(PathBuf::from));
    built
        .next_back()
        .filter(|_| out.status.success())
        .ok_or_else(|| "`runbook` did not build".into())
}

/// The world as a folder, for the peer. Where an archive wraps everything into one folder, that folder.
fn unpack(world: &Path, into: &Path) -> Result<PathBuf> {
    if world.is_dir() {
        return Ok(world.into());
    }
    tar::Archive::new(zstd::Decoder::new(std::fs::File::open(world)?)?).unpack(into)?;
    let folders: Vec<PathBuf> = std::fs::read_dir(into)?.flatten().map(|e| e.path()).collect();
    match folders.as_slice() {
        [one] if one.is_dir() => Ok(one.clone()),
        _ => Ok(into.into()),
    }
}

/// Runs a program in a process of its own that does nothing else, so that "children" means this one.
fn spawn(argv: &[String]) -> Result<Taken> {
    let out = Command::new(std::env::current_exe()?)
        .arg("measure")
        .arg("--")
        .args(argv)
        .output()?;
    if !out.status.success() {
        return Err(format!("`{}` failed: {}", argv.join(" "), String::from_utf8_lossy(&out.stderr)).into());
    }
    Ok(serde_json::from_slice(&out.stdout)?)
}

/// The other side of [`spawn`]. Its own size is the least that can be seen as peak: the row of `true` shows it.
pub(crate) fn measure(argv: &[String]) -> Result<bool> {
    let (program, args) = argv.split_first().ok_or("no command")?;
    let began = Instant::now();
    let status = Command::new(program).args(args).stdout(Stdio::null()).status()?;
    let wall_ms = began.elapsed().as_secs_f64() * 1e3;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let ms = |time: TimeVal| time.num_microseconds() as f64 / 1e3;
    let cpu_ms = ms(usage.user_time()) + ms(usage.system_time());
    let taken = Taken {
        wall_ms,
        cpu_ms,
        peak_mb: usage.max_rss() as f64 / 1024.0,
    };
    println!("{}", serde_json::to_string(&taken)?);
    Ok(status.success())
}

/// Prints the table and the ratios.
fn report(subjects: &[Subject]) -> Vec<Row> {
    println!(
        "{:<18} {:>10} {:>24} {:>10} {:>10}",
        "", "wall ms", "min / max", "cpu ms", "peak MB"
    );
    for subject in subjects {
        let wall = |t: &Taken| t.wall_ms;
        let spread = format!("{:.1} / {:.1}", least(subject, wall), most(subject, wall));
        let (wall, cpu, peak) = medians(subject);
        println!(
            "{:<18} {wall:>10.1} {spread:>24} {cpu:>10.1} {peak:>10.1}",
            subject.name
        );
    }
    let Some((ours, others)) = subjects.split_first() else {
        return vec![];
    };
    let (wall, cpu, peak) = medians(ours);
    println!();
    for other in others {
        let (their_wall, _, their_peak) = medians(other);
        println!(
            "{}: {:.2} times its time, {:.2} times its memory",
            other.name,
            wall / their_wall,
            peak / their_peak
        );
    }
    vec![
        Row::limit("a recorded run: processor time", "s", cpu / 1e3, LIMIT_MS / 1e3),
        Row::limit("a recorded run: peak memory", "MB", peak, LIMIT_MB),
    ]
}

fn medians(subject: &Subject) -> (f64, f64, f64) {
    let median = |get: fn(&Taken) -> f64| {
        let mut values: Vec<f64> = subject.taken.iter().map(get).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    (median(|t| t.wall_ms), median(|t| t.cpu_ms), median(|t| t.peak_mb))
}

fn least(subject: &Subject, get: impl Fn(&Taken) -> f64) -> f64 {
    subject.taken.iter().map(get).fold(f64::INFINITY, f64::min)
}

fn most(subject: &Subject, get: impl Fn(&Taken) -> f64) -> f64 {
    subject.taken.iter().map(get).fold(0.0, f64::max)
}
