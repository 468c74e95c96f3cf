use super::Job;
use memchr::memmem::Finder;
use runbook_core::Output;
use std::collections::BTreeSet;

/// Kept of one command's stderr.
const STDERR_LIMIT: u64 = 256 * 1024;
/// A mark is a short line; a longer one is not ours.
const MARK_LIMIT: usize = 256;

/// One form that ran to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) form: usize,
    pub(crate) output: Output,
    pub(crate) took_ms: u64,
}

/// What came of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The answer, and the forms that were tried before it.
    Whole { run: Run, in_vain: Vec<(usize, String)> },
    /// None of the programs is there.
    Missing,
    /// The remote bound (in seconds) struck.
    TimedOut { seconds: u64 },
    /// The batch had no time left when its turn came.
    NoTimeLeft,
    /// No end came in band.
    Cut { begun: bool },
}

/// Takes the two streams apart as they come.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) out: Stream,
    pub(crate) err: Stream,
}

impl Collector {
    pub(crate) fn new(word: &str, limit: u64) -> Self {
        Collector {
            out: Stream::new(word, limit),
            err: Stream::new(word, STDERR_LIMIT),
        }
    }

    /// Both streams came to their last mark.
    pub(crate) fn is_done(&self) -> bool {
        self.out.ended && self.err.ended
    }

    /// How the remote side bounds commands in time; `None` when it cannot, or when it never spoke.
    pub(crate) fn wrapper(&self) -> Option<&str> {
        let header = self.out.header.as_deref()?;
        let wrap = header.strip_prefix("w=")?.split(';').next()?;
        (!wrap.is_empty()).then_some(wrap)
    }

    pub(crate) fn finish(mut self, jobs: &[Job]) -> Vec<Found> {
        (0..jobs.len()).map(|q| self.found(q)).collect()
    }

    fn found(&mut self, q: usize) -> Found {
        let done = self.out.done.contains(&q) && self.err.done.contains(&q);
        let mut of_q: Vec<Section> = vec![];
        let mut at = 0;
        while at < self.out.sections.len() {
            if self.out.sections[at].q == q {
                of_q.push(self.out.sections.remove(at));
            } else {
                at += 1;
            }
        }
        if !done {
            return Found::Cut {
                begun: !of_q.is_empty(),
            };
        }
        let mut in_vain = vec![];
        let mut runs: Vec<Run> = vec![];
        for section in of_q {
            let form = section.f;
            match section.end {
                End::Missing => in_vain.push((form, "no such program".to_string())),
                End::Skipped => return Found::NoTimeLeft,
                End::Open => return Found::Cut { begun: true },
                End::Exit(ref end) if end.timed_out() => return Found::TimedOut { seconds: end.bound_s },
                End::Exit(end) => runs.push(Run {
                    form,
                    took_ms: end.took_ms,
                    output: Output {
                        exit: end.exit,
                        cut_bytes: section.cut + end.cut,
                        stdout: section.data.into(),
                        stderr: self.err.take(q, form).into(),
                    },
                }),
            }
        }
        let best = [|exit: i32| exit == 0, |exit| exit != 126 && exit != 127, |_| true]
            .iter()
            .find_map(|good| runs.iter().position(|r| good(r.output.exit)));
        let Some(best) = best else {
            return Found::Missing;
        };
        let run = runs.remove(best);
        in_vain.extend(runs.iter().map(|r| (r.form, failed_text(&r.output))));
        in_vain.sort();
        Found::Whole { run, in_vain }
    }
}

/// `exit 255: Object "route" is unknown`
fn failed_text(output: &Output) -> String {
    let stderr = output.stderr.text();
    match stderr.lines().find(|l| !l.trim().is_empty()) {
        Some(line) => format!("exit {}: {}", output.exit, super::super::text::clean(line, 120)),
        None => format!("exit {}", output.exit),
    }
}

#[derive(Debug)]
struct Section {
    q: usize,
    f: usize,
    data: Vec<u8>,
    cut: u64,
    end: End,
}

#[derive(Debug)]
enum End {
    Open,
    Missing,
    Skipped,
    Exit(ExitMark),
}

#[derive(Debug, Default)]
struct ExitMark {
    bound_s: u64,
    took_ms: u64,
    exit: i32,
    cut: u64,
}

impl ExitMark {
    fn parse(words: &mut dyn Iterator<Item = &str>) -> ExitMark {
        let mut mark = ExitMark::default();
        for word in words {
            match word.split_once('=') {
                Some(("t", v)) => mark.bound_s = v.parse().unwrap_or(0),
                Some(("ms", v)) => mark.took_ms = v.parse().unwrap_or(0),
                Some(("r", v)) => mark.exit = v.parse().unwrap_or(-1),
                Some(("c", v)) => mark.cut = v.parse().unwrap_or(0),
                _ => {}
            }
        }
        mark
    }

