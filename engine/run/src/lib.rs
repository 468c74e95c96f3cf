//! What happens in a run: steps, questions, findings, and the journal of it all. Knows neither Rhai nor a terminal.

mod catalogue;
mod causes;
mod changes;
mod journal;
mod observer;
mod records;
mod result;
mod resume;
mod session;

pub use catalogue::{Catalogue, CatalogueError, Entry, Fix, Language, Localized};
pub use changes::{CertaintyChange, Changes, EvidenceChange, StepChange, changes};
pub use journal::{Begin, Journal, JournalEntry, JournalError, Stored};
pub use observer::{After, Before, Observer, Silent};
pub use result::{
    CauseRecord, EvidenceRecord, FixRecord, RunResult, SCHEMA, StepRecord, SubjectRecord, WorldRecord, result_schema,
};
pub use resume::{Remembered, drift};
pub use session::{Allowed, Evidence, Limits, NewFinding, Session, Setup, StepEnd};
