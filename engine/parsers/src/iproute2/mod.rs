//! iproute2 (and busybox `ip`): what the kernel has, by name.

pub(crate) mod address;
pub mod ip_route;
pub mod ip_route_get;

use crate::registry::{Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "ip_route",
        command: "ip -j route show table all",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON", "busybox 1.35"],
        returns: "list of routes: kind, dst, prefix, via, dev, proto, scope, src, metric, mtu (bytes), table, onlink, nexthops",
        parse: |text| to_json(ip_route::parse(text)),
    },
    Parser {
        name: "ip_route_get",
        command: "ip -j route get ADDRESS",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON"],
        returns: "one route (dst, via, dev, src, mtu in bytes, ...) or error {kind, text}",
        parse: |text| to_json(ip_route_get::parse(text)),
    },
];
