//! iproute2 (and busybox `ip`): what the kernel has, by name.

pub(crate) mod address;
pub mod bridge_fdb;
pub mod ip_addr;
pub mod ip_brief;
pub mod ip_link;
pub mod ip_neigh;
pub mod ip_nexthop;
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

use crate::registry::{Example, Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "ip_link",
        command: "ip -j -d -s link",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON", "busybox 1.35"],
        returns: "list of devices: name, ifindex, parent, flags, admin_up, lower_up, operstate, mtu (bytes), address, link_kind, vxlan, ipip, stats",
        example: Example {
            text: r"6: vxlan.calico: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000
    link/ether 4e:84:b6:a2:52:b2 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535
    vxlan id 4096 local 192.0.2.10 dev eth0 srcport 0 0 dstport 4789 nolearning ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx addrgenmode eui64 numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 tso_max_size 524280 tso_max_segs 65535 gro_max_size 65536",
            holds: r#"got[0].name == "vxlan.calico" && got[0].mtu == 1450 && got[0].vxlan.id == 4096"#,
        },
        parse: |text| to_json(ip_link::parse(text)),
    },
    Parser {
        name: "ip_brief",
        command: "ip -br link",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON"],
        returns: "list of devices of `ip -br link` or `ip -br addr`: name, parent, operstate, address, flags, admin_up, addresses",
        example: Example {
            text: r"vxlan.calico     UNKNOWN        66:f9:69:c6:aa:59 <BROADCAST,MULTICAST,UP,LOWER_UP>",
            holds: r#"got[0].name == "vxlan.calico" && got[0].admin_up"#,
        },
        parse: |text| to_json(ip_brief::parse(text)),
    },
    Parser {
        name: "ip_nexthop",
        command: "ip -j nexthop",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON"],
        returns: "list of next hops: id, via, dev, scope, proto, blackhole, group of id and weight, flags",
        example: Example {
            text: r"id 10 via 192.0.2.2 dev v0 scope link
id 20 group 10/11,2",
            holds: r#"got[1].group[1].weight == 2"#,
        },
        parse: |text| to_json(ip_nexthop::parse(text)),
    },
    Parser {
        name: "ip_addr",
        command: "ip -j addr",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON", "busybox 1.35"],
        returns: "list of devices as of ip_link, each with addresses: family, address, prefix_len, scope, dynamic, label",
        example: Example {
            text: r"4: vxlan.calico: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default qlen 1000
    link/ether 66:f9:69:c6:aa:59 brd ff:ff:ff:ff:ff:ff
    inet 10.65.37.192/32 scope global vxlan.calico
       valid_lft forever preferred_lft forever",
            holds: "got[0].addresses[0].prefix_len == 32",
        },
        parse: |text| to_json(ip_addr::parse(text)),
    },
    Parser {
        name: "ip_neigh",
        command: "ip -j neigh",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON", "busybox 1.35"],
        returns: "list of neighbours: address, dev, lladdr, states, proxy, extern_learn, ages in seconds",
        example: Example {
            text: "198.18.0.250 dev eth0 lladdr be:f4:9d:e9:27:06 REACHABLE",
            holds: r#"got[0].states[0] == "REACHABLE""#,
        },
        parse: |text| to_json(ip_neigh::parse(text)),
    },
    Parser {
        name: "ip_rule",
        command: "ip -j rule",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON", "busybox 1.35"],
        returns: "list of rules: priority, negated, from, to, fwmark, fwmask, action, table",
        example: Example {
            text: r"0:	from all lookup local
32766:	from all lookup main
32767:	from all lookup default",
            holds: r#"got[1].table == "main""#,
        },
        parse: |text| to_json(ip_rule::parse(text)),
    },
    Parser {
        name: "bridge_fdb",
        command: "bridge -j fdb show",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON"],
        returns: "list of entries: mac, dev, dst, vni, master, state, on_self, flags",
        example: Example {
            text: r"66:d1:e4:a4:2c:84 dst 198.18.0.2 self permanent
66:ed:a0:5f:c2:7c dst 198.18.0.3 self permanent",
            holds: r#"got[0].dst == "198.18.0.2" && got[0].state == "permanent""#,
        },
        parse: |text| to_json(bridge_fdb::parse(text)),
    },
    Parser {
        name: "ip_route",
        command: "ip -j route show table all",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON", "busybox 1.35"],
        returns: "list of routes: kind, dst, prefix, via, dev, proto, scope, src, metric, mtu (bytes), table, onlink, nexthops",
        example: Example {
            text: "10.65.74.192/26 via 10.65.74.192 dev vxlan.calico onlink mtu 1450",
            holds: r#"got[0].dev == "vxlan.calico" && got[0].onlink"#,
        },
        parse: |text| to_json(ip_route::parse(text)),
    },
    Parser {
        name: "ip_route_get",
        command: "ip -j route get ADDRESS",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON"],
        returns: "one route (dst, via, dev, src, mtu in bytes, ...) or error {kind, text}",
        example: Example {
            text: r"10.65.228.67 via 10.65.228.64 dev vxlan.calico src 10.65.37.192 uid 0
    cache mtu 1450",
            holds: r#"got.error == () && got.dev == "vxlan.calico""#,
        },
        parse: |text| to_json(ip_route_get::parse(text)),
    },
    Parser {
        name: "tc_qdisc",
        command: "tc -j -s qdisc",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON"],
        returns: "list of queues: kind, handle, dev, parent, rate_bps, delay_ms, loss_ratio, settings, stats",
        example: Example {
            text: "qdisc tbf 8001: dev e1 root refcnt 3 rate 5Mbit burst 16Kb lat 50ms",
            holds: "got[0].rate_bps == 5000000 && got[0].latency_ms == 50.0",
        },
        parse: |text| to_json(tc_qdisc::parse(text)),
    },
    Parser {
        name: "tc_class",
        command: "tc -s class show dev NAME",
        versions: &["iproute2 6.1 text"],
        returns: "list of classes: kind, id, parent, rate_bps, ceil_bps, burst_bytes, stats",
        example: Example {
            text: r"class htb 1:10 root prio 0 rate 5Mbit ceil 5Mbit burst 1600b cburst 1600b
 Sent 4820810 bytes 5893 pkt (dropped 3495, overlimits 1993 requeues 0)
 backlog 0b 0p requeues 0",
            holds: "got[0].rate_bps == 5000000 && got[0].stats.dropped == 3495",
        },
        parse: |text| to_json(tc_class::parse(text)),
    },
    Parser {
        name: "ss",
        command: "ss -tinp",
        versions: &["iproute2 6.1 text"],
        returns: "list of sockets: state, local_address, local_port, peer_address, peer_port, processes, tcp {rtt_ms, cwnd, retrans_total, ...}",
        example: Example {
            text: r#"State Recv-Q Send-Q Local Address:Port Peer Address:Port Process
ESTAB 0      0         198.18.0.1:179    198.18.0.3:40869 users:(("bird",pid=60,fd=9))"#,
            holds: r#"got[0].local_port == 179 && got[0].processes[0].name == "bird""#,
        },
        parse: |text| to_json(ss::parse(text)),
    },
    Parser {
        name: "ss_summary",
        command: "ss -s",
        versions: &["iproute2 6.1 text"],
        returns: "counts: total, tcp, tcp_established, tcp_timewait, transports",
        example: Example {
            text: r"Total: 9
TCP:   8 (estab 4, closed 2, orphaned 0, timewait 1)

Transport Total     IP        IPv6
RAW	  0         0         0
UDP	  1         1         0",
            holds: "got.tcp_established == 4 && got.transports[1].ipv4 == 1",
        },
        parse: |text| to_json(ss_summary::parse(text)),
    },
];
