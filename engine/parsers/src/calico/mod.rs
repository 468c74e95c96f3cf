pub mod calico_node_probe;
pub mod calicoctl_get;
pub mod calicoctl_get_wide;
pub mod calicoctl_ipam_check;
pub mod calicoctl_ipam_show;
pub mod calicoctl_node_status;
mod duration;
pub mod felix_log;
pub mod felix_readiness;
pub mod prometheus;
mod table;

use crate::registry::{Example, Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "calico_node_probe",
        command: "calico-node -felix-ready -bird-ready",
        versions: &["3.34-dev"],
        returns: "whether the probe passed, and the reason if not: kind, component, peers",
        example: Example {
            text: "calico/node is not ready: BIRD is not ready: BGP not established with 198.18.0.1,198.18.0.3",
            holds: r#"!got.passed && got.reason.peers[1] == "198.18.0.3""#,
        },
        parse: |text| to_json(calico_node_probe::parse(text)),
    },
    Parser {
        name: "calicoctl_get",
        command: "calicoctl get ippools -o yaml",
        versions: &["3.34-dev", "3.34-dev JSON"],
        returns: "kind and objects, with the fields of the API",
        example: Example {
            text: r#"apiVersion: projectcalico.org/v3
items: []
kind: BGPFilterList
metadata:
  resourceVersion: "524""#,
            holds: r#"got.kind == "BGPFilterList" && got.items.is_empty()"#,
        },
        parse: |text| to_json(calicoctl_get::parse(text)),
    },
    Parser {
        name: "calicoctl_get_wide",
        command: "calicoctl get ippools -o wide",
        versions: &["3.34-dev"],
        returns: "columns, and rows as maps from column (NAME, CIDR) to text",
        example: Example {
            text: r"NAME                  CIDR           NAT    IPIPMODE   VXLANMODE   DISABLED   DISABLEBGPEXPORT   SELECTOR   ASSIGNMENTMODE
bgp-pool              10.66.0.0/16   true   Never      Never       false      false              all()      Automatic",
            holds: r#"got.rows[0].CIDR == "10.66.0.0/16" && got.rows[0].NAME == "bgp-pool""#,
        },
        parse: |text| to_json(calicoctl_get_wide::parse(text)),
    },
    Parser {
        name: "calicoctl_ipam_check",
        command: "calicoctl ipam check --show-problem-ips",
        versions: &["3.34-dev"],
        returns: "what the audit found: leaks, addresses outside of pools or without allocation, handles; counts; number of problems",
        example: Example {
            text: r"Checking IPAM for inconsistencies...
Found 6 IPAM blocks.
Scanning for IPs that are allocated but not actually in use...
  10.65.74.195 leaked; attrs Main:k8s-pod-network.d6f339c81f13d03c8d210dacf6bb7e2ff940b93b1f045781d8599e397828bc6a Extra:namespace=shop,node=kworker-2,pod=batch-5d8f6c7b9-42whx,timestamp=2026-11-24 16:58:44.22868283 +0000 UTC
Found 4 IPs that are allocated in IPAM but not actually in use.
Check complete; found 4 problems.",
            holds: r#"got.problems == 4 && got.leaked[0].address == "10.65.74.195""#,
        },
        parse: |text| to_json(calicoctl_ipam_check::parse(text)),
    },
    Parser {
        name: "calicoctl_ipam_report",
        command: "calicoctl ipam check -o report.json && cat report.json",
        versions: &["3.34-dev"],
        returns: "allocations with handle, owner and whether they are in use; leaked handles",
        example: Example {
            text: r#"{
  "version": "v3.34.0",
  "clusterGUID": "0f1e2d3c4b5a",
  "datastoreLocked": true,
  "clusterInformationRevision": "513",
  "clusterType": "kdd,k8s,bgp",
  "allocations": {
    "192.0.2.65": [
      {
        "ip": "192.0.2.65",
        "handle": "k8s-pod-network.40b34a08",
        "sequenceNumber": 7,
        "pod": "batch-5d8f6c7b9-lvdzz",
        "namespace": "shop",
        "node": "worker-1",
        "creationTimestamp": "2026-11-24 16:58:43.853310313 +0000 UTC",
        "inUse": false,
        "owners": null
      }
    ],
    "192.0.2.66": [
      {
        "ip": "192.0.2.66",
        "handle": "vxlan-tunnel-addr-worker-1",
        "sequenceNumber": 0,
        "node": "worker-1",
        "type": "vxlanTunnelAddress",
        "inUse": true,
        "borrowed": true,
        "owners": [
          "Node(worker-1)"
        ]
      }
    ]
  },
  "leakedHandles": [
    {
      "ID": "k8s-pod-network.da690ecc",
      "UID": "cc332277-91f4-4744-87e0-4a24705c12b7",
      "Revision": "313"
    }
  ]
}"#,
            holds: "got.allocations[0].in_use == false && got.datastore_locked",
        },
        parse: |text| to_json(calicoctl_ipam_check::parse_report(text)),
    },
    Parser {
        name: "calicoctl_ipam_show",
        command: "calicoctl ipam show --show-blocks",
        versions: &["3.34-dev", "older, without reserved addresses"],
        returns: "pools and blocks with numbers of addresses; borrowed addresses; configuration; one address and its owner",
        example: Example {
            text: r"+----------+--------------+-----------+------------+--------------+--------------+
| GROUPING | CIDR         | IPS TOTAL | IPS IN USE | IPS RESERVED | IPS FREE     |
+----------+--------------+-----------+------------+--------------+--------------+
| IP Pool  | 10.66.0.0/16 |     65536 |     4 (0%) |       0 (0%) | 65532 (100%) |
| IP Pool  | 10.65.0.0/16 |     65536 |     9 (0%) |       0 (0%) | 65527 (100%) |",
            holds: r#"got.pools[0].cidr == "10.66.0.0/16" && got.pools[0].in_use == 4"#,
        },
        parse: |text| to_json(calicoctl_ipam_show::parse(text)),
    },
    Parser {
        name: "calicoctl_node_status",
        command: "calicoctl node status",
        versions: &["3.34-dev"],
        returns: "whether calico-node runs, and its BGP peers with state and last error",
        example: Example {
            text: r"Calico process is running.

IPv4 BGP status
+--------------+---------------+-------+----------+----------------------------+
| PEER ADDRESS | PEER TYPE     | STATE | SINCE    | INFO                       |
+--------------+---------------+-------+----------+----------------------------+
| 198.18.0.1   | node specific | start | 16:32:37 | Idle Received: Bad peer AS |
| 198.18.0.3   | node specific | up    | 16:32:23 | Established                |",
            holds: r#"got.running && got.peers[0].state == "start""#,
        },
        parse: |text| to_json(calicoctl_node_status::parse(text)),
    },
    Parser {
        name: "felix_log",
        command: "kubectl logs -n kube-system calico-node-xxxxx -c calico-node",
        versions: &["3.34-dev text", "JSON", "logfmt"],
        returns: "log entries with time, level, component, source file and line, message and fields",
        example: Example {
            text: "2026-11-24T16:30:54.78550 2026-11-24 16:30:54.784 [INFO][204] felix/daemon.go 774: Setting GOGC from configuration. GOGC=40",
            holds: r#"got.entries[0].level == "info" && got.entries[0].component == "felix""#,
        },
        parse: |text| to_json(felix_log::parse(text)),
    },
    Parser {
        name: "felix_readiness",
        command: "curl -s -w '\\nHTTP %{http_code}\\n' http://127.0.0.1:9099/readiness",
        versions: &["3.34-dev"],
        returns: "HTTP status and, per component, liveness, readiness, timeout in seconds and detail",
        example: Example {
            text: r"+---------------------------+---------+----------------+-----------------+--------+
| COMPONENT                 | TIMEOUT | LIVENESS       | READINESS       | DETAIL |
+---------------------------+---------+----------------+-----------------+--------+
| CalculationGraph          | 30s     | reporting live | reporting ready |        |
| FelixStartup              | -       | reporting live | reporting ready |        |
| InternalDataplaneMainLoop | 1m30s   | reporting live | reporting ready |        |
+---------------------------+---------+----------------+-----------------+--------+
HTTP 200",
            holds: "got.http_status == 200 && got.components[0].live",
        },
        parse: |text| to_json(felix_readiness::parse(text)),
    },
    Parser {
        name: "prometheus",
        command: "curl -s http://127.0.0.1:9091/metrics",
        versions: &["0.0.4 text format"],
        returns: "metric families with type and help, and samples with labels and value",
        example: Example {
            text: r#"# HELP ipam_allocations_borrowed IPs currently allocated in IPAM to a workload or tunnel endpoint, where the allocation was borrowed from a block affine to another node.
# TYPE ipam_allocations_borrowed gauge
ipam_allocations_borrowed{ippool="bgp-pool",node="kworker-1"} 0"#,
            holds: r#"got.samples[0].value == 0.0 && got.samples[0].labels.node == "kworker-1""#,
        },
        parse: |text| to_json(prometheus::parse(text)),
    },
];
