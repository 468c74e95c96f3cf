//! A route as it is kept: where its parts are in the text.
//!
//! A pointer to each word would be four times as much, and filling that memory would take more time than reading.

use super::line::{self, Kind, Origin, Read, Span};
use super::{NextHop, Route};
use crate::ParseError;
use crate::bird::protocol_details::Detail;
use std::fmt;
use std::sync::Arc;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stored {
    /// Where its line begins, and the line with its network, which may be above.
    line: u32,
    network_line: u32,
    read: Read,
    /// How many tables were named up to here.
    tables: u32,
    /// How many next hops and attributes there were up to the end of this route.
    hops: u32,
    attributes: u32,
}

/// Where the name of an attribute begins and ends, and its value.
type Attribute = [u32; 4];

/// All routes of an answer.
#[derive(Debug)]
pub(super) struct Store<'a> {
    text: &'a str,
    pub(super) routes: Vec<Stored>,
    pub(super) tables: Vec<&'a str>,
    hops: Vec<NextHop<'a>>,
    attributes: Vec<Attribute>,
}

impl<'a> Store<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, ParseError> {
        if u32::try_from(text.len()).is_err() {
            return Err(ParseError::new(1, "", "an answer of less than 4 GiB"));
        }
        Ok(Store {
            text,
            routes: Vec::new(),
            tables: Vec::new(),
            hops: Vec::new(),
            attributes: Vec::new(),
        })
    }

    /// `part` is a part of the text.
    fn place(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    /// Takes the line of a route; `None` if it is none.
    pub(super) fn route(&mut self, line: &'a str) -> Option<()> {
        let at = self.place(line) as u32;
        let above = self.routes.last().map(|above| (above.read.network, above.network_line));
        self.routes.push(Stored {
            line: at,
            network_line: at,
            tables: self.tables.len() as u32,
            hops: self.hops.len() as u32,
            attributes: self.attributes.len() as u32,
            ..Stored::default()
        });
        // Read where it stays, as moving it would take time.
        let stored = self.routes.last_mut()?;
        let mut known = line::read(line, &mut stored.read);
        if known.is_some() && stored.read.network.is_empty() {
            known = above.map(|above| (stored.read.network, stored.network_line) = above);
        }
        if known.is_none() {
            self.routes.pop();
        }
        known
    }

    /// A line below a route: a next hop, or an attribute.
    pub(super) fn detail(&mut self, line: &'a str) -> Option<()> {
        if line.starts_with("via ") || line.starts_with("dev ") {
            return self.add_hop(line);
        }
        let start = self.place(line);
        let route = self.routes.last_mut()?;
        let colon = memchr::memchr(b':', line.as_bytes())?;
        let value = line.get(colon + 1..)?.trim_ascii();
        let place = |at: usize| (start + at) as u32;
        let (from, to) = (place(line.len() - value.len()), place(line.len()));
        self.attributes.push([place(0), place(colon), from, to]);
        route.attributes = self.attributes.len() as u32;
        Some(())
    }

    /// The first one is the route's own; a second one shows that there are several.
    fn add_hop(&mut self, line: &'a str) -> Option<()> {
        let start = self.place(line);
        let hop = line::hop(line)?;
        let before = self.hops_before(self.routes.len().checked_sub(1)?);
        let route = self.routes.last_mut()?;
        let first = NextHop {
            via: route.read.via.of(self.text, route.line as usize),
            dev: route.read.dev.of(self.text, route.line as usize),
            weight: None,
            onlink: route.read.onlink,
        };
        if first.via.is_none() && first.dev.is_none() {
            let shift = u16::try_from(start - route.line as usize).ok()?;
            (route.read.via, route.read.dev) = (hop.via.moved(shift)?, hop.dev.moved(shift)?);
            route.read.onlink = hop.onlink;
            if route.read.kind == Kind::Unicast {
                route.read.kind = if hop.via.is_empty() { Kind::Dev } else { Kind::Via };
                return Some(());
            }
        } else if self.hops.len() == before {
            route.read.kind = Kind::Multipath;
            self.hops.push(first);
        }
        self.hops.push(hop.of(line));
        route.hops = self.hops.len() as u32;
        Some(())
    }

    fn hops_before(&self, at: usize) -> usize {
        let before = at.checked_sub(1).and_then(|at| self.routes.get(at));
        before.map_or(0, |route| route.hops as usize)
    }

    fn attributes_before(&self, at: usize) -> usize {
        let before = at.checked_sub(1).and_then(|at| self.routes.get(at));
        before.map_or(0, |route| route.attributes as usize)
    }
}

