//! The Rhai host: modules, limits, plans, and script errors with their place.

mod by_hand;
mod data;
mod docs;
mod engine;
mod error;
mod facts;
mod firewall;
mod host;
mod library;
mod lint;
mod modules;
mod nat;
mod runbook;
mod steps;
mod wording;

pub use by_hand::ByHand;
pub use docs::{FunctionDoc, ModuleDoc, definitions, module_docs};
pub use error::{Place, ScriptError};
pub use host::{Ended, Host};
pub use library::{Library, LoadError, Origin, Source};
pub use lint::Lint;
pub use runbook::{Param, ParamKind, PlannedStep, Runbook};
pub use wording::Wording;
