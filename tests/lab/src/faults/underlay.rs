//! The network below the pods, and the path of a packet through a node.

use super::Fault;
use crate::{
    Result,
    lab::Lab,
    machine,
    network::{port, within},
    plan::{OUTSIDE_ADDRESS, SWITCH, TUNNEL_POOL},
};
use serde_json::json;

fn web_to_catalog_lost(lab: &Lab) -> Result<bool> {
    lab.lost("web", "catalog")
}

fn outside_lost(lab: &Lab) -> Result<bool> {
    lab.lost("web", OUTSIDE_ADDRESS)
}

pub const ALL: &[Fault] = &[
    Fault {
        name: "healthy",
        what: "no fault",
        runbook: "pod-cross-node",
        args: "--src {web} --dst {catalog}",
        first: &[],
        also: &[],
        blind: &[],
        inject: |_| Ok(()),
        bites: |_| Ok(true),
        heal: |_| Ok(()),
    },
    Fault {
        name: "vxlan-port-blocked",
        what: "a node's own firewall drops UDP 4789",
        runbook: "pod-cross-node",
        args: "--src {web} --dst {catalog}",
        first: &["UNDERLAY-BLOCKS-VXLAN"],
        also: &["HOST-FIREWALL"],
        blind: &[],
        inject: |l| l.firewall("birch", "input", &["udp dport 4789 counter drop"]),
        bites: web_to_catalog_lost,
        heal: |l| l.no_firewall("birch"),
    },
    Fault {
        name: "host-firewall-forward",
        what: "a node's own firewall drops what it forwards to the pool",
        runbook: "pod-connectivity",
        args: "--src {web} --dst {catalog}",
        first: &["HOST-FIREWALL"],
        also: &[],
        blind: &[],
        inject: |l| l.firewall("birch", "forward", &[&format!("ip daddr {TUNNEL_POOL} counter drop")]),
        bites: web_to_catalog_lost,
        heal: |l| l.no_firewall("birch"),
    },
    Fault {
        name: "node-unreachable",
        what: "the switch port of a node is down",
        runbook: "pod-cross-node",
        args: "--src {web} --dst {catalog}",
        first: &["NODE-UNREACHABLE"],
        also: &["BGP-DOWN", "BGP-HOLD-EXPIRED", "BGP-PEER-NODE-DOWN"],
        blind: &[],
        inject: |_| within(SWITCH, &format!("ip link set {} down", port("birch", "eth0"))).map(drop),
        bites: web_to_catalog_lost,
        heal: |_| within(SWITCH, &format!("ip link set {} up", port("birch", "eth0"))).map(drop),
    },
    Fault {
        name: "mtu-path-too-small",
        what: "a link of the underlay passes 1400 bytes only",
        runbook: "net-throughput",
        args: "--src {cart} --dst {orders}",
        first: &["MTU-MISMATCH"],
        also: &[],
        blind: &[],
        inject: |_| within(SWITCH, &format!("ip link set {} mtu 1400", port("birch", "eth0"))).map(drop),
        bites: |l| {
            Ok(
                l.in_pod("cart", &format!("ping -qc1 -W1 -M do -s 1420 {}", l.pod_ip("orders")?))
                    .is_err(),
            )
        },
        heal: |_| within(SWITCH, &format!("ip link set {} mtu 1500", port("birch", "eth0"))).map(drop),
    },
    Fault {
        name: "rp-filter-strict",
        what: "packets arrive on another interface than the way back uses, and rp_filter is strict",
        runbook: "pod-cross-node",
        args: "--src {web} --dst {catalog}",
        first: &["RPF-DROP"],
        also: &[],
        blind: &[],
        inject: |l| {
            l.on(
                "alder",
                "ip route add 198.18.8.12/32 via 198.18.10.12 dev eth1 src 198.18.8.11",
            )?;
            l.on("alder", "sysctl -qw net.ipv4.conf.eth1.arp_announce=2")?;
            l.on(
                "birch",
                "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth1.rp_filter=1",
            )
        },
        bites: web_to_catalog_lost,
        heal: |l| {
            l.on("alder", "ip route del 198.18.8.12/32 via 198.18.10.12 dev eth1")?;
            l.on("alder", "sysctl -qw net.ipv4.conf.eth1.arp_announce=0")?;
            l.on(
                "birch",
                "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0",
            )
        },
    },
    Fault {
        name: "vxlan-route-missing",
        what: "the route to a block was deleted by hand; Felix puts it back at its next refresh (90 s)",
        runbook: "pod-cross-node",
        args: "--src {web} --dst {catalog}",
        first: &["REMOTE-ROUTE-MISSING"],
        also: &["FELIX-DOWN", "FELIX-NOT-READY"],
        blind: &[],
        inject: |l| l.on("alder", &format!("ip route del {}", l.block("birch", "tunnel")?)),
        bites: web_to_catalog_lost,
        heal: |l| l.sv("alder", "restart", "felix"),
    },
    Fault {
        name: "vxlan-device-down",
        what: "the tunnel device of a node was set down by hand while Felix does not run",
        runbook: "pod-cross-node",
        args: "--src {web} --dst {catalog}",
        first: &["TUNNEL-DOWN", "FELIX-DOWN"],
        also: &["TUNNEL-DOWN", "FELIX-DOWN", "REMOTE-ROUTE-MISSING", "FELIX-NOT-READY"],
        blind: &[],
        inject: |l| {
            l.sv("alder", "down", "felix")?;
            l.on("alder", "ip link set vxlan.calico down")
        },
        bites: web_to_catalog_lost,
        heal: |l| {
            l.on("alder", "ip link set vxlan.calico up")?;
            l.sv("alder", "up", "felix")
        },
    },
    Fault {
        name: "ip-forward-off",
        what: "a node does not forward",
        runbook: "pod-connectivity",
        args: "--src {web} --dst {catalog}",
        first: &["SYSCTL-FORWARDING"],
        also: &[],
        blind: &[],
        inject: |l| l.on("alder", "sysctl -qw net.ipv4.ip_forward=0"),
        bites: web_to_catalog_lost,
        heal: |l| {
            l.on("alder", "sysctl -qw net.ipv4.ip_forward=1")?;
            l.sv("alder", "restart", "felix")
        },
    },
    Fault {
        name: "pod-no-default-route",
        what: "the default route in a pod is gone",
        runbook: "pod-connectivity",
        args: "--src {web} --dst {catalog}",
        first: &["POD-ROUTE-WRONG"],
        also: &[],
        blind: &[],
        inject: |l| l.in_pod("web", "ip route del default").map(drop),
        bites: web_to_catalog_lost,
        heal: |l| {
            l.in_pod("web", "ip route add default via 169.254.1.1 dev eth0")
                .map(drop)
        },
    },
    Fault {
        name: "pod-iface-down",
        what: "the node's end of a pod's cable is down",
        runbook: "pod-connectivity",
        args: "--src {web} --dst {catalog}",
        first: &["VETH-DOWN"],
        also: &["LOCAL-ROUTE-MISSING", "VETH-MISSING"],
        blind: &[],
        inject: |l| {
            let (node, link) = l.veth("web")?;
            l.on(&node, &format!("ip link set {link} down"))
        },
        bites: web_to_catalog_lost,
        heal: |l| {
            let node = "alder";
            machine::script(node, "for i in /sys/class/net/cali*; do ip link set ${i##*/} up; done")?;
            l.sv(node, "restart", "felix")
        },
    },
    Fault {
        name: "node-no-default-route",
        what: "a node has no default route",
        runbook: "pod-external",
        args: "--pod {web} --target 203.0.113.10",
        first: &["NODE-NO-EGRESS"],
        also: &[],
        blind: &[],
        inject: |l| l.on("alder", "ip route del default"),
        bites: outside_lost,
        heal: |l| l.on("alder", "ip route add default via 198.18.8.1"),
    },
    Fault {
        name: "nat-outgoing-off",
        what: "natOutgoing is off on the pod's pool",
        runbook: "pod-external",
        args: "--pod {web} --target 203.0.113.10",
        first: &["NAT-OUTGOING-OFF"],
        also: &[],
        blind: &[],
        inject: |l| l.calico_patch("ippool", "tunnel", json!({"natOutgoing": false})),
        bites: outside_lost,
        heal: |l| l.calico_patch("ippool", "tunnel", json!({"natOutgoing": true})),
    },
    Fault {
        name: "packet-loss",
        what: "a node loses a third of what it forwards to a pod",
        runbook: "net-latency",
        args: "--src {web} --dst {catalog}",
        first: &["PACKET-LOSS", "HOST-FIREWALL"],
        also: &["PACKET-LOSS", "HOST-FIREWALL"],
        blind: &[],
        inject: |l| {
            l.firewall(
                "birch",
                "forward",
                &["oifname \"cali*\" numgen random mod 100 < 34 counter drop"],
            )
        },
        bites: |_| Ok(true),
        heal: |l| l.no_firewall("birch"),
    },
];
