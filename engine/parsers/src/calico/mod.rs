pub mod calico_node_probe;
mod duration;
pub mod felix_log;
pub mod felix_readiness;
pub mod prometheus;

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
