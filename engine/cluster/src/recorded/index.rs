use super::{Files, OpenError};
use jiff::Timestamp;
use runbook_core::{Answer, Argv, Failure, PodRef, Raw, Target, Via, WorldKind};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version that this program writes. A snapshot, filled by hand or by a script, has none.
pub(crate) const FORMAT: &str = "runbook.recording/1";

/// `index.json`: which file answers which question.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Index {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recorded: Option<Timestamp>,
    /// What recorded it: program, version, world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    #[serde(default)]
    pub(crate) captures: Vec<Capture>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) requests: Vec<Request>,
}

/// A command that was run. Exactly one of `file` with `exit`, and `failure`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Capture {
    #[serde(default)]
    pub(crate) file: String,
    /// A node name, or `namespace/pod`.
    pub(crate) subject: String,
    /// `node` or `pod`; other roles are no part of the cluster.
    pub(crate) role: String,
    pub(crate) argv: Argv,
    #[serde(default)]
    pub(crate) exit: i32,
    #[serde(default)]
    pub(crate) duration_ms: f64,
    #[serde(default)]
    pub(crate) stderr: Raw,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) via: Option<Via>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) cut_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
}

/// A GET whose answer is not one of the complete lists under `kube/`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) get: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Index {
    pub(crate) fn read(files: &Files, path: &Path) -> Result<Index, OpenError> {
        let bytes = files
            .read("index.json")
            .ok_or_else(|| OpenError::NotAWorld(path.into()))?;
        // The version first, on its own: what a newer version put into the rest is not ours to judge.
        #[derive(Deserialize)]
        struct Version {
            format: Option<String>,
        }
        let broken = |source| OpenError::Index {
            path: path.into(),
            source,
        };
        match serde_json::from_slice::<Version>(&bytes).map_err(broken)?.format {
            Some(format) if format != FORMAT => Err(OpenError::Newer {
                path: path.into(),
                format,
            }),
            _ => serde_json::from_slice(&bytes).map_err(broken),
        }
    }

    pub(crate) fn kind(&self) -> WorldKind {
        if self.format.is_some() {
            WorldKind::Recording
        } else {
            WorldKind::Snapshot
        }
    }
}

impl Capture {
    pub(crate) fn target(&self) -> Option<Target> {
        match self.role.as_str() {
            "node" => Some(Target::Node(self.subject.clone())),
            "pod" => {
                let (namespace, name) = self.subject.split_once('/')?;
                Some(Target::Pod(PodRef::new(namespace, name)))
            }
            _ => None,
        }
    }
}

/// A stored answer, read from its file when it is asked for.
#[derive(Debug)]
pub(super) enum Stored {
    Answer(Box<Answer>),
    Output {
        file: String,
        exit: i32,
        stderr: Raw,
        duration_ms: u64,
        cut_bytes: u64,
    },
    Body {
        file: String,
    },
    Failure(Failure, Via),
}

impl Stored {
    pub(super) fn answer(answer: Answer) -> Stored {
        Stored::Answer(Box::new(answer))
    }
}

impl From<Capture> for Stored {
    fn from(c: Capture) -> Stored {
        match c.failure {
            Some(failure) => Stored::Failure(failure, Via::Recorded),
            None => {
                let duration_ms = c.duration_ms.max(0.0) as u64;
                Stored::Output {
                    file: c.file,
                    exit: c.exit,
                    stderr: c.stderr,
                    duration_ms,
                    cut_bytes: c.cut_bytes,
                }
            }
        }
    }
}

impl From<Request> for Stored {
    fn from(r: Request) -> Stored {
        match (r.failure, r.file) {
            (Some(failure), _) => Stored::Failure(failure, Via::Recorded),
            (None, Some(file)) => Stored::Body { file },
            (None, None) => Stored::Failure(Failure::NotRecorded, Via::Recorded),
        }
    }
}
