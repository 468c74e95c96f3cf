//! Recorded worlds: recording, snapshot and journal, one behaviour.
//!
//! Complete lists answer any selector, commands answer what was asked, and a probe answers every probe of the same
//! meaning. Anything else is [`Failure::NotRecorded`]: a record never invents.

mod api;
mod archive;
mod index;
mod long;
mod meaning;
mod select;

pub use archive::{Files, OpenError};
pub(crate) use index::{Capture, FORMAT, Index, Request};

use api::ApiPath;
pub(crate) use api::{list_file, log_path};
use index::Stored;
use jiff::Timestamp;
use meaning::Meaning;
use runbook_core::{
    Answer, ApiGet, Argv, AskContext, AskFuture, CommandQuestion, Failure, LogQuestion, Outcome, Output, Question, Raw,
    Target, Via, World, WorldInfo,
};
use std::{collections::HashMap, path::Path};

/// A stored world, held open.
#[derive(Debug)]
pub struct Record {
    info: WorldInfo,
    files: Files,
    clock: Timestamp,
    commands: HashMap<(Target, Argv), Stored>,
    /// The same commands by what they mean, for probes.
    meanings: HashMap<(Target, Meaning), (Target, Argv)>,
    requests: HashMap<String, Stored>,
    lists: api::Lists,
}

impl Record {
    /// Opens a recording or a snapshot: a directory, or a `.tar.zst` of one.
    pub fn open(path: &Path) -> Result<Record, OpenError> {
        Record::of_files(Files::open(path)?, path)
    }

    /// A world from its files, which may have been edited since they were opened from `path`.
    pub fn of_files(files: Files, path: &Path) -> Result<Record, OpenError> {
        let index = Index::read(&files, path)?;
        let info = WorldInfo {
            kind: index.kind(),
            name: path.display().to_string(),
        };
        let clock = index.recorded.or_else(|| api::latest_heartbeat(&files));
        let mut record = Record::empty(info, files, clock.unwrap_or(Timestamp::UNIX_EPOCH));
        for capture in index.captures {
            if let Some(target) = capture.target() {
                record.add_command(target, capture.argv.clone(), Stored::from(capture));
            }
        }
        for request in index.requests {
            record.requests.insert(request.get.clone(), Stored::from(request));
        }
        Ok(record)
    }

    /// A record made from the answers of an earlier run.
    pub fn from_answers(
        info: WorldInfo,
        clock: Timestamp,
        answers: impl IntoIterator<Item = (Question, Answer)>,
    ) -> Record {
        let mut record = Record::empty(info, Files::default(), clock);
        for (question, answer) in answers {
            match question {
                Question::Get(get) => drop(record.requests.insert(get.to_string(), Stored::answer(answer))),
                Question::Logs(logs) => drop(record.requests.insert(api::log_path(&logs), Stored::answer(answer))),
                Question::Command(command) => {
                    let argv = answer
                        .argv
                        .clone()
                        .or_else(|| command.forms.first().cloned())
                        .unwrap_or_default();
                    record.add_command(command.target, argv, Stored::answer(answer));
                }
                Question::Clock => {
                    if let Outcome::Time(t) = answer.outcome {
                        record.clock = t;
                    }
                }
            }
        }
        record
    }

    fn empty(info: WorldInfo, files: Files, clock: Timestamp) -> Record {
        let (commands, meanings, requests) = Default::default();
        Record {
            info,
            files,
            clock,
            commands,
            meanings,
            requests,
            lists: api::Lists::default(),
        }
    }

    fn add_command(&mut self, target: Target, argv: Argv, stored: Stored) {
        if let Some(meaning) = Meaning::of(&argv) {
            self.meanings
                .insert((target.clone(), meaning), (target.clone(), argv.clone()));
        }
        self.commands.insert((target, argv), stored);
    }

    fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Clock => Answer::new(Outcome::Time(self.clock), Via::Recorded, self.clock),
            Question::Get(get) => self.get(get),
            Question::Logs(logs) => self.logs(logs),
            Question::Command(command) => self.command(command),
        }
    }

    fn failed(&self, failure: Failure) -> Answer {
        Answer::failed(failure, Via::Recorded, self.clock)
    }

    fn get(&self, get: &ApiGet) -> Answer {
        if let Some(stored) = self.requests.get(&get.to_string()) {
            return self.stored(stored, None);
        }
        let body = ApiPath::parse(&get.path)
            .ok_or(Failure::NotRecorded)
            .and_then(|path| self.listed(&path, get));
        match body {
            Ok(text) => Answer::new(Outcome::Body(text), Via::Recorded, self.clock),
            Err(failure) => self.failed(failure),
        }
    }

    fn listed(&self, path: &ApiPath<'_>, get: &ApiGet) -> Result<Raw, Failure> {
        let read = |file: &str| self.files.read(file).map(Raw::from);
        match path {
            ApiPath::Document(file) => read(file).ok_or(Failure::NotRecorded),
            // A whole list as it came.
            ApiPath::Resource(r) if r.is_whole_list() && get.query.is_empty() => {
                read(&r.file()).map_or_else(|| self.lists.answer(&self.files, r, &get.query), Ok)
            }
            ApiPath::Resource(resource) => self.lists.answer(&self.files, resource, &get.query),
        }
    }

    /// The log of a container: asked and kept, or merged from the files of that pod's node.
    fn logs(&self, logs: &LogQuestion) -> Answer {
        if let Some(stored) = self.requests.get(&api::log_path(logs)) {
            return self.stored(stored, None);
        }
        match self.lists.node_logs(&self.files, logs) {
            Some(text) => Answer::new(Outcome::Body(text), Via::Recorded, self.clock),
            None => self.failed(Failure::NotRecorded),
        }
    }

    /// Forms in their order: the first recorded one that went well, else the first whose program was there.
    fn command(&self, question: &CommandQuestion) -> Answer {
        let known = question
            .forms
            .iter()
            .filter_map(|form| self.find(&question.target, form));
        let mut answers = known
            .map(|(argv, stored)| self.stored(stored, Some(argv.clone())))
            .collect::<Vec<_>>();
        let exit = |a: &Answer| a.output().map(|o| o.exit).ok();
        let best = answers
            .iter()
            .position(|a| exit(a) == Some(0))
            .or_else(|| answers.iter().position(|a| !matches!(exit(a), None | Some(126 | 127))));
        match best {
            Some(best) => answers.swap_remove(best),
            None => answers
                .into_iter()
                .next()
                .unwrap_or_else(|| self.failed(Failure::NotRecorded)),
        }
    }

    fn find(&self, target: &Target, argv: &Argv) -> Option<(&Argv, &Stored)> {
        // The container does not matter: the containers of a pod share one network.
        let target = match target {
            Target::Pod(p) => Target::Pod(runbook_core::PodRef::new(&p.namespace, &p.name)),
            other => other.clone(),
        };
        let key = (target.clone(), argv.clone());
        let exact = self.commands.get_key_value(&key);
        let found = exact.or_else(|| {
            let same = self.meanings.get(&(target, Meaning::of(argv)?))?;
            self.commands.get_key_value(same)
        });
        found.map(|((_, argv), stored)| (argv, stored))
    }

    fn stored(&self, stored: &Stored, argv: Option<Argv>) -> Answer {
        match stored {
            Stored::Answer(answer) => Answer {
                argv: argv.or_else(|| answer.argv.clone()),
                ..(**answer).clone()
            },
            Stored::Failure(failure, via) => Answer {
                argv,
                ..Answer::failed(failure.clone(), *via, self.clock)
            },
            Stored::Body { file } => match self.files.read(file) {
                Some(bytes) => Answer::new(Outcome::Body(bytes.into()), Via::Recorded, self.clock),
                None => self.failed(Failure::Incomplete(format!("`{file}` is missing in the recording"))),
            },
            Stored::Output {
                file,
                exit,
                stderr,
                duration_ms,
                cut_bytes,
            } => match self.files.read(file) {
                Some(stdout) => {
                    let output = Output {
                        stdout: stdout.into(),
                        stderr: stderr.clone(),
                        exit: *exit,
                        cut_bytes: *cut_bytes,
                    };
                    let answer = Answer::new(Outcome::Output(output), Via::Recorded, self.clock);
                    Answer {
                        argv,
                        duration_ms: *duration_ms,
                        ..answer
                    }
                }
                None => self.failed(Failure::Incomplete(format!("`{file}` is missing in the recording"))),
            },
        }
    }
}

impl World for Record {
    fn info(&self) -> WorldInfo {
        self.info.clone()
    }

    fn ask<'a>(&'a self, batch: &'a [Question], _context: &'a AskContext) -> AskFuture<'a> {
        Box::pin(async move { batch.iter().map(|q| self.answer(q)).collect() })
    }

    fn is_recorded(&self) -> bool {
        true
    }
}
