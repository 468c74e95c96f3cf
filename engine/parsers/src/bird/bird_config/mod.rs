//! BIRD's configuration as confd renders it for Calico: `bird.cfg`, `bird_aggr.cfg` and `bird_ipam.cfg`; syntax of BIRD 1.6
//! and 2.

mod filter;
mod protocol;
mod syntax;

use crate::ParseError;
use protocol::Templates;
use serde::Serialize;
use syntax::Statement;

pub use filter::{Filter, Rule};
pub use protocol::{Bgp, Protocol, StaticRoute};

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct BirdConfig {
    pub router_id: Option<String>,
    /// Files that it includes: the pools' filters and the blocks' routes are in files of their own.
    pub includes: Vec<String>,
    /// Other statements at the top, as written: `log syslog all`, `listen bgp port 1790`.
    pub options: Vec<String>,
    pub templates: Vec<Protocol>,
    pub protocols: Vec<Protocol>,
    pub filters: Vec<Filter>,
}

/// Reads a configuration file of BIRD.
///
/// Shape: protocols with what their templates give them; filters and functions with their rules flattened, in the order in
/// which they are tried. Everything else is kept as text. A brace without its twin is an error.
pub fn parse(text: &str) -> Result<BirdConfig, ParseError> {
    let statements = syntax::statements(text)?;
    let mut config = BirdConfig::default();
    let mut templates = Templates::new(&statements);
    for statement in &statements {
        config.statement(statement, &mut templates)?;
    }
    Ok(config)
}

impl BirdConfig {
    fn statement(&mut self, statement: &Statement, templates: &mut Templates<'_>) -> Result<(), ParseError> {
        let text = statement.text.as_str();
        let keyword = text.split(' ').next().unwrap_or_default();
        match keyword {
            "protocol" => self.protocols.push(Protocol::new(statement, templates)?),
            "template" => self.templates.push(Protocol::new(statement, templates)?),
            "filter" | "function" if statement.block.is_some() => self.filters.push(Filter::new(statement)?),
            "include" => self
                .includes
                .push(text["include".len()..].trim().trim_matches('"').to_owned()),
            _ => match text.strip_prefix("router id ") {
                Some(id) => self.router_id = Some(id.to_owned()),
                None => self.options.push(statement.flat()),
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
