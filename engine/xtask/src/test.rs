//! Everything: what the README and CI call.

use crate::{check, matrix, needs, sh};
use runbook_cases::{foreign_table, table};
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};
use xtask::Result;

/// The matrix is a test as well, for those who run `cargo test`; here it has a part of its own.
const MATRIX_TEST: &str = "every_runbook_says_what_is_true";

/// How long the parsers are fed with what nobody prints, all together; `FUZZ_SECONDS` says otherwise.
const FUZZ_SECONDS: &str = "60";

pub(crate) fn run(yes: bool, lab: bool) -> Result<bool> {
    let mut summary = Summary::default();
    let missing = needs::provide(yes, lab)?;
    for check in check::all()? {
        summary.count(check.name, check.passed);
    }
    cargo_test(&mut summary)?;
    run_matrix(&mut summary);
    if lab {
        live_lab(&mut summary);
    } else {
        // It builds Kubernetes and Calico, which takes longer than everything else together.
        summary
            .lines
            .push("left out the live lab: `cargo xtask test --lab` runs it too".into());
    }
    for what in missing {
        summary.not_run(format!("missing {what}"));
    }
    if let Some(why) = needs::no_namespaces() {
        summary.not_run(format!("nodes in network namespaces: {why}"));
    }
    Ok(summary.close())
}

#[derive(Default)]
struct Summary {
    lines: Vec<String>,
    passed: usize,
    failed: usize,
    not_run: Vec<String>,
}

impl Summary {
    fn count(&mut self, name: &str, passed: bool) {
        *(if passed { &mut self.passed } else { &mut self.failed }) += 1;
        self.lines
            .push(format!("{} {name}", if passed { "passed " } else { "FAILED " }));
    }

    fn not_run(&mut self, what: String) {
        if !self.not_run.contains(&what) {
            self.not_run.push(what);
        }
    }

    /// Under CI what could not run is a failure: nobody would read that it was left out.
    fn close(mut self) -> bool {
        println!("\nsummary");
        self.lines.iter().for_each(|line| println!("  {line}"));
        self.not_run.iter().for_each(|what| println!("  not run {what}"));
        if sh::is_ci() {
            self.failed += self.not_run.len();
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

/// Real Kubernetes and real Calico, where this machine can have them.
fn live_lab(summary: &mut Summary) {
    if let Err(why) = runbook_lab::can_run() {
        return summary.not_run(format!("the live lab: {why}; then `cargo xtask lab matrix`"));
    }
    println!("\nlive lab: every fault, over exec and over ssh");
    let built = sh::run(&mut sh::cargo(&["build", "--quiet", "--workspace", "--bins"]));
    match built.and_then(|_| runbook_lab::test()) {
        Ok(parts) => parts.into_iter().for_each(|(name, passed)| summary.count(name, passed)),
        Err(error) => {
            eprintln!("error: {error}");
            summary.count("lab", false);
        }
    }
}

fn run_matrix(summary: &mut Summary) {
    println!("\nmatrix: every runbook on every recorded world");
    let (own, others) = match matrix::judge("", false) {
        Ok(judged) => judged,
        Err(error) => {
            eprintln!("error: {error}");
            return summary.count("matrix", false);
        }
    };
    print!("{}\n{}", table(&own), foreign_table(&others));
    for (what, judged) in [("cases", own), ("runs on others' worlds", others)] {
        let ok = judged.iter().filter(|j| j.is_ok()).count();
        let failed = judged.len() - ok + usize::from(judged.is_empty());
        summary.passed += ok;
        summary.failed += failed;
        let line = format!("{} matrix: {ok} of {} {what}", word(failed == 0), judged.len());
        summary.lines.push(line);
    }
}

fn word(passed: bool) -> &'static str {
    if passed { "passed " } else { "FAILED " }
}

/// Runs all tests of the workspace, shows what is not plain success, and counts.
fn cargo_test(summary: &mut Summary) -> Result<()> {
    let args = [
        "test",
        "--workspace",
        "--no-fail-fast",
        "--",
        "--show-output",
        "--skip",
        MATRIX_TEST,
    ];
    let mut command = sh::cargo(&args);
    if std::env::var_os("FUZZ_SECONDS").is_none() {
        command.env("FUZZ_SECONDS", FUZZ_SECONDS);
    }
    eprintln!("$ {}", sh::line(&command));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot run cargo: {e}"))?;
    let mut reader = Reader::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            if let Some(shown) = reader.line(&String::from_utf8_lossy(&line?)) {
                println!("{shown}");
            }
        }
    }
    let success = child.wait()?.success();
    let Reader {
        passed,
        failed,
        ignored,
        skipped,
        fuzz,
        ..
    } = reader;
    // Tests that do not build, or die, have no line of their own.
    let lost = !success && failed == 0;
    let why = if lost { ", some do not build or did not end" } else { "" };
    let failed = failed + usize::from(lost);
    summary.passed += passed;
    summary.failed += failed;
    summary.lines.push(format!(
        "{} tests: {passed} passed, {failed} failed{why}",
        word(failed == 0)
    ));
    match fuzz {
        Some(what) => summary.lines.push(format!("{} fuzz: {what}", word(true))),
        None => summary.count("fuzz: it did not end", false),
    }
    if ignored > 0 {
        summary
            .lines
            .push(format!("not run {ignored} tests that are marked to be ignored"));
    }
    skipped.into_iter().for_each(|what| summary.not_run(what));
    Ok(())
}

