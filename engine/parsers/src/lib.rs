//! Output of network tools as typed values. Pure: no I/O, no clock.
//!
//! One folder per family of tools, one module per tool. A parser is `parse(text) -> Result<T, ParseError>`; it names
//! the line it does not know and never drops one in silence: where a format is open-ended, what was not understood is
//! kept in a field `unparsed` that the caller sees. [`parsers`] lists every parser, for scripts, docs and tests.

pub mod bird;
pub mod calico;
mod error;
pub mod iproute2;
pub mod kernel;
pub mod netfilter;
pub mod probe;
mod registry;
mod text;

pub use error::{ParseError, Unparsed};
pub use registry::{Example, Parser, parsers};
