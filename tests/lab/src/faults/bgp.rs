//! BIRD and its sessions.

use super::Fault;
use crate::{Result, lab::Lab, plan::NODES};
use serde_json::json;

fn plain_lost(lab: &Lab) -> Result<bool> {
    lab.lost("cart", "orders")
}

fn mesh(lab: &Lab, on: bool) -> Result<()> {
    lab.calico_apply(
        "BGPConfiguration",
        json!({"name": "default"}),
        json!({"nodeToNodeMeshEnabled": on, "asNumber": 64512, "logSeverityScreen": "Info"}),
    )
}

/// A login on the node finds no `birdcl`: it is in the container.
const NO_BIRDCL: &[&str] = &["ssh"];

pub const ALL: &[Fault] = &[
    Fault {
        name: "bgp-as-mismatch",
        what: "explicit peerings instead of the mesh, one with a wrong AS number",
        runbook: "bgp-peer-down",
        args: "--node alder",
        first: &["BGP-AS-MISMATCH"],
        also: &["BGP-DOWN", "REMOTE-ROUTE-MISSING"],
        blind: NO_BIRDCL,
        inject: |l| {
            mesh(l, false)?;
            for from in &NODES {
                for to in NODES.iter().filter(|n| n.name != from.name) {
                    let number = if (from.name, to.name) == ("alder", "birch") {
                        64513
                    } else {
                        64512
                    };
                    let name = json!({"name": format!("{}-to-{}", from.name, to.name)});
                    l.calico_apply(
                        "BGPPeer",
                        name,
                        json!({"node": from.name, "peerIP": to.address, "asNumber": number}),
                    )?;
                }
            }
            Ok(())
        },
        bites: |l| Ok(l.in_calico("alder", "birdcl show protocols")?.contains("Bad peer AS")),
        heal: |l| {
            for from in &NODES {
                for to in NODES.iter().filter(|n| n.name != from.name) {
                    l.calico_delete("bgppeer", &[&format!("{}-to-{}", from.name, to.name)])?;
                }
            }
            mesh(l, true)
        },
    },
    Fault {
        name: "bgp-mesh-disabled-no-peers",
        what: "the mesh is off and there are no peerings",
        runbook: "bgp-peer-down",
        args: "--node alder",
        first: &["BGP-NO-PEERS"],
        also: &["BGP-DOWN", "BGP-PEER-NOT-CONFIGURED", "REMOTE-ROUTE-MISSING"],
        blind: &[],
        inject: |l| mesh(l, false),
        bites: plain_lost,
        heal: |l| mesh(l, true),
    },
    Fault {
        name: "bgp-export-disabled",
        what: "a pool's blocks are not exported",
        runbook: "bgp-route-missing",
        args: "--node alder --from birch",
        first: &["EXPORT-DISABLED-POOL"],
        also: &["ROUTE-NOT-EXPORTED", "REMOTE-ROUTE-MISSING"],
        blind: NO_BIRDCL,
        inject: |l| l.calico_patch("ippool", "plain", json!({"disableBGPExport": true})),
        bites: plain_lost,
        heal: |l| l.calico_patch("ippool", "plain", json!({"disableBGPExport": false})),
    },
    Fault {
        name: "bgp-port-blocked",
        what: "a node's own firewall drops TCP 179, and sessions had to start again",
        runbook: "bgp-peer-down",
        args: "--node alder",
        first: &["BGP-TCP-BLOCKED"],
        also: &["BGP-DOWN", "HOST-FIREWALL", "REMOTE-ROUTE-MISSING"],
        blind: NO_BIRDCL,
        inject: |l| {
            l.firewall(
                "birch",
                "input",
                &["tcp dport 179 counter drop", "tcp sport 179 counter drop"],
            )?;
            l.sv("birch", "restart", "bird")
        },
        bites: |l| Ok(!l.in_calico("birch", "birdcl show protocols")?.contains("Established")),
        heal: |l| {
            l.no_firewall("birch")?;
            NODES.iter().try_for_each(|n| l.sv(n.name, "restart", "bird"))
        },
    },
    Fault {
        name: "bird-stopped",
        what: "BIRD was stopped on a node",
        runbook: "bgp-peer-down",
        args: "--node alder",
        first: &["BIRD-DOWN"],
        also: &["BGP-DOWN", "REMOTE-ROUTE-MISSING"],
        blind: NO_BIRDCL,
        inject: |l| l.sv("birch", "down", "bird"),
        bites: plain_lost,
        heal: |l| l.sv("birch", "up", "bird"),
    },
    Fault {
        name: "bird-stopped-cross-node",
        what: "BIRD was stopped on a node, seen from pods",
        runbook: "pod-cross-node",
        args: "--src {cart} --dst {orders}",
        first: &["BIRD-DOWN"],
        also: &["BGP-DOWN", "REMOTE-ROUTE-MISSING"],
        blind: NO_BIRDCL,
        inject: |l| l.sv("birch", "down", "bird"),
        bites: plain_lost,
        heal: |l| l.sv("birch", "up", "bird"),
    },
];