    /// A program may itself exit 124, 137 or 143: the time tells. The coarser clock ticks in 10 ms; without any, 124 is
    /// taken at its word.
    fn timed_out(&self) -> bool {
        let late = self.took_ms + 50 >= self.bound_s * 1000;
        matches!(self.exit, 124 | 137 | 143) && (late || self.exit == 124 && self.took_ms == 0)
    }
}

/// One of the two streams.
#[derive(Debug)]
pub(crate) struct Stream {
    needle: Finder<'static>,
    /// Not looked at to its end yet: may hold the beginning of a mark.
    pending: Vec<u8>,
    sections: Vec<Section>,
    limit: u64,
    done: BTreeSet<usize>,
    header: Option<String>,
    ended: bool,
    /// Something came from the shell that we started.
    started: bool,
    /// What came before the first mark: the words of a login shell, or of a runtime that could not start one.
    noise: Vec<u8>,
}

impl Stream {
    fn new(word: &str, limit: u64) -> Self {
        Stream {
            needle: Finder::new(&format!("\n{word} ")).into_owned(),
            pending: vec![],
            sections: vec![],
            limit,
            done: BTreeSet::new(),
            header: None,
            ended: false,
            started: false,
            noise: vec![],
        }
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn noise(&self) -> String {
        String::from_utf8_lossy(&self.noise).into_owned()
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(at) = self.needle.find(&pending[from..]).map(|at| at + from) {
            let line = at + self.needle.needle().len();
            let window = &pending[line..pending.len().min(line + MARK_LIMIT)];
            let Some(length) = window.iter().position(|b| *b == b'\n') else {
                self.keep(&pending[from..at]);
                from = at;
                break;
            };
            self.keep(&pending[from..at]);
            let mark = String::from_utf8_lossy(&pending[line..line + length]).into_owned();
            self.mark(&mark);
            from = line + length + 1;
        }
        // The tail may be the first half of a mark; a whole needle at `from` waits for the end of its line.
        let hold = self.needle.needle().len() - 1;
        if pending.len() - from > hold && !pending[from..].starts_with(self.needle.needle()) {
            let until = pending.len() - hold;
            self.keep(&pending[from..until]);
            from = until;
        }
        pending.drain(..from);
        self.pending = pending;
    }

    /// The stream is over. What is pending belongs to a command that did not end.
    pub(crate) fn close(&mut self) {
        let rest = std::mem::take(&mut self.pending);
        self.keep(&rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if !self.started {
            let room = 4096usize.saturating_sub(self.noise.len());
            self.noise.extend_from_slice(&bytes[..bytes.len().min(room)]);
            return;
        }
        let Some(section) = self.sections.last_mut().filter(|s| matches!(s.end, End::Open)) else {
            return;
        };
        let room = self
            .limit
            .saturating_sub(section.data.len() as u64)
            .min(bytes.len() as u64) as usize;
        section.data.extend_from_slice(&bytes[..room]);
        section.cut += (bytes.len() - room) as u64;
    }

    fn mark(&mut self, line: &str) {
        self.started = true;
        let mut words = line.split(' ').filter(|w| !w.is_empty());
        let kind = words.next().unwrap_or_default();
        if kind == "H" {
            self.header = line.strip_prefix("H ").map(String::from);
            return;
        }
        let mut number = || words.next().and_then(|w| w.parse::<usize>().ok());
        match (kind, number()) {
            ("Z", _) => self.ended = true,
            ("D", Some(q)) => {
                self.done.insert(q);
            }
            ("B" | "M" | "S", Some(q)) => {
                let Some(f) = number() else { return };
                let end = match kind {
                    "B" => End::Open,
                    "M" => End::Missing,
                    _ => End::Skipped,
                };
                self.sections.push(Section {
                    q,
                    f,
                    data: vec![],
                    cut: 0,
                    end,
                });
            }
            ("E", Some(q)) => {
                let f = number();
                if let Some(last) = self.sections.last_mut().filter(|s| s.q == q && Some(s.f) == f) {
                    last.end = End::Exit(ExitMark::parse(&mut words));
                }
            }
            _ => {}
        }
    }

    /// The bytes of one command on this stream.
    fn take(&mut self, q: usize, f: usize) -> Vec<u8> {
        let Some(section) = self.sections.iter_mut().find(|s| s.q == q && s.f == f) else {
            return vec![];
        };
        let mut data = std::mem::take(&mut section.data);
        if section.cut > 0 {
            data.extend_from_slice(format!("\n[{} more bytes of stderr were not kept]\n", section.cut).as_bytes());
        }
        data
    }
}
