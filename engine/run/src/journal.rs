//! The journal: append-only NDJSON, one file a run, large answers beside it by their hash.

use jiff::Timestamp;
use runbook_core::{Answer, EvidenceId, Finding, Outcome, Question, Raw, StepStatus, Verdict, WorldInfo};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

const FORMAT: &str = "runbook.journal/1";
const FILE: &str = "journal.ndjson";
/// Answers larger than this go into a file of their own.
const INLINE_BYTES: usize = 16 << 10;

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot write the journal `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read the journal `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` holds a journal already", .0.display())]
    Exists(PathBuf),
    #[error("journal `{}`, line {line}: {source}", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        source: serde_json::Error,
    },
    #[error("journal `{}` has format `{format}`, which this version of runbook does not know", path.display())]
    Newer { path: PathBuf, format: String },
    #[error("the journal `{}` is being written by another process", .0.display())]
    Busy(PathBuf),
    #[error("journal `{}` has no beginning: it was cut off before the run started", .0.display())]
    Empty(PathBuf),
}

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    pub format: String,
    pub run: String,
    pub runbook: String,
    pub runbook_sha256: String,
    pub params: serde_json::Map<String, serde_json::Value>,
    pub world: WorldInfo,
    pub started: Timestamp,
    /// The version of this program.
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum JournalEntry {
    Begin(Begin),
    Ask {
        id: EvidenceId,
        step: String,
        question: Question,
        answer: Answer,
        /// SHA-256 of the output or body, kept in `blobs/`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blob: Option<String>,
    },
    StepBegin {
        id: String,
        title: String,
    },
    StepEnd {
        id: String,
        status: StepStatus,
        reason: String,
        duration_ms: u64,
        value: serde_json::Value,
    },
    Finding(Finding),
    /// Everything from this step on is asked anew.
    Rewind {
        step: String,
    },
    Note {
        text: String,
    },
    /// Another process went on from here; the step that had begun, if any, begins again.
    Resumed {
        at: Timestamp,
        runbook_sha256: String,
        version: String,
    },
    End {
        verdict: Verdict,
    },
}

/// Where a run writes what happens. A journal that can no longer be written does not end the run.
#[derive(Debug)]
pub struct Journal {
    folder: Option<PathBuf>,
    file: Mutex<Option<File>>,
    failed: Mutex<Option<JournalError>>,
}

impl Journal {
    /// A journal of nothing, for runs whose answers are on disk already.
    pub fn none() -> Journal {
        Journal {
            folder: None,
            file: Mutex::new(None),
            failed: Mutex::new(None),
        }
    }

    pub fn create(folder: &Path) -> Result<Journal, JournalError> {
        let path = folder.join(FILE);
        let write = |source| JournalError::Write {
            path: path.clone(),
            source,
        };
        private_folder(folder).map_err(write)?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(|e| match e.kind() {
                io::ErrorKind::AlreadyExists => JournalError::Exists(folder.into()),
                _ => write(e),
            })?;
        Journal::locked(folder, file)
    }

    /// Opens the journal of a run that ended early, to go on writing it. What a crash left of its last line goes.
    pub fn reopen(folder: &Path) -> Result<Journal, JournalError> {
        let path = folder.join(FILE);
        let write = |source| JournalError::Write {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new().read(true).append(true).open(&path).map_err(write)?;
        let journal = Journal::locked(folder, file)?;
        let written = fs::read(&path).map_err(write)?;
        let whole = written.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        if whole < written.len()
            && let Some(file) = journal.file.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
        {
            file.set_len(whole as u64).map_err(write)?;
        }
        Ok(journal)
    }

    /// Two processes that write one journal would tear it: the lock ends with the process.
    fn locked(folder: &Path, file: File) -> Result<Journal, JournalError> {
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => return Err(JournalError::Busy(folder.into())),
            // Not every file system can lock; that is no reason to have no journal.
            Err(fs::TryLockError::Error(e)) => tracing::info!("journal not locked: {e}"),
            Ok(()) => {}
        }
        Ok(Journal {
            folder: Some(folder.into()),
            file: Mutex::new(Some(file)),
            failed: Mutex::new(None),
        })
    }

    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Why nothing is written any more, if so. Said once.
    pub fn failure(&self) -> Option<JournalError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn append(&self, entry: &JournalEntry) {
        let Some(folder) = &self.folder else { return };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = file.as_mut() else { return };
        if let Err(source) = write_entry(open, folder, entry) {
            *file = None;
            let failure = JournalError::Write {
                path: folder.join(FILE),
                source,
            };
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        }
    }

    /// What was appended survives a power cut from here on.
    pub(crate) fn sync(&self) {
        if let Some(file) = self.file.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
            && let Err(e) = file.sync_data()
        {
            tracing::warn!("journal not synced: {e}");
        }
    }
}

/// Only the owner may read what a cluster answered.
fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn write_entry(file: &mut File, folder: &Path, entry: &JournalEntry) -> io::Result<()> {
    let mut line = match entry {
        JournalEntry::Ask {
            id,
            step,
            question,
            answer,
            ..
        } => {
            let (answer, blob) = split_blob(folder, answer)?;
            let (step, question) = (step.clone(), question.clone());
            serde_json::to_vec(&JournalEntry::Ask {
                id: *id,
                step,
                question,
                answer,
                blob,
            })
        }
        other => serde_json::to_vec(other),
    }?;
    line.push(b'\n');
    file.write_all(&line)
}

/// Moves a large output or body into a file named by its hash, written whole before the line that names it.
fn split_blob(folder: &Path, answer: &Answer) -> io::Result<(Answer, Option<String>)> {
    let mut answer = answer.clone();
    let raw = match &mut answer.outcome {
        Outcome::Output(o) => &mut o.stdout,
        Outcome::Body(b) => b,
        _ => return Ok((answer, None)),
    };
    if raw.len() <= INLINE_BYTES {
        return Ok((answer, None));
    }
    let raw = std::mem::take(raw);
    let hash: String = Sha256::digest(raw.bytes()).iter().map(|b| format!("{b:02x}")).collect();
    let blobs = folder.join("blobs");
    let path = blobs.join(&hash);
    if !path.exists() {
        private_folder(&blobs)?;
        let partial = blobs.join(format!("{hash}.partial"));
        fs::write(&partial, raw.bytes())?;
        fs::rename(partial, path)?;
    }
    Ok((answer, Some(hash)))
}

/// A journal read back.
#[derive(Debug)]
pub struct Stored {
    pub begin: Begin,
    pub entries: Vec<JournalEntry>,
    /// The last line, where the run ended in the middle of writing it.
    pub torn: Option<String>,
}

impl Stored {
    /// Is there a journal at `path`, which may be its folder or its file?
    pub fn is_journal(path: &Path) -> bool {
        path.join(FILE).is_file() || path.file_name().is_some_and(|n| n == FILE)
    }

    /// Only the first line: which run it was.
    pub fn begin_of(path: &Path) -> Result<Begin, JournalError> {
        let path = folder_of(path).join(FILE);
        let read = |source| JournalError::Read {
            path: path.clone(),
            source,
        };
        let mut line = vec![];
        BufReader::new(File::open(&path).map_err(read)?)
            .read_until(b'\n', &mut line)
            .map_err(read)?;
        match serde_json::from_slice(&line) {
            Ok(JournalEntry::Begin(begin)) if begin.format == FORMAT => Ok(begin),
            _ => Err(newer(&path, &line).unwrap_or(JournalError::Empty(path))),
        }
    }

    pub fn read(path: &Path) -> Result<Stored, JournalError> {
        let folder = folder_of(path);
        let path = folder.join(FILE);
        let read = |source| JournalError::Read {
            path: path.clone(),
            source,
        };
        let mut reader = BufReader::new(File::open(&path).map_err(read)?);
        let (mut entries, mut torn, mut number) = (vec![], None, 0);
        let mut line = vec![];
        while reader.read_until(b'\n', &mut line).map_err(read)? > 0 {
            number += 1;
            let whole = line.ends_with(b"\n");
            match serde_json::from_slice::<JournalEntry>(&line) {
                Ok(entry) => entries.push(with_blob(folder, entry).map_err(read)?),
                Err(_) if !whole => torn = Some(String::from_utf8_lossy(&line).into_owned()),
                Err(source) => {
                    return Err(newer(&path, &line).unwrap_or(JournalError::Line {
                        path,
                        line: number,
                        source,
                    }));
                }
            }
            line.clear();
        }
        let Some(JournalEntry::Begin(begin)) = entries.first().cloned() else {
            return Err(JournalError::Empty(path));
        };
        if begin.format != FORMAT {
            return Err(JournalError::Newer {
                path,
                format: begin.format,
            });
        }
        entries.remove(0);
        Ok(Stored { begin, entries, torn })
    }

    /// What was asked and answered, in order.
    pub fn answers(&self) -> impl Iterator<Item = (Question, Answer)> + '_ {
        self.entries.iter().filter_map(|e| match e {
            JournalEntry::Ask { question, answer, .. } => Some((question.clone(), answer.clone())),
            _ => None,
        })
    }
}

/// A journal may be named by its folder or its file.
fn folder_of(path: &Path) -> &Path {
    if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(path)
    }
}

fn newer(path: &Path, line: &[u8]) -> Option<JournalError> {
    let begin: serde_json::Value = serde_json::from_slice(line).ok()?;
    let format = begin.get("format")?.as_str()?.to_string();
    (format != FORMAT).then(|| JournalError::Newer {
        path: path.into(),
        format,
    })
}

fn with_blob(folder: &Path, mut entry: JournalEntry) -> io::Result<JournalEntry> {
    if let JournalEntry::Ask {
        answer,
        blob: Some(hash),
        ..
    } = &mut entry
    {
        if !hash.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(io::Error::other(format!("`{hash}` is no hash")));
        }
        let raw = Raw::from(fs::read(folder.join("blobs").join(&*hash))?);
        match &mut answer.outcome {
            Outcome::Output(o) => o.stdout = raw,
            Outcome::Body(b) => *b = raw,
            _ => {}
        }
    }
    Ok(entry)
}

impl Begin {
    pub fn new(
        runbook: &str,
        sha256: String,
        params: serde_json::Map<String, serde_json::Value>,
        world: WorldInfo,
    ) -> Begin {
        let started = Timestamp::now();
        let run = format!(
            "{}-{runbook}-{:04x}",
            started.strftime("%Y%m%dT%H%M%SZ"),
            std::process::id() & 0xffff
        );
        let version = env!("CARGO_PKG_VERSION").into();
        Begin {
            format: FORMAT.into(),
            run,
            runbook: runbook.into(),
            runbook_sha256: sha256,
            params,
            world,
            started,
            version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runbook_core::{Output, Via, WorldKind};

    fn begin() -> JournalEntry {
        let world = WorldInfo {
            kind: WorldKind::Live,
            name: "test".into(),
        };
        JournalEntry::Begin(Begin::new("demo", "ab".into(), Default::default(), world))
    }

    fn ask(stdout: &str) -> JournalEntry {
        let output = Output {
            stdout: stdout.into(),
            stderr: Raw::default(),
            exit: 0,
            cut_bytes: 0,
        };
        let answer = Answer::new(Outcome::Output(output), Via::Ssh, Timestamp::UNIX_EPOCH);
        JournalEntry::Ask {
            id: EvidenceId(1),
            step: "s".into(),
            question: Question::Clock,
            answer,
            blob: None,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(dir.path()).unwrap();
        let large = "route\n".repeat(10_000);
        for entry in [begin(), ask("small"), ask(&large)] {
            journal.append(&entry);
        }
        let stored = Stored::read(dir.path()).unwrap();
        let outputs: Vec<String> = stored
            .answers()
            .map(|(_, a)| a.output().unwrap().stdout.text().into_owned())
            .collect();
        assert_eq!(outputs, ["small", large.as_str()]);
        assert!(matches!(Journal::create(dir.path()), Err(JournalError::Exists(_))));
    }

    #[test]
    fn a_torn_last_line_is_tolerated_and_told_anywhere_it_may_tear() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(dir.path()).unwrap();
        for entry in [begin(), ask("first"), ask("second")] {
            journal.append(&entry);
        }
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        let second_line = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
        for end in second_line..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let stored = Stored::read(&path).unwrap();
            let complete = whole[..end].ends_with(b"\n")
                || serde_json::from_slice::<JournalEntry>(whole[..end].rsplit(|b| *b == b'\n').next().unwrap()).is_ok();
            assert_eq!(stored.torn.is_none(), complete, "cut at {end}");
        }
        fs::write(&path, &whole[..second_line - 10]).unwrap();
        assert!(matches!(Stored::read(&path), Err(JournalError::Empty(_))));
    }

    #[test]
    fn a_journal_goes_on_after_its_last_whole_line_and_has_one_writer() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(dir.path()).unwrap();
        for entry in [begin(), ask("first"), ask("second")] {
            journal.append(&entry);
        }
        assert!(matches!(Journal::reopen(dir.path()), Err(JournalError::Busy(_))));
        drop(journal);
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let journal = Journal::reopen(dir.path()).unwrap();
        journal.append(&ask("third"));
        let outputs: Vec<String> = Stored::read(dir.path())
            .unwrap()
            .answers()
            .map(|(_, a)| a.output().unwrap().stdout.text().into_owned())
            .collect();
        assert_eq!(outputs, ["first", "third"]);
    }

    #[test]
    fn a_newer_format_is_not_guessed_at() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join(FILE),
            "{\"type\":\"begin\",\"format\":\"runbook.journal/9\",\"run\":1}\n",
        )
        .unwrap();
        assert!(matches!(Stored::read(dir.path()), Err(JournalError::Newer { .. })));
    }
}
