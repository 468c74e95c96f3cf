//! `birdcl show route`, with `all`, `export`, `filtered`, `for`, `count` and their kin; BIRD 1.6 and 2.
//!
//! The value borrows from the text: a reflector has 100,000 routes.

use super::protocol_details::Detail;
use super::reply::{Refusal, Reply, since, word};
use crate::ParseError;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowRoute<'a> {
    pub bird_version: Option<&'a str>,
    /// Why there are no routes: `Network not in table` for an address without one, `Protocol is down`.
    pub refusal: Option<Refusal<'a>>,
    pub routes: Vec<Route<'a>>,
    /// From `show route count`: one per table.
    pub counts: Vec<RouteCount<'a>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Route<'a> {
    /// BIRD 2 says which table; BIRD 1.6 does not.
    pub table: Option<&'a str>,
    /// A CIDR. Several routes may have the same one.
    pub network: &'a str,
    /// `via`, `dev`, `blackhole`, `unreachable`, `prohibited`, `multipath`; `via` or `dev` for BIRD 2's `unicast`.
    pub kind: &'a str,
    /// The first next hop.
    pub via: Option<&'a str>,
    pub dev: Option<&'a str>,
    pub onlink: bool,
    /// All next hops, where there are several.
    pub multipath: Vec<NextHop<'a>>,
    /// Where the route comes from: `Mesh_10_0_0_12`, `kernel1`, `static1`.
    pub protocol: &'a str,
    /// As printed: a time of today, or a date.
    pub since: &'a str,
    /// The router that sent it, where it is not the next hop.
    pub from: Option<&'a str>,
    /// `*`: BIRD uses it.
    pub best: bool,
    /// `!`: the kernel did not take it.
    pub sync_error: bool,
    pub preference: Option<u32>,
    /// The metric after the slash: distance to the next hop for BGP. `null` without one and for an unreachable next hop.
    pub metric: Option<u32>,
    /// BGP: `igp`, `egp`, `incomplete`.
    pub origin: Option<&'a str>,
    /// BGP: the AS that announced the network, for routes from another AS.
    pub origin_as: Option<u32>,
    /// With `all`: `BGP.as_path`, `Kernel.metric`, `Type`, ...
    pub attributes: Vec<Detail<'a>>,
    /// What stands behind the preference and is no BGP origin: the router id of OSPF, for one.
    pub other: Option<&'a str>,
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
    let mut routes: Vec<Route<'_>> = Vec::new();
    let mut counts = Vec::new();
    let mut table = None;
    while let Some((number, line)) = reply.next() {
        let error = || ParseError::new(number, line, EXPECTED);
        match line.as_bytes() {
            [] => {}
            [b'\t', ..] => routes
                .last_mut()
                .and_then(|r| r.detail(line.trim()))
                .ok_or_else(error)?,
            [b' ', ..] if line.trim().is_empty() => {}
            [first, ..] => {
                if let Some(mut route) = route(line) {
                    route.table = table;
                    if *first == b' ' {
                        route.network = routes.last().map(|r| r.network).ok_or_else(error)?;
                    }
                    routes.push(route);
                } else if let Some(name) = line.strip_prefix("Table ") {
                    table = Some(name.trim_end().trim_end_matches(':'));
                } else if let Some(count) = route_count(line) {
                    counts.push(count);
                } else if !reply.refuses(line) {
                    return Err(error());
                }
            }
        }
    }
    if routes.is_empty() && counts.is_empty() && table.is_none() && !reply.answered() {
        return Err(ParseError::new(
            1,
            text.lines().next().unwrap_or_default(),
            "`BIRD VERSION ready.`",
        ));
    }
    Ok(ShowRoute {
        bird_version: reply.version,
        refusal: reply.refusal,
        routes,
        counts,
    })
}

/// The text before and after `mark`. For texts this short it is faster than `split_once`.
fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|b| b == mark)?;
    Some((&text[..at], &text[at + 1..]))
}

/// `10.65.74.192/26    via 198.18.0.2 on eth0 [Mesh_198_18_0_2 16:30:58 from 198.18.0.3] * (100/0) [AS65001i]`
fn route(line: &str) -> Option<Route<'_>> {
    let (network, rest) = if line.starts_with(' ') { ("", line) } else { word(line) };
    let (hop, rest) = cut(rest, b'[')?;
    let (source, rest) = cut(rest, b']')?;
    let mut route = Route {
        network,
        ..Route::default()
    };
    route.hop(hop.trim_ascii())?;
    route.source(source)?;
    route.rank(rest)?;
    Some(route)
}

