//! `ip route get`: which way one packet would go, or why it would not.

use super::ip_route;
use crate::ParseError;
use crate::text::{clean, lines};
use serde::Serialize;

/// The kernel's answer for one destination. With an `error` the rest is empty: the kernel gave no route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RouteGet {
    pub error: Option<RouteError>,
    /// `unicast`, `local`, `broadcast`, `multicast`, ...
    pub kind: Option<String>,
    pub dst: Option<String>,
    /// Source address asked for.
    pub from: Option<String>,
    pub via: Option<String>,
    pub dev: Option<String>,
    /// Incoming device asked for.
    pub iif: Option<String>,
    /// Source address that the kernel would choose.
    pub src: Option<String>,
    pub table: Option<String>,
    pub proto: Option<String>,
    pub metric: Option<u32>,
    /// Path MTU in bytes, of the route or learned.
    pub mtu: Option<u32>,
    /// Time until a learned path MTU or redirect is forgotten.
    pub expires_s: Option<u64>,
    pub mark: Option<String>,
    pub uid: Option<u32>,
    pub flags: Vec<String>,
    /// `local`, `redirected`, ...
    pub cache: Vec<String>,
}

/// Why there is no route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteError {
    /// `network_unreachable` (no route, or `throw`), `host_unreachable` (`unreachable` route), `prohibited`,
    /// `invalid_argument` (`blackhole` route, or a source or device that cannot be), `no_device`, `other`.
    pub kind: String,
    pub text: String,
}

/// Reads the output of `ip route get`, with or without `-j`. An error line (`RTNETLINK answers: ...`) is an answer too.
pub fn parse(text: &str) -> Result<RouteGet, ParseError> {
    let text = clean(text);
    let first = lines(&text).next();
    if let Some(error) = first.and_then(|line| route_error(line.text)) {
        return Ok(RouteGet {
            error: Some(error),
            ..RouteGet::default()
        });
    }
    let mut routes = ip_route::parse(&text)?;
    match (routes.pop(), routes.pop()) {
        (Some(route), None) => answer(route),
        (None, _) => Err(ParseError::new(1, "", "a route or `RTNETLINK answers: ...`")),
        (Some(second), Some(_)) => Err(ParseError::new(0, second.dst, "one route only")),
    }
}

/// The same, when standard output and standard error came apart: errors are on the latter.
pub fn parse_with_stderr(stdout: &str, stderr: &str) -> Result<RouteGet, ParseError> {
    if stdout.trim().is_empty() || stdout.trim() == "[ ]" {
        parse(stderr)
    } else {
        parse(stdout)
    }
}

fn answer(route: ip_route::Route) -> Result<RouteGet, ParseError> {
    let mut options = route.options;
    let uid = options
        .remove("uid")
        .map(|uid| uid.parse().map_err(|_| ParseError::new(1, uid, "a number for `uid`")));
    Ok(RouteGet {
        error: None,
        kind: Some(route.kind),
        dst: Some(route.dst),
        from: route.from,
        via: route.via,
        dev: route.dev,
        iif: options.remove("iif"),
        src: route.src,
        table: Some(route.table),
        proto: route.proto,
        metric: route.metric,
        mtu: route.mtu,
        expires_s: route.expires_s,
        mark: options.remove("mark"),
        uid: uid.transpose()?,
        flags: route.flags,
        cache: options
            .remove("cache")
            .map(|c| c.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
    })
}

fn route_error(line: &str) -> Option<RouteError> {
    let answer = line
        .strip_prefix("RTNETLINK answers: ")
        .or_else(|| line.strip_prefix("ip: RTNETLINK answers: "));
    let kind = match answer {
        Some("Network is unreachable") => "network_unreachable",
        Some("No route to host") => "host_unreachable",
        Some("Permission denied") => "prohibited",
        Some("Invalid argument") => "invalid_argument",
        Some("No such device") => "no_device",
        Some(_) => "other",
        None if line.starts_with("Cannot find device") => "no_device",
        None if line.starts_with("Error: ") || line.starts_with("ip: ") => "other",
        None => return None,
    };
    Some(RouteError {
        kind: kind.into(),
        text: line.to_owned(),
    })
}
