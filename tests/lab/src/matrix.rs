//! Fault × transport: does the runbook name what was done to the cluster, live, and does its recording say the same?

use crate::{
    Result,
    faults::{self, Fault},
    lab::{Lab, text},
    state,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

const TRANSPORTS: [&str; 2] = ["exec", "ssh"];

struct Row {
    fault: &'static str,
    runbook: &'static str,
    transport: &'static str,
    cause: String,
    seconds: f64,
    wrong: Vec<String>,
}

/// Runs all faults whose name or runbook holds `filter`; says whether all was as it should be.
pub fn run(lab: &Lab, filter: &str) -> Result<bool> {
    let known = runbooks()?;
    let wanted = |f: &&Fault| f.name.contains(filter) || f.runbook.contains(filter);
    let (faults, later): (Vec<_>, Vec<_>) = faults::all().filter(wanted).partition(|f| known.contains(f.runbook));
    if faults.is_empty() {
        return Err("no such fault: nothing was tested".into());
    }
    let mut rows = vec![];
    println!(
        "{:32} {:18} {:9} {:38} {:>7}  result",
        "fault", "runbook", "transport", "first cause", "seconds"
    );
    for fault in &faults {
        let started = Instant::now();
        let of_fault = run_one(lab, fault)?;
        of_fault.iter().for_each(tell);
        eprintln!(
            "{}: {:.0} s with making and healing",
            fault.name,
            started.elapsed().as_secs_f64()
        );
        rows.extend(of_fault);
    }
    for fault in &later {
        println!(
            "not run: {} needs the runbook {}, which is not there",
            fault.name, fault.runbook
        );
    }
    let ok = rows.iter().filter(|r| r.wrong.is_empty()).count();
    println!(
        "\nlive matrix: {ok} of {} runs as expected, {} faults",
        rows.len(),
        faults.len()
    );
    Ok(ok == rows.len() && later.is_empty())
}

fn run_one(lab: &Lab, fault: &'static Fault) -> Result<Vec<Row>> {
    let row = |transport, cause: &str, seconds, wrong| Row {
        fault: fault.name,
        runbook: fault.runbook,
        transport,
        cause: cause.into(),
        seconds,
        wrong,
    };
    let mut rows = vec![];
    match fault.start(lab) {
        Ok(()) => {
            let args = fault.arguments(lab)?;
            for transport in TRANSPORTS {
                let started = Instant::now();
                let judged = live(
                    fault,
                    &args,
                    transport,
                    &state::dir().join(format!("{transport}.tar.zst")),
                );
                let seconds = started.elapsed().as_secs_f64();
                rows.push(match judged {
                    Ok((cause, wrong)) => row(transport, &cause, seconds, wrong),
                    Err(e) => row(transport, "-", seconds, vec![e.to_string()]),
                });
            }
        }
        Err(e) => rows.push(row("-", "-", 0.0, vec![format!("it could not be made: {e}")])),
    }
    if let Err(e) = fault.end(lab) {
        rows.push(row("-", "-", 0.0, vec![format!("it did not heal: {e}")]));
        // The next fault must not be blamed for this one.
        crate::lab::down()?;
        Lab::up()?;
    }
    Ok(rows)
}

/// Runs the runbook live and records, replays, and hands back the first cause and what is wrong.
fn live(fault: &Fault, args: &[String], transport: &str, recording: &Path) -> Result<(String, Vec<String>)> {
    let _ = fs::remove_file(recording);
    let mut run = runbook(&["run", fault.runbook]);
    run.args(args)
        .args(live_flags(transport))
        .arg("--record")
        .arg(recording);
    let result = result_of(&mut run)?;
    let mut replay = runbook(&["run", fault.runbook]);
    replay.args(args).args(["--allow", "probe", "--world"]).arg(recording);
    let replayed = result_of(&mut replay)?;
    let mut wrong = judge(fault, transport, &result);
    if said(&result) != said(&replayed) {
        wrong.push(format!(
            "the replay says {:?}, the live run {:?}",
            said(&replayed),
            said(&result)
        ));
    }
    if transport == "exec" {
        wrong.extend(others(fault, args, recording)?);
    }
    let first = &result["causes"][0];
    let cause = if first.is_null() {
        text(&result["verdict"])
    } else {
        format!("{} {}", text(&first["code"]), text(&first["certainty"]))
    };
    Ok((cause, wrong))
}

/// What other runbooks call proven on that recording, and is not so. It holds little for them: most stay open.
fn others(fault: &Fault, args: &[String], recording: &Path) -> Result<Vec<String>> {
    let pair = args.iter().take(4).cloned().collect::<Vec<_>>();
    let is_pair = pair.first().is_some_and(|a| a == "--src") && pair.get(2).is_some_and(|a| a == "--dst");
    let with_pair = ["pod-connectivity", "pod-cross-node", "net-latency", "net-throughput"];
    let alone = ["bgp-peer-down", "check-cluster", "check-pod-network", "check-policy"];
    let all = with_pair.iter().filter(|_| is_pair).map(|name| (name, &pair[..]));
    let all = all.chain(alone.iter().map(|name| (name, &[][..])));
    let known = runbooks()?;
    let mut wrong = vec![];
    for (name, args) in all.filter(|(name, _)| **name != fault.runbook && known.contains(**name)) {
        let result = result_of(runbook(&["run", name]).args(args).arg("--world").arg(recording))?;
        wrong.extend(
            wrong_certainties(fault, &result).map(|code| format!("{name} on the recording: wrong certainty: {code}")),
        );
    }
    Ok(wrong)
}

/// Codes that are called proven and were not made.
fn wrong_certainties<'a>(fault: &'a Fault, result: &'a Value) -> impl Iterator<Item = String> + 'a {
    let findings = result["findings"].as_array().into_iter().flatten();
    let proven = findings
        .filter(|f| f["certainty"] == "proven")
        .map(|f| text(&f["code"]));
    proven.filter(|code| !fault.first.contains(&code.as_str()) && !fault.also.contains(&code.as_str()))
}

fn live_flags(transport: &str) -> Vec<String> {
    let kubeconfig = state::path("pki/probe.kubeconfig");
    let config = state::path("ssh_config");
    [
        "--kubeconfig",
        &kubeconfig,
        "--ssh-config",
        &config,
        "--via",
        transport,
        "--allow",
        "probe",
    ]
    .map(String::from)
    .to_vec()
}

fn judge(fault: &Fault, transport: &str, result: &Value) -> Vec<String> {
    let mut wrong = vec![];
    let code = text(&result["causes"][0]["code"]);
    if fault.first.is_empty() {
        if result["verdict"] != "healthy" {
            wrong.push(format!("a healthy cluster is called {}", text(&result["verdict"])));
        }
    } else if fault.blind.contains(&transport) {
        if result["verdict"] == "healthy" {
            wrong.push("what cannot be seen is called healthy".into());
        }
    } else if !fault.first.contains(&code.as_str()) {
        wrong.push(format!("expected {}, said `{code}`", fault.first.join(" or ")));
    }
    wrong.extend(wrong_certainties(fault, result).map(|code| format!("wrong certainty: {code}")));
    let open = result["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|s| s["status"] == "inconclusive");
    if !wrong.is_empty() {
        wrong.extend(open.map(|s| format!("open: {}: {}", text(&s["id"]), text(&s["reason"]))));
    }
    wrong
}

/// What a replay has to say as well: codes with their certainty.
fn said(result: &Value) -> BTreeSet<(String, String)> {
    let all = result["causes"].as_array().into_iter().flatten();
    all.map(|c| (text(&c["code"]), text(&c["certainty"]))).collect()
}

/// The binary beside this one, or the one that `RUNBOOK` names.
pub fn runbook(args: &[&str]) -> Command {
    let beside = || std::env::current_exe().ok().map(|p| p.with_file_name("runbook"));
    let program = std::env::var_os("RUNBOOK")
        .map(PathBuf::from)
        .or_else(beside)
        .unwrap_or_else(|| "runbook".into());
    let mut command = Command::new(program);
    command.args(args).env("LC_ALL", "C.UTF-8");
    command
}

fn result_of(command: &mut Command) -> Result<Value> {
    let out = command
        .args(["--headless", "--journal", "none", "--output", "json"])
        .output()?;
    serde_json::from_slice(&out.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&out.stderr);
        format!("no result: {} {}", out.status, said.trim()).into()
    })
}