/// Reads what libtest prints. A test that cannot run on this machine prints `skipped: why` and passes, but under CI
/// it fails.
#[derive(Default)]
struct Reader {
    passed: usize,
    failed: usize,
    ignored: usize,
    skipped: Vec<String>,
    /// What the search for inputs that break a parser came to.
    fuzz: Option<String>,
    /// Inside the outputs of tests that passed.
    successes: bool,
    test: String,
}

impl Reader {
    /// Takes a line in; hands it back where a person should see it.
    fn line<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.successes = false;
            let count = |word: &str| {
                let mut parts = counts.split(['.', ';']).map(str::trim);
                parts
                    .find_map(|p| p.strip_suffix(word)?.trim().parse::<usize>().ok())
                    .unwrap_or_default()
            };
            self.passed += count("passed");
            self.failed += count("failed");
            self.ignored += count("ignored");
            return (count("passed") + count("failed") > 0).then_some(line);
        }
        if let Some(what) = line.strip_prefix("skipped: ") {
            self.skipped.push(format!("{}: {what}", self.test));
            return Some(line);
        }
        if let Some(what) = line.strip_prefix("fuzz: ") {
            self.fuzz = Some(what.into());
            return Some(line);
        }
        if let Some(test) = line.strip_prefix("---- ").and_then(|l| l.strip_suffix(" stdout ----")) {
            self.test = test.into();
        }
        match line {
            "successes:" => self.successes = true,
            "failures:" => self.successes = false,
            _ => {}
        }
        let quiet = self.successes
            || line.is_empty()
            || line.starts_with("running ")
            || (line.starts_with("test ") && (line.ends_with(" ... ok") || line.contains(" ... ignored")));
        (!quiet).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    #[test]
    fn counts_come_from_what_libtest_prints() {
        let output = "\nrunning 3 tests\ntest a ... ok\ntest b ... FAILED\ntest c ... ignored, slow\n\nsuccesses:\n\n\
                      ---- a stdout ----\nskipped: no `sshd` on this machine\nfuzz: 9 inputs\n\n\nsuccesses:\n    a\n\nfailures:\n\n\
                      ---- b stdout ----\nthread 'b' panicked\n\nfailures:\n    b\n\n\
                      test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                      test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let mut reader = Reader::default();
        let shown: Vec<&str> = output.lines().filter_map(|l| reader.line(l)).collect();
        assert_eq!((reader.passed, reader.failed, reader.ignored), (41, 1, 1));
        assert_eq!(reader.skipped, ["a: no `sshd` on this machine"]);
        assert_eq!(reader.fuzz.as_deref(), Some("9 inputs"));
        assert!(
            shown.contains(&"thread 'b' panicked") && shown.contains(&"test b ... FAILED"),
            "{shown:?}"
        );
        assert!(
            !shown.contains(&"test a ... ok") && !shown.contains(&"    a"),
            "{shown:?}"
        );
    }
}
