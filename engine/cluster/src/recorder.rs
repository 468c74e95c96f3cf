//! Wraps any world and keeps what it answers, in the layout that [`Record`](crate::Record) reads.

use crate::recorded::{Capture, FORMAT, Index, Request, list_file};
use runbook_core::{
    Answer, AskContext, AskFuture, Failure, Outcome, Question, Raw, Target, Via, World, WorldInfo, redact_answer,
};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    #[error("`{}` exists already; a recording never overwrites", .0.display())]
    Exists(PathBuf),
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Records what passes through it. Secrets are taken out before anything is written.
pub struct Recorder {
    inner: Arc<dyn World>,
    target: PathBuf,
    /// Where files go: the target itself, or a folder beside it that becomes the archive.
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    index: Index,
    seen: HashSet<String>,
    failed: Option<RecorderError>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// `target` becomes a directory, or an archive when it ends in `.tar.zst`.
    pub fn create(inner: Arc<dyn World>, target: &Path) -> Result<Recorder, RecorderError> {
        if target.exists() {
            return Err(RecorderError::Exists(target.into()));
        }
        let archive = target.to_str().is_some_and(|t| t.ends_with(".tar.zst"));
        let folder = if archive {
            target.with_extension("partial")
        } else {
            target.to_path_buf()
        };
        fs::create_dir_all(&folder).map_err(|source| RecorderError::Write {
            path: folder.clone(),
            source,
        })?;
        Ok(Recorder {
            inner,
            target: target.into(),
            folder,
            state: Mutex::default(),
        })
    }

