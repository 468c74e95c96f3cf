//! `ip route`: the routes of a node or pod, in kernel order.

use super::address::{is_address, prefix_of};
use crate::ParseError;
use crate::text::{Words, clean, is_json, json, json_word, lines};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One route. What the tool did not print is `None`; the kernel's defaults are in the comments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Route {
    /// `unicast` (also when not printed), `local`, `broadcast`, `multicast`, `anycast`, `blackhole`, `unreachable`,
    /// `prohibit`, `throw`, `nat`.
    pub kind: String,
    /// As printed: `default`, `10.65.0.0/26`, or a plain address for a host route.
    pub dst: String,
    /// `dst` as a prefix, always with its length: `0.0.0.0/0`, `10.65.37.193/32`, `fe80::/64`.
    pub prefix: String,
    /// Next hop; with [`nexthops`](Self::nexthops) it is there instead.
    pub via: Option<String>,
    pub dev: Option<String>,
    /// Who made it: a name or number (`kernel`, `bird`, `80`). Not printed for `boot`, that is `ip route add`.
    pub proto: Option<String>,
    /// `link`, `host`, ...; not printed for `global`.
    pub scope: Option<String>,
    /// Preferred source address.
    pub src: Option<String>,
    /// Source prefix of a source-specific route (IPv6), or the `from` of `ip route get`.
    pub from: Option<String>,
    pub metric: Option<u32>,
    /// Route MTU in bytes; the device's MTU applies when there is none.
    pub mtu: Option<u32>,
    /// Name or number; `main` when not printed.
    pub table: String,
    pub onlink: bool,
    /// `linkdown`, `dead`, `offload`, `trap`, ...: all but `onlink`.
    pub flags: Vec<String>,
    /// The paths of a multipath route.
    pub nexthops: Vec<NextHop>,
    /// Id of a nexthop object.
    pub nhid: Option<u32>,
    /// IPv6 router preference: `low`, `medium`, `high`.
    pub pref: Option<String>,
    pub expires_s: Option<u64>,
    /// Everything else, by its name in the output: `advmss`, `congctl`, `initcwnd`, `encap`, `error`, ...
    pub options: BTreeMap<String, String>,
}

/// One path of a multipath route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NextHop {
    pub via: Option<String>,
    pub dev: Option<String>,
    pub weight: Option<u32>,
    pub onlink: bool,
    /// `linkdown`, `dead`, ...
    pub flags: Vec<String>,
    /// Encapsulation of this path, as printed.
    pub encap: Option<String>,
    pub realm: Option<String>,
}

const KINDS: &[&str] = &[
    "unicast",
    "local",
    "broadcast",
    "multicast",
    "anycast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
    "nat",
    "xresolve",
];

const FLAGS: &[&str] = &[
    "linkdown",
    "dead",
    "offload",
    "offload_failed",
    "trap",
    "rt_offload",
    "rt_offload_failed",
    "rt_trap",
    "pervasive",
    "unresolved",
    "notify",
    "cloned",
    "redirect",
    "rt_notify",
];

/// Words with one value that are kept by name.
const OPTIONS: &[&str] = &[
    "tos",
    "dsfield",
    "realm",
    "realms",
    "advmss",
    "window",
    "rtt",
    "rttvar",
    "ssthresh",
    "cwnd",
    "initcwnd",
    "initrwnd",
    "reordering",
    "hoplimit",
    "rto_min",
    "features",
    "quickack",
    "congctl",
    "fastopen_no_cookie",
    "error",
    "users",
    "age",
    "used",
    "ipid",
    "hwprio",
    "iif",
    "oif",
    "uid",
    "mark",
    "ttl-propagate",
];

/// Reads `ip route` of any table, with or without `-j`, `-d`, `-6`; of iproute2 or busybox.
///
/// Shape: a list of [`Route`]; `mtu` in bytes. A node without routes gives an empty list.
pub fn parse(text: &str) -> Result<Vec<Route>, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        let raw: Vec<RawRoute> = json(&text, "the routes of `ip -j route`")?;
        return raw.into_iter().map(RawRoute::typed).collect();
    }
    let mut routes: Vec<Route> = Vec::new();
    for line in lines(&text) {
        match routes.last_mut() {
            Some(route) if line.indented() => attributes(route, line.words())?,
            _ => routes.push(first_line(line.words())?),
        }
    }
    routes.iter_mut().for_each(finish);
    Ok(routes)
}

