//! Worlds: who answers the questions. Live, recorded, and the recorder that wraps any of them.

pub mod live;
pub mod recorded;
mod recorder;

pub use recorded::{Files, OpenError, Record};
pub use recorder::{Recorder, RecorderError};
