//! Routes as scripts see them.

use super::{NextHop, Route, Routes};
use crate::bird::protocol_details::Detail;
use serde::{Serialize, Serializer};
use std::fmt;

#[derive(Debug, PartialEq, Serialize)]
struct View<'a> {
    table: Option<&'a str>,
    network: &'a str,
    kind: &'a str,
    via: Option<&'a str>,
    dev: Option<&'a str>,
    onlink: bool,
    multipath: &'a [NextHop<'a>],
    protocol: &'a str,
    since: &'a str,
    from: Option<&'a str>,
    best: bool,
    sync_error: bool,
    preference: u32,
    metric: Option<u32>,
    origin: Option<&'a str>,
    origin_as: Option<u32>,
    attributes: Vec<Detail<'a>>,
    other: Option<&'a str>,
}

impl<'a> From<Route<'a>> for View<'a> {
    fn from(route: Route<'a>) -> Self {
        View {
            table: route.table(),
            network: route.network(),
            kind: route.kind(),
            via: route.via(),
            dev: route.dev(),
            onlink: route.onlink(),
            multipath: route.multipath(),
            protocol: route.protocol(),
            since: route.since(),
            from: route.from(),
            best: route.best(),
            sync_error: route.sync_error(),
            preference: route.preference(),
            metric: route.metric(),
            origin: route.origin(),
            origin_as: route.origin_as(),
            attributes: route.attributes().collect(),
            other: route.other(),
        }
    }
}

impl Serialize for Route<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        View::from(*self).serialize(serializer)
    }
}

impl fmt::Debug for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        View::from(*self).fmt(f)
    }
}

impl PartialEq for Route<'_> {
    fn eq(&self, other: &Self) -> bool {
        View::from(*self) == View::from(*other)
    }
}

impl Serialize for Routes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
