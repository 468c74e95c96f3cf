pub mod bird_config;
pub mod birdcl_show_interfaces;
pub mod birdcl_show_memory;
pub mod birdcl_show_protocols;
pub mod birdcl_show_protocols_all;
pub mod birdcl_show_route;
pub mod birdcl_show_status;
pub mod protocol_details;
pub mod reply;

use crate::registry::{Parser, to_json};

/// The answers of BIRD that were recorded.
const BIRD: &[&str] = &["1.6.8", "2.0.12"];

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "bird_config",
        command: "cat /etc/calico/confd/config/bird.cfg",
        versions: &["confd 3.34-dev", "BIRD 1.6 syntax", "BIRD 2 channels"],
        returns: "router id, protocols with their BGP settings and static routes, filters and functions as lists of rules",
        parse: |text| to_json(bird_config::parse(text)),
    },
    Parser {
        name: "birdcl_show_protocols",
        command: "birdcl show protocols",
        versions: BIRD,
        returns: "protocols with state, BGP session state and last error; or why BIRD refused",
        parse: |text| to_json(birdcl_show_protocols::parse(text)),
    },
    Parser {
        name: "birdcl_show_protocols_all",
        command: "birdcl show protocols all",
        versions: BIRD,
        returns: "protocols with route counts per channel and, for BGP, the session: neighbour, timers in seconds, last error",
        parse: |text| to_json(birdcl_show_protocols_all::parse(text)),
    },
    Parser {
        name: "birdcl_show_status",
        command: "birdcl show status",
        versions: BIRD,
        returns: "version, router id, times of start and of the last configuration, and whether a graceful restart is going on",
        parse: |text| to_json(birdcl_show_status::parse(text)),
    },
    Parser {
        name: "birdcl_show_route",
        command: "birdcl show route all",
        versions: BIRD,
        returns: "routes with next hop, source protocol, preference and attributes; counts; or why BIRD refused",
        parse: |text| to_json(birdcl_show_route::parse(text)),
    },
    Parser {
        name: "birdcl_show_interfaces",
        command: "birdcl show interfaces",
        versions: BIRD,
        returns: "interfaces with state, flags, MTU in bytes and addresses; the summary form too",
        parse: |text| to_json(birdcl_show_interfaces::parse(text)),
    },
    Parser {
        name: "birdcl_show_memory",
        command: "birdcl show memory",
        versions: BIRD,
        returns: "what BIRD uses memory for, in bytes",
        parse: |text| to_json(birdcl_show_memory::parse(text)),
    },
];