fn runbooks() -> Result<BTreeSet<String>> {
    let out = runbook(&["list", "--output", "json"])
        .output()
        .map_err(|e| format!("cannot run runbook: {e}"))?;
    let list: Value = serde_json::from_slice(&out.stdout)?;
    let all = list
        .as_array()
        .or_else(|| list["runbooks"].as_array())
        .cloned()
        .unwrap_or_default();
    Ok(all.iter().map(|r| text(&r["name"])).collect())
}

fn tell(row: &Row) {
    let word = if row.wrong.is_empty() { "ok" } else { "WRONG" };
    println!(
        "{:32} {:18} {:9} {:38} {:7.1}  {word}",
        row.fault, row.runbook, row.transport, row.cause, row.seconds
    );
    row.wrong.iter().for_each(|w| println!("    {w}"));
}

/// A case for `tests/recordings`, and its world, from a live run.
pub fn record(lab: &Lab, fault: &'static Fault, folder: &Path) -> Result<bool> {
    let case = folder.join(fault.runbook).join(fault.name);
    fs::create_dir_all(&case)?;
    fault.start(lab)?;
    let args = fault.arguments(lab)?;
    let mut record = runbook(&["record", fault.runbook]);
    record
        .args(&args)
        .args(live_flags("exec"))
        .arg("--to")
        .arg(folder.join(format!("{}.tar.zst", fault.name)));
    let recorded = record.args(["--headless", "--journal", "none"]).output();
    fault.end(lab)?;
    let out = recorded?;
    if out.status.code().is_none_or(|code| !matches!(code, 0 | 1 | 5 | 6)) {
        return Err(format!("nothing was recorded: {}", String::from_utf8_lossy(&out.stderr)).into());
    }
    let list = |words: &[String]| serde_json::to_string(words).unwrap_or_default();
    let codes = |codes: &[&str]| list(&codes.iter().map(|c| c.to_string()).collect::<Vec<_>>());
    let versions = "Kubernetes 1.34.2, Calico 3.28.5, BIRD 1.6.8";
    let expect = format!(
        "# Recorded from the lab ({versions}). What was made: {}.\nworld = \"{}\"\nargs = {}\nfirst = {}\nalso = {}\n",
        fault.what,
        fault.name,
        list(&args),
        codes(fault.first),
        codes(fault.also)
    );
    fs::write(case.join("expect.toml"), expect)?;
    Ok(true)
}