/// The routes of an answer, in BIRD's order.
#[derive(Clone)]
pub struct Routes<'a>(pub(super) Arc<Store<'a>>);

impl Routes<'_> {
    pub fn len(&self) -> usize {
        self.0.routes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.routes.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = Route<'_>> {
        let all = self.0.routes.iter().enumerate();
        all.map(|(at, stored)| Route {
            store: &self.0,
            at,
            stored,
        })
    }
}

impl PartialEq for Routes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Routes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What a route says.
impl<'a> Route<'a> {
    /// BIRD 2 says which table; BIRD 1.6 does not.
    pub fn table(&self) -> Option<&'a str> {
        let last = (self.stored.tables as usize).checked_sub(1)?;
        self.store.tables.get(last).copied()
    }

    /// A CIDR. Several routes may have the same one.
    pub fn network(&self) -> &'a str {
        let read = &self.stored.read;
        read.network
            .of(self.store.text, self.stored.network_line as usize)
            .unwrap_or_default()
    }

    /// `via`, `dev`, `blackhole`, `unreachable`, `prohibited`, `multipath`; `via` or `dev` for BIRD 2's `unicast`.
    pub fn kind(&self) -> &'static str {
        match self.stored.read.kind {
            Kind::Via => "via",
            Kind::Dev => "dev",
            Kind::Unicast => "unicast",
            Kind::Multipath => "multipath",
            Kind::Blackhole => "blackhole",
            Kind::Unreachable => "unreachable",
            Kind::Prohibited => "prohibited",
            Kind::Prohibit => "prohibit",
        }
    }

    /// The first next hop.
    pub fn via(&self) -> Option<&'a str> {
        self.word(self.stored.read.via)
    }

    pub fn dev(&self) -> Option<&'a str> {
        self.word(self.stored.read.dev)
    }

    pub fn onlink(&self) -> bool {
        self.stored.read.onlink
    }

    /// All next hops, where there are several.
    pub fn multipath(&self) -> &'a [NextHop<'a>] {
        let range = self.store.hops_before(self.at)..self.stored.hops as usize;
        self.store.hops.get(range).unwrap_or_default()
    }

    /// Where the route comes from: `Mesh_10_0_0_12`, `kernel1`, `static1`.
    pub fn protocol(&self) -> &'a str {
        self.word(self.stored.read.protocol).unwrap_or_default()
    }

    /// As printed: a time of today, or a date.
    pub fn since(&self) -> &'a str {
        self.word(self.stored.read.since).unwrap_or_default()
    }

    /// The router that sent it, where it is not the next hop.
    pub fn from(&self) -> Option<&'a str> {
        self.word(self.stored.read.from)
    }

    /// `*`: BIRD uses it.
    pub fn best(&self) -> bool {
        self.stored.read.best
    }

    /// `!`: the kernel did not take it.
    pub fn sync_error(&self) -> bool {
        self.stored.read.sync_error
    }

    pub fn preference(&self) -> u32 {
        self.stored.read.preference
    }

    /// The metric after the slash: distance to the next hop for BGP. `None` without one and for an unreachable next hop.
    pub fn metric(&self) -> Option<u32> {
        self.stored.read.metric
    }

    /// BGP: `igp`, `egp`, `incomplete`.
    pub fn origin(&self) -> Option<&'static str> {
        self.stored.read.origin.map(|origin| match origin {
            Origin::Igp => "igp",
            Origin::Egp => "egp",
            Origin::Incomplete => "incomplete",
        })
    }

    /// BGP: the AS that announced the network, for routes from another AS.
    pub fn origin_as(&self) -> Option<u32> {
        self.stored.read.origin_as
    }

    /// With `all`: `BGP.as_path`, `Kernel.metric`, `Type`, ...
    pub fn attributes(self) -> impl Iterator<Item = Detail<'a>> {
        let range = self.store.attributes_before(self.at)..self.stored.attributes as usize;
        let text = |from: u32, to: u32| self.store.text.get(from as usize..to as usize).unwrap_or_default();
        let all = self.store.attributes.get(range).unwrap_or_default().iter();
        all.map(move |[name, colon, value, end]| Detail {
            name: text(*name, *colon),
            value: text(*value, *end),
        })
    }

    /// What stands behind the preference and is no BGP origin: the router id of OSPF, for one.
    pub fn other(&self) -> Option<&'a str> {
        self.word(self.stored.read.other)
    }

    fn word(&self, span: Span) -> Option<&'a str> {
        span.of(self.store.text, self.stored.line as usize)
    }
}
