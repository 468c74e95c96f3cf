//! Processes that stand for programs on a node or in a pod: found by a mark in their environment, so that none is
//! missed, whatever session or group it moved to.

use std::{fs, path::PathBuf};

pub(crate) const MARK: &str = "RUNBOOK_TESTKIT_RUN";

/// Marks of two runs never agree, in one process or in two.
pub(crate) fn new_mark() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The processes of a run that are still there: pid and argv.
pub(crate) fn of_run(mark: &str) -> Vec<(i32, Vec<String>)> {
    let wanted = format!("{MARK}={mark}");
    let mut found = vec![];
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let has_mark = |env: Vec<u8>| env.split(|b| *b == 0).any(|v| v == wanted.as_bytes());
        if fs::read(entry.path().join("environ")).is_ok_and(has_mark) {
            found.push((pid, argv(&entry.path())));
        }
    }
    found
}

fn argv(proc: &std::path::Path) -> Vec<String> {
    let line = fs::read(PathBuf::from(proc).join("cmdline")).unwrap_or_default();
    let mut words: Vec<_> = line.split(|b| *b == 0).collect();
    words.pop();
    words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect()
}

pub(crate) fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        // It may be gone already.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Ends all processes of a run, and what they start while we look.
pub(crate) fn end_run(mark: &str) {
    for _ in 0..20 {
        let left = of_run(mark);
        if left.iter().all(|(pid, _)| *pid == std::process::id() as i32) {
            return;
        }
        left.iter().for_each(|(pid, _)| kill(*pid));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
