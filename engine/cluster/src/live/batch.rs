//! The commands for one target: what is still unanswered, and what was tried for it in vain.

use super::frame::{Found, Job};
use jiff::Timestamp;
use runbook_core::{Answer, Attempt, CommandQuestion, Effect, Failure, Outcome, Via};
use std::time::{Duration, Instant};

/// One question on its way down the ladder.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    /// Its place among the questions that were asked.
    pub(crate) index: usize,
    pub(crate) question: &'a CommandQuestion,
    attempts: Vec<Attempt>,
    /// The best that there is if no later rung does better.
    fallback: Option<Answer>,
    /// Not to be asked again: it is answered, or it may have had its effect.
    settled: bool,
}

impl Item<'_> {
    /// What was the best so far becomes something that was tried in vain.
    fn give_way(&mut self) {
        let Some(old) = self.fallback.take() else { return };
        let why = match old.outcome {
            Outcome::Failed(failure) => failure.to_string(),
            Outcome::Output(output) => format!("exit {}", output.exit),
            Outcome::Body(_) | Outcome::Time(_) => return,
        };
        self.attempts.push(Attempt { via: old.via, why });
    }
}

#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) items: Vec<Item<'a>>,
    pub(crate) at: Timestamp,
    started: Instant,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(questions: impl Iterator<Item = (usize, &'a CommandQuestion)>) -> Self {
        let item = |(index, question)| Item {
            index,
            question,
            attempts: vec![],
            fallback: None,
            settled: false,
        };
        Batch {
            items: questions.map(item).collect(),
            at: Timestamp::now(),
            started: Instant::now(),
        }
    }

    pub(crate) fn open(&self) -> Vec<usize> {
        (0..self.items.len()).filter(|i| !self.items[*i].settled).collect()
    }

    /// For the open ones, in order. No command gets more time than is left.
    pub(crate) fn jobs(&self, open: &[usize], left: Duration) -> Vec<Job> {
        let job = |i: &usize| Job {
            forms: self.items[*i].question.forms.clone(),
            timeout: self.items[*i].question.timeout.min(left),
            aside: self.items[*i].question.effect == Effect::Probe,
        };
        open.iter().map(job).collect()
    }

    /// The rung as a whole did not work for any of the open questions.
    pub(crate) fn rung_failed(&mut self, via: Via, failure: &Failure) {
        for i in self.open() {
            self.failed(i, via, failure.clone());
        }
    }

    /// Takes over what a rung found. `trouble`: why the rung ended early, for those without an answer.
    pub(crate) fn take(
        &mut self,
        open: &[usize],
        via: Via,
        found: Vec<Found>,
        trouble: Option<&Failure>,
        note: Option<&str>,
    ) {
        for (i, found) in open.iter().zip(found) {
            let item = &mut self.items[*i];
            item.attempts.extend(note.map(|note| Attempt { via, why: note.into() }));
            match found {
                Found::Whole { run, in_vain } => {
                    item.give_way();
                    let text = |(form, why): (usize, String)| {
                        let program = item.question.forms[form].join(" ");
                        let why = format!("`{}`: {why}", super::text::clean(&program, 120));
                        Attempt { via, why }
                    };
                    item.attempts.extend(in_vain.into_iter().map(text));
                    let unusable = matches!(run.output.exit, 126 | 127);
                    let mut answer = Answer::new(Outcome::Output(run.output), via, self.at);
                    answer.duration_ms = run.took_ms;
                    answer.argv = item.question.forms.get(run.form).cloned();
                    item.fallback = Some(answer);
                    // A program that is there and cannot run, as with a missing library: another rung may do better.
                    item.settled = !unusable;
                }
                Found::Missing => {
                    let mut programs: Vec<&str> = item.question.forms.iter().map(|f| f[0].as_str()).collect();
                    programs.dedup();
                    let failure = Failure::ToolMissing(programs.join(", "));
                    self.failed(*i, via, failure);
                }
                // It ran there and took too long; it would elsewhere.
                Found::TimedOut { seconds } => {
                    self.failed(*i, via, Failure::TimedOut(format!("{seconds} s on the other side")));
                    self.items[*i].settled = true;
                }
                Found::NoTimeLeft => {
                    self.failed(
                        *i,
                        via,
                        Failure::TimedOut("the time of the batch; its turn never came".into()),
                    );
                    self.items[*i].settled = true;
                }
                Found::Cut { begun } => {
                    let failure = match trouble {
                        Some(trouble) => trouble.clone(),
                        None => Failure::Incomplete("no end mark".into()),
                    };
                    // Whether a command that was begun had its effect is not known; asked twice it may have it twice.
                    let once = begun && item.question.effect == Effect::Write;
                    self.failed(*i, via, failure);
                    self.items[*i].settled = once;
                }
            }
        }
    }

    fn failed(&mut self, i: usize, via: Via, failure: Failure) {
        let took = self.started.elapsed().as_millis() as u64;
        let item = &mut self.items[i];
        let better = match item.fallback.as_ref().map(|a| &a.outcome) {
            None => true,
            Some(Outcome::Failed(old)) => telling(&failure) > telling(old),
            Some(_) => false,
        };
        if !better {
            let why = failure.to_string();
            item.attempts.push(Attempt { via, why });
            return;
        }
        item.give_way();
        let mut answer = Answer::failed(failure, via, self.at);
        answer.duration_ms = took;
        item.fallback = Some(answer);
    }

    /// The answers, each with its place.
    pub(crate) fn answers(self) -> Vec<(usize, Answer)> {
        let at = self.at;
        let answer = |item: Item<'_>| {
            let nobody = || Answer::failed(Failure::Other("no way leads there".into()), Via::Local, at);
            let mut answer = item.fallback.unwrap_or_else(nobody);
            answer.attempts = item.attempts;
            (item.index, answer)
        };
        self.items.into_iter().map(answer).collect()
    }
}

/// Of several rungs that failed, which failure says most? That it ran and was cut, before that nobody could be reached.
fn telling(failure: &Failure) -> u8 {
    match failure {
        Failure::Incomplete(_) => 7,
        Failure::ToolMissing(what) if what.starts_with("`ssh`") => 0,
        Failure::ToolMissing(_) => 6,
        Failure::HostKey(_) => 5,
        Failure::Denied(_) => 4,
        Failure::TimedOut(_) => 3,
        Failure::Server(_) => 2,
        Failure::NotFound(_) | Failure::Unreachable(_) => 1,
        _ => 0,
    }
}
