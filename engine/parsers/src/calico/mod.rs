pub mod calico_node_probe;
pub mod calicoctl_get;
pub mod calicoctl_ipam_check;
pub mod calicoctl_ipam_show;
pub mod calicoctl_node_status;
mod duration;
pub mod felix_log;
pub mod felix_readiness;
pub mod prometheus;
mod table;

use crate::registry::{Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "calico_node_probe",
        command: "calico-node -felix-ready -bird-ready",
        versions: &["3.34-dev"],
        returns: "whether the probe passed, and the reason if not: kind, component, peers",
        parse: |text| to_json(calico_node_probe::parse(text)),
    },
    Parser {
        name: "calicoctl_get",
        command: "calicoctl get ippools -o yaml",
        versions: &["3.34-dev", "3.34-dev JSON"],
        returns: "kind and objects, with the fields of the API",
        parse: |text| to_json(calicoctl_get::parse(text)),
    },
    Parser {
        name: "calicoctl_ipam_check",
        command: "calicoctl ipam check --show-problem-ips",
        versions: &["3.34-dev"],
        returns: "what the audit found: leaks, addresses outside of pools or without allocation, handles; counts; number of problems",
        parse: |text| to_json(calicoctl_ipam_check::parse(text)),
    },
    Parser {
        name: "calicoctl_ipam_report",
        command: "calicoctl ipam check -o report.json && cat report.json",
        versions: &["3.34-dev"],
        returns: "allocations with handle, owner and whether they are in use; leaked handles",
        parse: |text| to_json(calicoctl_ipam_check::parse_report(text)),
    },
    Parser {
        name: "calicoctl_ipam_show",
        command: "calicoctl ipam show --show-blocks",
        versions: &["3.34-dev", "older, without reserved addresses"],
        returns: "pools and blocks with numbers of addresses; borrowed addresses; configuration; one address and its owner",
        parse: |text| to_json(calicoctl_ipam_show::parse(text)),
    },
    Parser {
        name: "calicoctl_node_status",
        command: "calicoctl node status",
        versions: &["3.34-dev"],
        returns: "whether calico-node runs, and its BGP peers with state and last error",
        parse: |text| to_json(calicoctl_node_status::parse(text)),
    },
    Parser {
        name: "felix_log",
        command: "kubectl logs -n kube-system calico-node-xxxxx -c calico-node",
        versions: &["3.34-dev text", "JSON", "logfmt"],
        returns: "log entries with time, level, component, source file and line, message and fields",
        parse: |text| to_json(felix_log::parse(text)),
    },
    Parser {
        name: "felix_readiness",
        command: "curl -s -w '\\nHTTP %{http_code}\\n' http://127.0.0.1:9099/readiness",
        versions: &["3.34-dev"],
        returns: "HTTP status and, per component, liveness, readiness, timeout in seconds and detail",
        parse: |text| to_json(felix_readiness::parse(text)),
    },
    Parser {
        name: "prometheus",
        command: "curl -s http://127.0.0.1:9091/metrics",
        versions: &["0.0.4 text format"],
        returns: "metric families with type and help, and samples with labels and value",
        parse: |text| to_json(prometheus::parse(text)),
    },
];
