//! The kernel's own files and counters, and the tools that print them.

pub mod counters;
pub mod nstat;
pub mod proc_net_dev;
pub mod proc_net_netstat;
pub mod proc_net_snmp;
pub mod ps;
pub mod sysctl;

use crate::registry::{Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "sysctl",
        command: "sysctl -a",
        versions: &["procps 4.0", "busybox 1.35"],
        returns: "map from key to value as text",
        parse: |text| to_json(sysctl::parse(text)),
    },
    Parser {
        name: "nstat",
        command: "nstat -az",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON"],
        returns: "map from counter name (IpInReceives, TcpExtListenDrops) to value",
        parse: |text| to_json(nstat::parse(text)),
    },
    Parser {
        name: "proc_net_snmp",
        command: "cat /proc/net/snmp",
        versions: &["Linux 6.18"],
        returns: "map from counter name, as in nstat, to value",
        parse: |text| to_json(proc_net_snmp::parse(text)),
    },
    Parser {
        name: "proc_net_netstat",
        command: "cat /proc/net/netstat",
        versions: &["Linux 6.18"],
        returns: "map from counter name, as in nstat, to value",
        parse: |text| to_json(proc_net_netstat::parse(text)),
    },
    Parser {
        name: "proc_net_dev",
        command: "cat /proc/net/dev",
        versions: &["Linux 6.18"],
        returns: "list of devices: name, rx_bytes, rx_packets, rx_errors, rx_dropped, ..., tx_carrier",
        parse: |text| to_json(proc_net_dev::parse(text)),
    },
    Parser {
        name: "ps",
        command: "ps aux",
        versions: &["procps 4.0", "busybox 1.35"],
        returns: "list of processes: pid, ppid, user, cpu_ratio, rss_bytes, stat, cpu_time_s, command",
        parse: |text| to_json(ps::parse(text)),
    },
];