    /// Writes the index, and the archive where one is wanted. Until then a recording is not one.
    pub fn finish(&self, by: &str) -> Result<&Path, RecorderError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = state.failed.take() {
            return Err(failed);
        }
        state.index.format = Some(FORMAT.into());
        state.index.by = Some(by.into());
        let index = serde_json::to_vec_pretty(&state.index).map_err(io::Error::other);
        index
            .and_then(|bytes| fs::write(self.folder.join("index.json"), bytes))
            .map_err(|e| self.failure("index.json", e))?;
        if self.folder != self.target {
            pack(&self.folder, &self.target).map_err(|source| RecorderError::Write {
                path: self.target.clone(),
                source,
            })?;
            fs::remove_dir_all(&self.folder).map_err(|e| self.failure("", e))?;
        }
        Ok(&self.target)
    }

    fn failure(&self, file: &str, source: io::Error) -> RecorderError {
        RecorderError::Write {
            path: self.folder.join(file),
            source,
        }
    }

    fn keep(&self, question: &Question, answer: &Answer) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(e) = self.try_keep(&mut state, question, answer) {
            tracing::warn!("not recorded: {e}");
            state.failed.get_or_insert(e);
        }
    }

    fn try_keep(&self, state: &mut State, question: &Question, answer: &Answer) -> Result<(), RecorderError> {
        let answer = &redact_answer(answer.clone());
        let failure = match &answer.outcome {
            Outcome::Failed(Failure::NotRecorded | Failure::Cancelled | Failure::EffectNotAllowed(_)) => return Ok(()),
            Outcome::Failed(f) => Some(f.clone()),
            _ => None,
        };
        match question {
            Question::Clock => {
                if let Outcome::Time(now) = answer.outcome {
                    state.index.recorded.get_or_insert(now);
                }
            }
            Question::Get(get) => {
                let list = get.query.is_empty().then(|| list_file(&get.path)).flatten();
                match (list, failure, answer.body()) {
                    (Some(file), None, Ok(body)) => self.write(state, &file, body)?,
                    (_, failure, body) => self.keep_request(state, get.to_string(), failure, body.ok())?,
                }
            }
            Question::Logs(logs) => {
                let key = crate::recorded::log_path(logs);
                self.keep_request(state, key, failure, answer.body().ok())?;
            }
            Question::Command(command) => self.keep_command(state, command, answer, failure)?,
        }
        Ok(())
    }

    fn keep_request(
        &self,
        state: &mut State,
        get: String,
        failure: Option<Failure>,
        body: Option<&Raw>,
    ) -> Result<(), RecorderError> {
        let file = match body {
            Some(body) => {
                let file = format!("kube/requests/{}", short_hash(&get));
                self.write(state, &file, body)?;
                Some(file)
            }
            None => None,
        };
        if state.seen.insert(get.clone()) {
            state.index.requests.push(Request { get, file, failure });
        }
        Ok(())
    }

    fn keep_command(
        &self,
        state: &mut State,
        command: &runbook_core::CommandQuestion,
        answer: &Answer,
        failure: Option<Failure>,
    ) -> Result<(), RecorderError> {
        let (role, subject) = match &command.target {
            Target::Node(node) => ("node", node.clone()),
            Target::Pod(pod) => ("pod", format!("{}/{}", pod.namespace, pod.name)),
            _ => return Ok(()),
        };
        let Some(argv) = answer.argv.clone().or_else(|| command.forms.first().cloned()) else {
            return Ok(());
        };
        let mut capture = Capture {
            file: String::new(),
            subject: subject.clone(),
            role: role.into(),
            argv,
            exit: 0,
            duration_ms: answer.duration_ms as f64,
            stderr: Raw::default(),
            via: Some(answer.via).filter(|v| *v != Via::Recorded),
            cut_bytes: 0,
            failure,
        };
        if let Outcome::Output(output) = &answer.outcome {
            let line = capture.argv.join(" ");
            capture.file = format!(
                "{role}s/{}/{}.txt",
                file_name(&subject),
                file_name(&format!("{line}-{}", short_hash(&line)))
            );
            capture.exit = output.exit;
            capture.stderr = output.stderr.clone();
            capture.cut_bytes = output.cut_bytes;
            self.write(state, &capture.file.clone(), &output.stdout)?;
        }
        let key = format!("{role} {subject} {:?}", capture.argv);
        // Asked twice (counters before and after): the record holds the last answer, as a snapshot would.
        if !state.seen.insert(key) {
            state
                .index
                .captures
                .retain(|c| !(c.role == role && c.subject == subject && c.argv == capture.argv));
        }
        state.index.captures.push(capture);
        Ok(())
    }

    fn write(&self, _state: &mut State, file: &str, raw: &Raw) -> Result<(), RecorderError> {
        let path = self.folder.join(file);
        let parent = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, raw.bytes()))
            .map_err(|source| RecorderError::Write { path, source })
    }
}

/// A name that every file system takes, whatever an object or an argument is called.
fn file_name(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let mut name: String = text.chars().map(plain).collect();
    if name.len() > 100 {
        name = format!("{}{}", &name[..40], &name[name.len() - 40..]);
    }
    name.trim_start_matches('.').to_string()
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .take(4)
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn pack(folder: &Path, target: &Path) -> io::Result<()> {
    let partial = target.with_extension("zst.partial");
    let mut archive = tar::Builder::new(zstd::Encoder::new(fs::File::create(&partial)?, 0)?);
    archive.append_dir_all(".", folder)?;
    archive.into_inner()?.finish()?.sync_all()?;
    fs::rename(partial, target)
}

impl World for Recorder {
    fn info(&self) -> WorldInfo {
        self.inner.info()
    }

    fn ask<'a>(&'a self, batch: &'a [Question], context: &'a AskContext) -> AskFuture<'a> {
        Box::pin(async move {
            let answers = self.inner.ask(batch, context).await;
            for (question, answer) in batch.iter().zip(&answers) {
                self.keep(question, answer);
            }
            answers
        })
    }

    fn is_recorded(&self) -> bool {
        self.inner.is_recorded()
    }

    fn close<'a>(&'a self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.inner.close()
    }
}