fn first_line(mut words: Words<'_>) -> Result<Route, ParseError> {
    const EXPECTED: &str = "a route: `[TYPE] PREFIX [via ADDRESS] [dev NAME] ...`";
    let mut route = Route {
        kind: "unicast".into(),
        table: "main".into(),
        ..Route::default()
    };
    let mut word = words.next().ok_or_else(|| words.line().error(EXPECTED))?;
    if KINDS.contains(&word) {
        route.kind = word.to_owned();
        word = words.value(&route.kind)?;
    }
    if word != "default" && !is_address(word) {
        return Err(words.line().error(EXPECTED));
    }
    route.dst = word.to_owned();
    attributes(&mut route, words)?;
    Ok(route)
}

fn attributes(route: &mut Route, mut words: Words<'_>) -> Result<(), ParseError> {
    let mut in_hop = false;
    while let Some(word) = words.next() {
        if word == "nexthop" {
            route.nexthops.push(NextHop::default());
            in_hop = true;
            continue;
        }
        match route.nexthops.last_mut().filter(|_| in_hop) {
            Some(hop) => hop_attribute(hop, word, &mut words)?,
            None => attribute(route, word, &mut words)?,
        }
    }
    Ok(())
}

fn attribute(route: &mut Route, word: &str, words: &mut Words<'_>) -> Result<(), ParseError> {
    match word {
        "via" => route.via = Some(gateway(words)?),
        "dev" => route.dev = Some(words.text(word)?),
        "proto" | "protocol" => route.proto = Some(words.text(word)?),
        "scope" => route.scope = Some(words.text(word)?),
        "src" => route.src = Some(words.text(word)?),
        "from" => route.from = Some(words.text(word)?),
        "metric" => route.metric = Some(words.number(word)?),
        "table" => route.table = words.text(word)?,
        "nhid" => route.nhid = Some(words.number(word)?),
        "pref" => route.pref = Some(words.text(word)?),
        "expires" => route.expires_s = Some(seconds(words)?),
        "mtu" => {
            if words.accept("lock") {
                route.options.insert("mtu_lock".into(), "true".into());
            }
            route.mtu = Some(words.number(word)?);
        }
        "onlink" => route.onlink = true,
        // `ip -o` puts this where the line end would be.
        "\\" => {}
        "cache" => {
            if let Some(flags) = words.peek().and_then(|w| w.strip_prefix('<')?.strip_suffix('>')) {
                words.next();
                route.options.insert("cache".into(), flags.to_owned());
            }
        }
        // `-d` says on a line of its own what the nexthop object holds; the route has the same.
        "nh_info" | "nh_group" => {
            let words: Vec<&str> = words.by_ref().collect();
            route.options.insert(word.to_owned(), words.join(" "));
        }
        "encap" => {
            route.options.insert("encap".into(), encap(words));
        }
        _ if FLAGS.contains(&word) => route.flags.push(word.to_owned()),
        _ if OPTIONS.contains(&word) => {
            words.accept("lock");
            let value = words.text(word)?;
            route.options.insert(word.to_owned(), value);
        }
        _ => return Err(words.unknown(word, "an attribute of a route")),
    }
    Ok(())
}

fn hop_attribute(hop: &mut NextHop, word: &str, words: &mut Words<'_>) -> Result<(), ParseError> {
    match word {
        "via" => hop.via = Some(gateway(words)?),
        "dev" => hop.dev = Some(words.text(word)?),
        "weight" => hop.weight = Some(words.number(word)?),
        "onlink" => hop.onlink = true,
        "encap" => hop.encap = Some(encap(words)),
        "realm" | "realms" => hop.realm = Some(words.text(word)?),
        "\\" => {}
        _ if FLAGS.contains(&word) => hop.flags.push(word.to_owned()),
        _ => return Err(words.unknown(word, "an attribute of a next hop")),
    }
    Ok(())
}

/// `via 10.0.0.1`, or with the family when it differs from the route's: `via inet6 fe80::1`.
fn gateway(words: &mut Words<'_>) -> Result<String, ParseError> {
    if !words.accept("inet6") {
        words.accept("inet");
    }
    words.text("via")
}

