//! Worlds: who answers the questions. Live, recorded, and the recorder that wraps any of them.

pub mod live;
pub mod recorded;
mod recorder;

pub use recorded::{OpenError, Record};
pub use recorder::{Recorder, RecorderError};
