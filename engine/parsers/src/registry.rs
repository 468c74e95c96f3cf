use crate::{ParseError, bird, calico, iproute2, kernel, netfilter, probe};
use serde::Serialize;

/// One parser, as scripts, docs and the fixture tests see it.
#[derive(Debug, Clone, Copy)]
pub struct Parser {
    /// The tool and subcommand: `ip_route`, `birdcl_show_protocols`. Also the name of its fixture folder.
    pub name: &'static str,
    /// The command whose output it reads, as a person types it.
    pub command: &'static str,
    /// Tool versions and flavours it was tested with.
    pub versions: &'static [&'static str],
    /// One sentence: what comes back, with shape and units.
    pub returns: &'static str,
    pub example: Example,
    pub parse: fn(&str) -> Result<serde_json::Value, ParseError>,
}

/// What a reader of the docs sees, and a test runs.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Lines of a fixture: of a real output, where there is one.
    pub text: &'static str,
    /// What holds for `got`, the value of it: an expression of a script.
    pub holds: &'static str,
}

/// Every parser there is: the answer to "what can be read?".
pub fn parsers() -> impl Iterator<Item = &'static Parser> {
    [
        iproute2::PARSERS,
        kernel::PARSERS,
        netfilter::PARSERS,
        bird::PARSERS,
        calico::PARSERS,
        probe::PARSERS,
    ]
    .into_iter()
    .flatten()
}

/// Turns a typed parser into the form of the table.
pub(crate) fn to_json<T: Serialize>(value: Result<T, ParseError>) -> Result<serde_json::Value, ParseError> {
    value.and_then(|v| serde_json::to_value(v).map_err(|e| ParseError::new(0, e.to_string(), "a value JSON can hold")))
}
