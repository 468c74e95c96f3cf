//! The kernel's own files and counters, and the tools that print them.

pub mod counters;
pub mod dmesg;
pub mod ethtool;
pub mod nstat;
pub mod pgrep;
pub mod proc_interrupts;
pub mod proc_loadavg;
pub mod proc_meminfo;
pub mod proc_net_dev;
pub mod proc_net_netstat;
pub mod proc_net_snmp;
pub mod proc_net_snmp6;
pub mod proc_net_sockstat;
pub mod proc_net_softnet_stat;
pub mod proc_net_stat_nf_conntrack;
pub mod proc_pressure;
pub mod proc_stat;
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
    Parser {
        name: "proc_net_snmp6",
        command: "cat /proc/net/snmp6",
        versions: &["Linux 6.18"],
        returns: "map from counter name (Ip6InReceives) to value",
        parse: |text| to_json(proc_net_snmp6::parse(text)),
    },
    Parser {
        name: "proc_net_stat_nf_conntrack",
        command: "cat /proc/net/stat/nf_conntrack",
        versions: &["Linux 6.18"],
        returns: "entries, total {insert_failed, drop, early_drop, ...}, per_cpu",
        parse: |text| to_json(proc_net_stat_nf_conntrack::parse(text)),
    },
    Parser {
        name: "proc_net_softnet_stat",
        command: "cat /proc/net/softnet_stat",
        versions: &["Linux 6.18"],
        returns: "list of processors: cpu, processed, dropped, time_squeeze",
        parse: |text| to_json(proc_net_softnet_stat::parse(text)),
    },
    Parser {
        name: "proc_net_sockstat",
        command: "cat /proc/net/sockstat",
        versions: &["Linux 6.18"],
        returns: "map from protocol to map of inuse, orphan, tw, alloc, mem (pages)",
        parse: |text| to_json(proc_net_sockstat::parse(text)),
    },
    Parser {
        name: "proc_interrupts",
        command: "cat /proc/interrupts",
        versions: &["Linux 6.18"],
        returns: "list of interrupts: name, per_cpu, total, description",
        parse: |text| to_json(proc_interrupts::parse(text)),
    },
    Parser {
        name: "proc_loadavg",
        command: "cat /proc/loadavg",
        versions: &["Linux 6.18"],
        returns: "load_1m, load_5m, load_15m, runnable, tasks, last_pid",
        parse: |text| to_json(proc_loadavg::parse(text)),
    },
    Parser {
        name: "proc_stat",
        command: "cat /proc/stat",
        versions: &["Linux 6.18"],
        returns: "cpu and cpus {user_ticks, system_ticks, idle_ticks, softirq_ticks, steal_ticks, ...}, context_switches, softirqs",
        parse: |text| to_json(proc_stat::parse(text)),
    },
    Parser {
        name: "proc_meminfo",
        command: "cat /proc/meminfo",
        versions: &["Linux 6.18"],
        returns: "map from name (MemAvailable) to bytes",
        parse: |text| to_json(proc_meminfo::parse(text)),
    },
    Parser {
        name: "proc_pressure",
        command: "cat /proc/pressure/cpu",
        versions: &["Linux 6.18"],
        returns: "some and full {avg10_ratio, avg60_ratio, avg300_ratio, total_us}",
        parse: |text| to_json(proc_pressure::parse(text)),
    },
    Parser {
        name: "ethtool",
        command: "ethtool NAME",
        versions: &["ethtool 6.1"],
        returns: "speed_mbps, duplex, auto_negotiation, port, link_detected, other",
        parse: |text| to_json(ethtool::settings::parse(text)),
    },
    Parser {
        name: "ethtool_i",
        command: "ethtool -i NAME",
        versions: &["ethtool 6.1"],
        returns: "driver, version, firmware_version, bus_info, supports",
        parse: |text| to_json(ethtool::driver::parse(text)),
    },
    Parser {
        name: "ethtool_k",
        command: "ethtool -k NAME",
        versions: &["ethtool 6.1"],
        returns: "map from offload to on, fixed, requested_on",
        parse: |text| to_json(ethtool::features::parse(text)),
    },
    Parser {
        name: "ethtool_s",
        command: "ethtool -S NAME",
        versions: &["ethtool 6.1"],
        returns: "map from the driver's counter name to value",
        parse: |text| to_json(ethtool::statistics::parse(text)),
    },
    Parser {
        name: "ethtool_g",
        command: "ethtool -g NAME",
        versions: &["ethtool 6.1"],
        returns: "maximum and current {rx, rx_mini, rx_jumbo, tx} in packets",
        parse: |text| to_json(ethtool::rings::parse(text)),
    },
    Parser {
        name: "ethtool_c",
        command: "ethtool -c NAME",
        versions: &["ethtool 6.1"],
        returns: "adaptive_rx, adaptive_tx, values",
        parse: |text| to_json(ethtool::coalesce::parse(text)),
    },
    Parser {
        name: "dmesg",
        command: "dmesg",
        versions: &["util-linux 2.38"],
        returns: "list of messages: uptime_s or time, facility, level, text",
        parse: |text| to_json(dmesg::parse(text)),
    },
    Parser {
        name: "pgrep",
        command: "pgrep -a NAME",
        versions: &["procps 4.0"],
        returns: "list of processes: pid, command",
        parse: |text| to_json(pgrep::parse(text)),
    },
];
