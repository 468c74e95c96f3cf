use crate::{Answer, Effect, Question};
use serde::{Deserialize, Serialize};
use std::{future::Future, pin::Pin, time::Instant};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorldKind {
    Live,
    Recording,
    Snapshot,
    Journal,
}

/// What a report says about where its answers came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldInfo {
    pub kind: WorldKind,
    /// The API server's address and context, or the path of the recording.
    pub name: String,
}

/// What holds for one batch of questions.
#[derive(Debug, Clone)]
pub struct AskContext {
    /// Nothing is waited for after this.
    pub deadline: Instant,
    pub cancel: CancellationToken,
    /// The strongest effect that this run allows. The asker checks it; a live world checks it again.
    pub allow: Effect,
}

pub type AskFuture<'a> = Pin<Box<dyn Future<Output = Vec<Answer>> + Send + 'a>>;

/// The one door through which every question to the world goes.
///
/// Answers come in the order of the questions. What belongs to one target is asked in one round trip, different
/// targets at the same time; a target that does not answer costs its own deadline and spoils no other.
pub trait World: Send + Sync {
    fn info(&self) -> WorldInfo;

    fn ask<'a>(&'a self, batch: &'a [Question], context: &'a AskContext) -> AskFuture<'a>;

    /// True where probes cannot have an effect, because everything is answered from a record.
    fn is_recorded(&self) -> bool {
        self.info().kind != WorldKind::Live
    }

    /// Ends connections and whatever was made on the way. Called on every way out.
    fn close<'a>(&'a self) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async {})
    }
}