impl<'a> Route<'a> {
    fn hop(&mut self, text: &'a str) -> Option<()> {
        self.kind = word(text).0;
        match self.kind {
            "via" | "dev" => self.first_hop(next_hop(text)?),
            "unicast" | "multipath" | "blackhole" | "unreachable" | "prohibited" | "prohibit" => {}
            _ => return None,
        }
        Some(())
    }

    fn first_hop(&mut self, hop: NextHop<'a>) {
        (self.via, self.dev, self.onlink) = (hop.via, hop.dev, hop.onlink);
    }

    /// `Mesh_198_18_0_2 16:30:58 from 198.18.0.3`
    fn source(&mut self, text: &'a str) -> Option<()> {
        let (protocol, rest) = word(text);
        let (since, rest) = since(rest);
        (self.protocol, self.since) = (protocol, since);
        let rest = rest.trim_ascii();
        self.from = rest.strip_prefix("from ");
        (!since.is_empty() && (self.from.is_some() || rest.is_empty())).then_some(())
    }

    /// `* (100/0) [AS65001i]`
    fn rank(&mut self, text: &'a str) -> Option<()> {
        let (marks, rest) = cut(text, b'(')?;
        match marks.trim_ascii() {
            "" => {}
            "*" => self.best = true,
            "!" => self.sync_error = true,
            _ => return None,
        }
        let (preference, rest) = cut(rest, b')')?;
        let (preference, metric) = cut(preference, b'/').unwrap_or((preference, ""));
        self.preference = Some(preference.parse().ok()?);
        self.metric = metric.parse().ok();
        let rest = rest.trim_ascii();
        if !rest.is_empty() && self.origin(rest).is_none() {
            self.other = Some(rest);
        }
        Some(())
    }

    /// `[i]`, `[AS65001i]`, `[AS65001?]`
    fn origin(&mut self, text: &'a str) -> Option<()> {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        let (origin, path) = match inner.as_bytes().last()? {
            b'i' => ("igp", &inner[..inner.len() - 1]),
            b'e' => ("egp", &inner[..inner.len() - 1]),
            b'?' => ("incomplete", &inner[..inner.len() - 1]),
            _ => return None,
        };
        if !path.is_empty() {
            self.origin_as = Some(path.strip_prefix("AS")?.parse().ok()?);
        }
        self.origin = Some(origin);
        Some(())
    }

    /// A line below a route: a next hop, or an attribute.
    fn detail(&mut self, line: &'a str) -> Option<()> {
        if line.starts_with("via ") || line.starts_with("dev ") {
            self.add_hop(next_hop(line)?);
            return Some(());
        }
        let (name, value) = line.split_once(':')?;
        self.attributes.push(Detail {
            name,
            value: value.trim(),
        });
        Some(())
    }

    fn add_hop(&mut self, hop: NextHop<'a>) {
        if self.via.is_none() && self.dev.is_none() {
            self.first_hop(hop);
            if self.kind == "unicast" {
                self.kind = if hop.via.is_some() { "via" } else { "dev" };
                // Kept until a second one shows that there are several.
                self.multipath = Vec::new();
                return;
            }
        } else if self.multipath.is_empty() {
            self.kind = "multipath";
            let first = NextHop {
                via: self.via,
                dev: self.dev,
                weight: None,
                onlink: self.onlink,
            };
            self.multipath.push(first);
        }
        self.multipath.push(hop);
    }
}

/// `via 198.18.0.2 on eth0 onlink weight 1`, `dev cali1`
fn next_hop(text: &str) -> Option<NextHop<'_>> {
    let mut rest = text;
    let mut next = || {
        let (first, after) = word(rest);
        rest = after;
        Some(first).filter(|w| !w.is_empty())
    };
    let mut hop = NextHop::default();
    while let Some(word) = next() {
        match word {
            "via" => hop.via = Some(next()?),
            "on" | "dev" => hop.dev = Some(next()?),
            "weight" => hop.weight = Some(next()?.parse().ok()?),
            "onlink" => hop.onlink = true,
            _ => return None,
        }
    }
    Some(hop)
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
