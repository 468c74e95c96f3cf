//! `birdcl show route`, with `all`, `export`, `filtered`, `for`, `count` and their kin; BIRD 1.6 and 2.
//!
//! The value borrows from the text: a reflector has 100,000 routes.

mod line;
mod stored;
mod view;

use super::reply::{Refusal, Reply};
use crate::ParseError;
use serde::Serialize;
use std::sync::Arc;
use stored::{Store, Stored};

pub use stored::Routes;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowRoute<'a> {
    pub bird_version: Option<&'a str>,
    /// Why there are no routes: `Network not in table` for an address without one, `Protocol is down`.
    pub refusal: Option<Refusal<'a>>,
    pub routes: Routes<'a>,
    /// From `show route count`: one per table.
    pub counts: Vec<RouteCount<'a>>,
}

/// One route, taken apart when it was read; see its functions.
///
/// As JSON it has a field for each of them.
#[derive(Clone, Copy)]
pub struct Route<'a> {
    store: &'a Store<'a>,
    at: usize,
    stored: &'a Stored,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct NextHop<'a> {
    pub via: Option<&'a str>,
    pub dev: Option<&'a str>,
    pub weight: Option<u32>,
    pub onlink: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteCount<'a> {
    pub table: Option<&'a str>,
    /// Routes that the question asked for, of all routes.
    pub shown: u64,
    pub routes: u64,
    pub networks: u64,
}

const EXPECTED: &str = "network, next hop, [protocol since], (preference)";

/// Reads the output of `birdcl show route ...`.
///
/// Shape: one entry per route in BIRD's order; all routes of one network follow each other, the best one first.
pub fn parse(text: &str) -> Result<ShowRoute<'_>, ParseError> {
    let mut reply = Reply::new(text);
    let mut store = Store::new(text)?;
    let mut counts = Vec::new();
    while let Some((number, line)) = reply.next() {
        let error = || ParseError::new(number, line, EXPECTED);
        match line.as_bytes() {
            [] => {}
            [b'\t', ..] => store.detail(line.trim_ascii()).ok_or_else(error)?,
            [b' ', ..] if line.trim_ascii().is_empty() => {}
            _ => {
                if store.route(line).is_some() {
                    // The usual case.
                } else if let Some(name) = line.strip_prefix("Table ") {
                    store.tables.push(name.trim_end().trim_end_matches(':'));
                } else if let Some(count) = route_count(line) {
                    counts.push(count);
                } else if !reply.refuses(line) {
                    return Err(error());
                }
            }
        }
    }
    if store.routes.is_empty() && counts.is_empty() && store.tables.is_empty() && !reply.answered() {
        return Err(ParseError::new(
            1,
            text.lines().next().unwrap_or_default(),
            "`BIRD VERSION ready.`",
        ));
    }
    Ok(ShowRoute {
        bird_version: reply.version,
        refusal: reply.refusal,
        routes: Routes(Arc::new(store)),
        counts,
    })
}

/// `16 of 16 routes for 13 networks in table master4`
fn route_count(line: &str) -> Option<RouteCount<'_>> {
    let mut words = line.split_ascii_whitespace();
    let shown = words.next()?.parse().ok()?;
    let routes = words
        .next()
        .filter(|w| *w == "of")
        .and_then(|_| words.next())?
        .parse()
        .ok()?;
    let networks = words.nth(2)?.parse().ok()?;
    (words.next()? == "networks").then_some(())?;
    Some(RouteCount {
        table: words.nth(2),
        shown,
        routes,
        networks,
    })
}

#[cfg(test)]
mod tests;