/// An encapsulation has words of its own; it ends where the path begins.
fn encap(words: &mut Words<'_>) -> String {
    let mut all = Vec::new();
    while let Some(word) = words
        .peek()
        .filter(|w| !matches!(*w, "via" | "dev" | "nhid" | "nexthop" | "proto"))
    {
        all.push(word);
        words.next();
    }
    all.join(" ")
}

/// `expires 86sec` (iproute2) or `expires 86`.
fn seconds(words: &mut Words<'_>) -> Result<u64, ParseError> {
    let word = words.value("expires")?;
    words.line().number(word.strip_suffix("sec").unwrap_or(word), "seconds")
}

/// Fills in what needs the whole record: a `default` is IPv6 when anything about it is.
fn finish(route: &mut Route) {
    let addresses = [&route.via, &route.src, &route.from].into_iter().flatten();
    let ipv6 = route.pref.is_some()
        || addresses
            .chain(route.nexthops.iter().filter_map(|n| n.via.as_ref()))
            .any(|a| a.contains(':'));
    route.prefix = prefix_of(&route.dst, ipv6);
}

#[derive(Deserialize)]
struct RawRoute {
    #[serde(rename = "type")]
    kind: Option<String>,
    dst: String,
    gateway: Option<String>,
    via: Option<RawVia>,
    dev: Option<String>,
    protocol: Option<String>,
    scope: Option<String>,
    prefsrc: Option<String>,
    from: Option<String>,
    metric: Option<u32>,
    table: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    metrics: Vec<BTreeMap<String, Value>>,
    #[serde(default)]
    nexthops: Vec<RawHop>,
    nhid: Option<u32>,
    pref: Option<String>,
    expires: Option<u64>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct RawVia {
    host: String,
}

#[derive(Deserialize)]
struct RawHop {
    gateway: Option<String>,
    via: Option<RawVia>,
    dev: Option<String>,
    weight: Option<u32>,
    #[serde(default)]
    flags: Vec<String>,
    encap: Option<Value>,
    realm: Option<Value>,
}

impl RawRoute {
    fn typed(self) -> Result<Route, ParseError> {
        if self.dst != "default" && !is_address(&self.dst) {
            return Err(ParseError::new(
                1,
                &self.dst,
                "`dst`: `default`, an address or a prefix",
            ));
        }
        let (onlink, flags) = split_onlink(self.flags);
        let mut options: BTreeMap<String, String> = self
            .rest
            .iter()
            .filter_map(|(k, v)| Some((k.clone(), json_word(v)?)))
            .collect();
        let mut mtu = None;
        for (name, value) in self.metrics.iter().flatten() {
            match (name.as_str(), value.as_u64().and_then(|v| u32::try_from(v).ok())) {
                ("mtu", Some(bytes)) => mtu = Some(bytes),
                ("congestion", _) => options.extend(json_word(value).map(|v| ("congctl".to_owned(), v))),
                _ => options.extend(json_word(value).map(|v| (name.clone(), v))),
            }
        }
        let mut route = Route {
            kind: self.kind.unwrap_or_else(|| "unicast".into()),
            dst: self.dst,
            prefix: String::new(),
            via: self.gateway.or(self.via.map(|v| v.host)),
            dev: self.dev,
            proto: self.protocol,
            scope: self.scope,
            src: self.prefsrc,
            from: self.from,
            metric: self.metric,
            mtu,
            table: self.table.unwrap_or_else(|| "main".into()),
            onlink,
            flags,
            nexthops: self.nexthops.into_iter().map(RawHop::typed).collect(),
            nhid: self.nhid,
            pref: self.pref,
            expires_s: self.expires,
            options,
        };
        finish(&mut route);
        Ok(route)
    }
}

impl RawHop {
    fn typed(self) -> NextHop {
        let (onlink, flags) = split_onlink(self.flags);
        NextHop {
            via: self.gateway.or(self.via.map(|v| v.host)),
            dev: self.dev,
            weight: self.weight,
            onlink,
            flags,
            encap: self.encap.as_ref().and_then(json_word),
            realm: self.realm.as_ref().and_then(json_word),
        }
    }
}

fn split_onlink(mut flags: Vec<String>) -> (bool, Vec<String>) {
    let before = flags.len();
    flags.retain(|f| f != "onlink");
    (flags.len() < before, flags)
}
