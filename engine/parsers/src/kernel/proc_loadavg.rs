//! `/proc/loadavg`: how many want to run.

use crate::ParseError;
use crate::text::{clean, lines};
use serde::Serialize;

/// Average number of tasks that run, wait to run or wait for a disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LoadAverage {
    pub load_1m: f64,
    pub load_5m: f64,
    pub load_15m: f64,
    /// Tasks that can run now.
    pub runnable: u64,
    pub tasks: u64,
    pub last_pid: u64,
}

/// Reads `/proc/loadavg`.
///
/// Shape: [`LoadAverage`]. It is the whole machine's, in a container too.
pub fn parse(text: &str) -> Result<LoadAverage, ParseError> {
    let text = clean(text);
    let line = lines(&text)
        .next()
        .ok_or_else(|| ParseError::new(1, "", "`N N N RUNNABLE/TASKS PID`"))?;
    let mut words = line.words();
    let mut found = LoadAverage {
        load_1m: words.number("the load of 1 minute")?,
        load_5m: words.number("the load of 5 minutes")?,
        load_15m: words.number("the load of 15 minutes")?,
        ..LoadAverage::default()
    };
    let tasks = words.value("the loads")?;
    let (runnable, tasks) = tasks.split_once('/').ok_or_else(|| line.error("`RUNNABLE/TASKS`"))?;
    found.runnable = line.number(runnable, "runnable tasks")?;
    found.tasks = line.number(tasks, "tasks")?;
    found.last_pid = words.number("the last PID")?;
    Ok(found)
}
