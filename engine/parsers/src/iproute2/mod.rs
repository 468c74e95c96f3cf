//! iproute2 (and busybox `ip`): what the kernel has, by name.

pub(crate) mod address;
pub mod bridge_fdb;
pub mod ip_addr;
pub mod ip_link;
pub mod ip_neigh;
pub mod ip_route;
pub mod ip_route_get;
pub mod ip_rule;
mod link_json;
mod link_text;
pub mod ss;
pub mod ss_info;
pub mod ss_summary;
pub mod tc_class;
pub mod tc_qdisc;
pub mod traffic;

use crate::registry::{Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "ip_link",
        command: "ip -j -d -s link",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON", "busybox 1.35"],
        returns: "list of devices: name, ifindex, parent, flags, admin_up, lower_up, operstate, mtu (bytes), address, link_kind, vxlan, ipip, stats",
        parse: |text| to_json(ip_link::parse(text)),
    },
    Parser {
        name: "ip_addr",
        command: "ip -j addr",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON", "busybox 1.35"],
        returns: "list of devices as of ip_link, each with addresses: family, address, prefix_len, scope, dynamic, label",
        parse: |text| to_json(ip_addr::parse(text)),
    },
    Parser {
        name: "ip_neigh",
        command: "ip -j neigh",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON", "busybox 1.35"],
        returns: "list of neighbours: address, dev, lladdr, states, proxy, extern_learn, ages in seconds",
        parse: |text| to_json(ip_neigh::parse(text)),
    },
    Parser {
        name: "ip_rule",
        command: "ip -j rule",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON", "busybox 1.35"],
        returns: "list of rules: priority, negated, from, to, fwmark, fwmask, action, table",
        parse: |text| to_json(ip_rule::parse(text)),
    },
    Parser {
        name: "bridge_fdb",
        command: "bridge -j fdb show",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON"],
        returns: "list of entries: mac, dev, dst, vni, master, state, on_self, flags",
        parse: |text| to_json(bridge_fdb::parse(text)),
    },
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
    Parser {
        name: "tc_qdisc",
        command: "tc -j -s qdisc",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON"],
        returns: "list of queues: kind, handle, dev, parent, rate_bps, delay_ms, loss_ratio, settings, stats",
        parse: |text| to_json(tc_qdisc::parse(text)),
    },
    Parser {
        name: "tc_class",
        command: "tc -s class show dev NAME",
        versions: &["iproute2 6.1 text"],
        returns: "list of classes: kind, id, parent, rate_bps, ceil_bps, burst_bytes, stats",
        parse: |text| to_json(tc_class::parse(text)),
    },
    Parser {
        name: "ss",
        command: "ss -tinp",
        versions: &["iproute2 6.1 text"],
        returns: "list of sockets: state, local_address, local_port, peer_address, peer_port, processes, tcp {rtt_ms, cwnd, retrans_total, ...}",
        parse: |text| to_json(ss::parse(text)),
    },
    Parser {
        name: "ss_summary",
        command: "ss -s",
        versions: &["iproute2 6.1 text"],
        returns: "counts: total, tcp, tcp_established, tcp_timewait, transports",
        parse: |text| to_json(ss_summary::parse(text)),
    },
];
