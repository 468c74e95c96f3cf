//! Probes: tools that send traffic and say what came back.

pub mod curl_verbose;
pub mod curl_write_out;
pub mod dig;
pub mod nc;
pub mod nslookup;
pub mod ping;

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
];
