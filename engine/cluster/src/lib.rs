//! Worlds: who answers the questions. Live, recorded, and the recorder that wraps any of them.

pub mod live;
pub mod recorded;
