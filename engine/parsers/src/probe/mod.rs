//! Probes: tools that send traffic and say what came back.

pub mod arping;
pub mod cni_conflist;
pub mod curl_verbose;
pub mod curl_write_out;
pub mod dig;
pub mod iperf3;
pub mod mtr;
pub mod nc;
pub mod nslookup;
pub mod packet;
mod packet_layers;
pub mod pcap;
pub mod ping;
pub mod pod_sandbox_event;
pub mod resolv_conf;
pub mod tcpdump;
pub mod tracepath;
pub mod traceroute;
pub mod wg_show;

use crate::registry::{Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "ping",
        command: "ping -c 3 ADDRESS",
        versions: &["iputils 20221126", "busybox 1.35"],
        returns: "target, transmitted, received, loss_ratio, rtt_min_ms, rtt_avg_ms, rtt_max_ms, rtt_mdev_ms, replies, errors",
        parse: |text| to_json(ping::parse(text)),
    },
    Parser {
        name: "curl_write_out",
        command: "curl -w '{\"time_total\":%{time_total}}'",
        versions: &["curl 7.88"],
        returns: "exit_code, error, http_code, time_namelookup_s ... time_total_s, size_download_bytes, remote_ip",
        parse: |text| to_json(curl_write_out::parse(text)),
    },
    Parser {
        name: "curl_verbose",
        command: "curl -sv URL",
        versions: &["curl 7.88"],
        returns: "tried, connected, request, response {status, headers}, error {kind, text}, notes",
        parse: |text| to_json(curl_verbose::parse(text)),
    },
    Parser {
        name: "nc",
        command: "nc -zv HOST PORT",
        versions: &["openbsd 1.219", "busybox 1.35", "traditional 1.10", "ncat 7.93"],
        returns: "outcome (succeeded, refused, timed_out, ...) and attempts {host, port, protocol, outcome}",
        parse: |text| to_json(nc::parse(text)),
    },
    Parser {
        name: "dig",
        command: "dig NAME",
        versions: &["BIND 9.18"],
        returns: "status, flags, question, answers {name, ttl_s, kind, value}, short, server, errors, unreachable",
        parse: |text| to_json(dig::parse(text)),
    },
    Parser {
        name: "nslookup",
        command: "nslookup NAME",
        versions: &["BIND 9.18", "busybox 1.35"],
        returns: "server, answers {name, address}, error, notes",
        parse: |text| to_json(nslookup::parse(text)),
    },
    Parser {
        name: "tracepath",
        command: "tracepath -n ADDRESS",
        versions: &["iputils 20221126"],
        returns: "hops {hop, address, time_ms, pmtu, error}, pmtu (bytes), reached, too_many_hops",
        parse: |text| to_json(tracepath::parse(text)),
    },
    Parser {
        name: "traceroute",
        command: "traceroute -n ADDRESS",
        versions: &["traceroute 2.1", "busybox 1.35"],
        returns: "target, hops {hop, probes {address, time_ms, note}}, reached, errors",
        parse: |text| to_json(traceroute::parse(text)),
    },
    Parser {
        name: "mtr",
        command: "mtr -n -j ADDRESS",
        versions: &["mtr 0.95 text", "mtr 0.95 JSON", "mtr 0.93 JSON"],
        returns: "source, target, hops {hop, host, loss_ratio, sent, avg_ms, ...}",
        parse: |text| to_json(mtr::parse(text)),
    },
    Parser {
        name: "arping",
        command: "arping -c 2 -I NAME ADDRESS",
        versions: &["iputils 20221126", "busybox 1.35"],
        returns: "target, replies {address, mac, time_ms}, sent, received, macs",
        parse: |text| to_json(arping::parse(text)),
    },
    Parser {
        name: "iperf3",
        command: "iperf3 -J -c ADDRESS",
        versions: &["iperf3 3.12"],
        returns: "error, protocol, sent and received {bytes, seconds_s, rate_bps}, retransmits, jitter_ms, lost_ratio, intervals",
        parse: |text| to_json(iperf3::parse(text)),
    },
    Parser {
        name: "tcpdump",
        command: "tcpdump -nn -i NAME",
        versions: &["tcpdump 4.99"],
        returns: "packets {time, dev, src, dst, protocol, tcp_flags, icmp, vni, length, inner}, captured, dropped_by_kernel",
        parse: |text| to_json(tcpdump::parse(text)),
    },
    Parser {
        name: "resolv_conf",
        command: "cat /etc/resolv.conf",
        versions: &["glibc 2.36"],
        returns: "nameservers, search, ndots, timeout_s, attempts, options",
        parse: |text| to_json(resolv_conf::parse(text)),
    },
    Parser {
        name: "cni_conflist",
        command: "cat /etc/cni/net.d/10-calico.conflist",
        versions: &["CNI 0.3.1", "CNI 1.0.0"],
        returns: "name, cni_version, plugins {kind, ipam, mtu (bytes), nodename, kubeconfig, other}",
        parse: |text| to_json(cni_conflist::parse(text)),
    },
    Parser {
        name: "pod_sandbox_event",
        command: "kubectl get events --field-selector reason=FailedCreatePodSandBox",
        versions: &["Calico 3.34", "Calico 3.28"],
        returns: "kind (pool_exhausted, unauthorized, ...), sandbox, plugin, operation, pools, node, text",
        parse: |text| to_json(pod_sandbox_event::parse(text)),
    },
    Parser {
        name: "wg_show",
        command: "wg show",
        versions: &["wireguard-tools 1.0"],
        returns: "list of devices: name, listening_port, fwmark, peers {endpoint, allowed_ips, latest_handshake_s, received_bytes}",
        parse: |text| to_json(wg_show::parse(text)),
    },
    Parser {
        name: "pcap",
        command: "tcpdump -nn -c 20 -w - -i NAME | base64",
        versions: &["pcap 2.4", "pcapng 1.0"],
        returns: "format, packets {time_s, src, dst, protocol, tcp_flags, icmp, mtu, vni, wireguard, inner}, truncated",
        parse: |text| to_json(pcap::parse(text)),
    },
];
