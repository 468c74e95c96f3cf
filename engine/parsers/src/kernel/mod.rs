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

use crate::registry::{Example, Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "sysctl",
        command: "sysctl -a",
        versions: &["procps 4.0", "busybox 1.35"],
        returns: "map from key to value as text",
        example: Example {
            text: "net.ipv4.conf.cali7940e3525e5.proxy_arp = 0",
            holds: r#"got["net.ipv4.conf.cali7940e3525e5.proxy_arp"] == "0""#,
        },
        parse: |text| to_json(sysctl::parse(text)),
    },
    Parser {
        name: "nstat",
        command: "nstat -az",
        versions: &["iproute2 6.1 text", "iproute2 6.1 JSON"],
        returns: "map from counter name (IpInReceives, TcpExtListenDrops) to value",
        example: Example {
            text: r"#kernel
IpInAddrErrors                  0                  0.0
TcpExtIPReversePathFilter       7                  0.0",
            holds: "got.TcpExtIPReversePathFilter == 7",
        },
        parse: |text| to_json(nstat::parse(text)),
    },
    Parser {
        name: "proc_net_snmp",
        command: "cat /proc/net/snmp",
        versions: &["Linux 6.18"],
        returns: "map from counter name, as in nstat, to value",
        example: Example {
            text: r"Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
Udp: 44 0 0 0 0 0 0 0 0",
            holds: "got.UdpInDatagrams >= 0",
        },
        parse: |text| to_json(proc_net_snmp::parse(text)),
    },
    Parser {
        name: "proc_net_netstat",
        command: "cat /proc/net/netstat",
        versions: &["Linux 6.18"],
        returns: "map from counter name, as in nstat, to value",
        example: Example {
            text: r"IpExt: InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts ReasmOverlaps
IpExt: 0 0 0 0 0 0 352133 557091 0 0 0 0 0 400 0 0 0 0",
            holds: "got.IpExtInOctets == 352133",
        },
        parse: |text| to_json(proc_net_netstat::parse(text)),
    },
    Parser {
        name: "proc_net_dev",
        command: "cat /proc/net/dev",
        versions: &["Linux 6.18"],
        returns: "list of devices: name, rx_bytes, rx_packets, rx_errors, rx_dropped, ..., tx_carrier",
        example: Example {
            text: r"Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
vxlan.calico:    9942     126    0    0    0     0          0         0    15906     218    0    8    0     0       0          0",
            holds: r#"got[0].name == "vxlan.calico" && got[0].tx_dropped == 8"#,
        },
        parse: |text| to_json(proc_net_dev::parse(text)),
    },
    Parser {
        name: "ps",
        command: "ps aux",
        versions: &["procps 4.0", "busybox 1.35"],
        returns: "list of processes: pid, ppid, user, cpu_ratio, rss_bytes, stat, cpu_time_s, command",
        example: Example {
            text: r"USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND
root           1  0.0  0.0   3940  3096 ?        S    15:22   0:00 /sbin/init -c sleep 7200 & wait $!
root          13  0.0  0.0   2500  1440 ?        S    15:22   0:00 sleep 7200",
            holds: r#"got[1].pid == 13 && got[1].command == "sleep 7200""#,
        },
        parse: |text| to_json(ps::parse(text)),
    },
    Parser {
        name: "proc_net_snmp6",
        command: "cat /proc/net/snmp6",
        versions: &["Linux 6.18"],
        returns: "map from counter name (Ip6InReceives) to value",
        example: Example {
            text: r"Ip6InReceives                   	1
Ip6InHdrErrors                  	0
Ip6InTooBigErrors               	0",
            holds: "got.Ip6InReceives == 1",
        },
        parse: |text| to_json(proc_net_snmp6::parse(text)),
    },
    Parser {
        name: "proc_net_stat_nf_conntrack",
        command: "cat /proc/net/stat/nf_conntrack",
        versions: &["Linux 6.18"],
        returns: "entries, total {insert_failed, drop, early_drop, ...}, per_cpu",
        example: Example {
            text: r"entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00040000  00000000 00000000 00000000 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000
00040000  00000000 00000000 00000000 00000002 00000000 00000000 00000000 0003ffb6 00000000 00000013 00000000 00000000  00000000 00000000 00000000 00000000",
            holds: "got.entries == 262144 && got.total.drop == 19",
        },
        parse: |text| to_json(proc_net_stat_nf_conntrack::parse(text)),
    },
    Parser {
        name: "proc_net_softnet_stat",
        command: "cat /proc/net/softnet_stat",
        versions: &["Linux 6.18"],
        returns: "list of processors: cpu, processed, dropped, time_squeeze",
        example: Example {
            text: r"000004dd 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
0000323b 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000",
            holds: "got[1].processed == 12859 && got[1].dropped == 0",
        },
        parse: |text| to_json(proc_net_softnet_stat::parse(text)),
    },
    Parser {
        name: "proc_net_sockstat",
        command: "cat /proc/net/sockstat",
        versions: &["Linux 6.18"],
        returns: "map from protocol to map of inuse, orphan, tw, alloc, mem (pages)",
        example: Example {
            text: r"TCP6: inuse 0
UDP6: inuse 0
UDPLITE6: inuse 0
RAW6: inuse 0
FRAG6: inuse 0 memory 0",
            holds: "got.TCP6.inuse == 0",
        },
        parse: |text| to_json(proc_net_sockstat::parse(text)),
    },
    Parser {
        name: "proc_interrupts",
        command: "cat /proc/interrupts",
        versions: &["Linux 6.18"],
        returns: "list of interrupts: name, per_cpu, total, description",
        example: Example {
            text: r"           CPU0       CPU1
 24:          1          0  IO-APIC   5-edge      ACPI:Ged
 25:          0          1  IO-APIC   6-edge      ACPI:Ged",
            holds: "got[0].total == 1",
        },
        parse: |text| to_json(proc_interrupts::parse(text)),
    },
    Parser {
        name: "proc_loadavg",
        command: "cat /proc/loadavg",
        versions: &["Linux 6.18"],
        returns: "load_1m, load_5m, load_15m, runnable, tasks, last_pid",
        example: Example {
            text: "0.33 0.84 0.77 1/89 12069",
            holds: "got.load_1m == 0.33 && got.tasks == 89",
        },
        parse: |text| to_json(proc_loadavg::parse(text)),
    },
    Parser {
        name: "proc_stat",
        command: "cat /proc/stat",
        versions: &["Linux 6.18"],
        returns: "cpu and cpus {user_ticks, system_ticks, idle_ticks, softirq_ticks, steal_ticks, ...}, context_switches, softirqs",
        example: Example {
            text: r"cpu  89306 0 20474 237135 1355 0 331 452 0 0
cpu0 41690 0 9227 122911 349 0 99 223 0 0
cpu1 47616 0 11246 114223 1006 0 232 228 0 0
ctxt 1205528",
            holds: "got.cpus.len() == 2 && got.cpu.softirq_ticks == 331",
        },
        parse: |text| to_json(proc_stat::parse(text)),
    },
    Parser {
        name: "proc_meminfo",
        command: "cat /proc/meminfo",
        versions: &["Linux 6.18"],
        returns: "map from name (MemAvailable) to bytes",
        example: Example {
            text: r"MemTotal:       24683656 kB
MemFree:        22688764 kB
MemAvailable:   24249532 kB",
            holds: "got.MemAvailable == 24831520768",
        },
        parse: |text| to_json(proc_meminfo::parse(text)),
    },
    Parser {
        name: "proc_pressure",
        command: "cat /proc/pressure/cpu",
        versions: &["Linux 6.18"],
        returns: "some and full {avg10_ratio, avg60_ratio, avg300_ratio, total_us}",
        example: Example {
            text: r"some avg10=0.18 avg60=0.94 avg300=4.62 total=127488052
full avg10=0.00 avg60=0.00 avg300=0.00 total=0",
            holds: "got.some.avg60_ratio == 0.0094",
        },
        parse: |text| to_json(proc_pressure::parse(text)),
    },
    Parser {
        name: "ethtool",
        command: "ethtool NAME",
        versions: &["ethtool 6.1"],
        returns: "speed_mbps, duplex, auto_negotiation, port, link_detected, other",
        example: Example {
            text: r"Settings for eth0:
	Supported ports: [  ]
	Speed: Unknown!
	Duplex: Unknown! (255)
	Auto-negotiation: off
	Link detected: yes",
            holds: "got.link_detected && got.speed_mbps == ()",
        },
        parse: |text| to_json(ethtool::settings::parse(text)),
    },
    Parser {
        name: "ethtool_i",
        command: "ethtool -i NAME",
        versions: &["ethtool 6.1"],
        returns: "driver, version, firmware_version, bus_info, supports",
        example: Example {
            text: r"driver: vxlan
version: 0.1
firmware-version:
expansion-rom-version:
bus-info:
supports-statistics: no",
            holds: r#"got.driver == "vxlan""#,
        },
        parse: |text| to_json(ethtool::driver::parse(text)),
    },
    Parser {
        name: "ethtool_k",
        command: "ethtool -k NAME",
        versions: &["ethtool 6.1"],
        returns: "map from offload to on, fixed, requested_on",
        example: Example {
            text: r"Features for eth0:
rx-checksumming: on
tx-checksumming: on
	tx-checksum-ipv4: off [fixed]",
            holds: r#"got["rx-checksumming"].on && got["tx-checksum-ipv4"].fixed"#,
        },
        parse: |text| to_json(ethtool::features::parse(text)),
    },
    Parser {
        name: "ethtool_s",
        command: "ethtool -S NAME",
        versions: &["ethtool 6.1"],
        returns: "map from the driver's counter name to value",
        example: Example {
            text: r"NIC statistics:
     peer_ifindex: 4
     rx_queue_0_xdp_packets: 0",
            holds: "got.peer_ifindex == 4",
        },
        parse: |text| to_json(ethtool::statistics::parse(text)),
    },
    Parser {
        name: "ethtool_g",
        command: "ethtool -g NAME",
        versions: &["ethtool 6.1"],
        returns: "maximum and current {rx, rx_mini, rx_jumbo, tx} in packets",
        example: Example {
            text: r"Ring parameters for eth0:
Pre-set maximums:
RX:		256
RX Mini:	n/a
RX Jumbo:	n/a
TX:		256
Current hardware settings:
RX:		256
RX Mini:	n/a
RX Jumbo:	n/a
TX:		256",
            holds: "got.current.rx == 256",
        },
        parse: |text| to_json(ethtool::rings::parse(text)),
    },
    Parser {
        name: "ethtool_c",
        command: "ethtool -c NAME",
        versions: &["ethtool 6.1"],
        returns: "adaptive_rx, adaptive_tx, values",
        example: Example {
            text: r"Coalesce parameters for eth0:
Adaptive RX: off  TX: n/a
rx-usecs: 0
rx-frames: 1",
            holds: r#"!got.adaptive_rx && got.values["rx-frames"] == 1"#,
        },
        parse: |text| to_json(ethtool::coalesce::parse(text)),
    },
    Parser {
        name: "dmesg",
        command: "dmesg",
        versions: &["util-linux 2.38"],
        returns: "list of messages: uptime_s or time, facility, level, text",
        example: Example {
            text: "[ 1997.996447] nf_conntrack: nf_conntrack: table full in netns 4026533433, dropping packet",
            holds: r#"got[0].uptime_s == 1997.996447 && got[0].text.contains("table full")"#,
        },
        parse: |text| to_json(dmesg::parse(text)),
    },
    Parser {
        name: "pgrep",
        command: "pgrep -a NAME",
        versions: &["procps 4.0"],
        returns: "list of processes: pid, command",
        example: Example {
            text: "60 bird -R -s /var/run/calico/bird.ctl -P /run/calico/bird.pid -c /etc/calico/confd/config/bird.cfg",
            holds: "got[0].pid == 60",
        },
        parse: |text| to_json(pgrep::parse(text)),
    },
];
