//! Cables: namespaces, a switch that routes, the link to this machine.

use crate::{
    Result,
    plan::{CONTROL, CONTROL_ADDRESS, HOST_ADDRESS, HOST_LINK, NODES, OUTSIDE, OUTSIDE_ADDRESS, PREFIX, SWITCH},
    sh::{self, run},
};

const BRIDGES: [(&str, &str); 4] = [
    ("north", "198.18.8.1/24"),
    ("south", "198.18.9.1/24"),
    ("back", "198.18.10.1/24"),
    ("street", "203.0.113.1/24"),
];

/// All namespaces of a lab that are there now.
pub fn namespaces() -> Result<Vec<String>> {
    let list = run("ip netns list")?;
    let names = list.lines().filter_map(|l| l.split_whitespace().next());
    Ok(names.filter(|n| n.starts_with(PREFIX)).map(String::from).collect())
}

pub fn make() -> Result<()> {
    for machine in [SWITCH, CONTROL, OUTSIDE]
        .into_iter()
        .chain(NODES.iter().map(|n| n.name))
    {
        run(&format!("ip netns add {PREFIX}{machine}"))?;
        within(machine, "ip link set lo up")?;
    }
    for (bridge, address) in BRIDGES {
        within(SWITCH, &format!("ip link add {bridge} type bridge forward_delay 0"))?;
        within(SWITCH, &format!("ip address add {address} dev {bridge}"))?;
        within(SWITCH, &format!("ip link set {bridge} up"))?;
    }
    within(SWITCH, "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0")?;
    for node in &NODES {
        plug(node.name, "eth0", node.bridge, node.address)?;
        within(node.name, &format!("ip route add default via {}", node.gateway))?;
        if let Some(second) = node.second {
            plug(node.name, "eth1", "back", second)?;
        }
    }
    plug(CONTROL, "eth0", "north", CONTROL_ADDRESS)?;
    within(CONTROL, "ip route add default via 198.18.8.1")?;
    plug(OUTSIDE, "eth0", "street", OUTSIDE_ADDRESS)?;
    within(OUTSIDE, "ip route add default via 203.0.113.1")?;
    run(&format!(
        "ip link add {HOST_LINK} type veth peer name host netns {PREFIX}{SWITCH}"
    ))?;
    within(SWITCH, "ip link set host master north up")?;
    run(&format!("ip address add {HOST_ADDRESS}/24 dev {HOST_LINK}"))?;
    run(&format!("ip link set {HOST_LINK} up"))?;
    run(&format!("ip route add 198.18.9.0/24 via 198.18.8.1 dev {HOST_LINK}"))?;
    Ok(())
}

/// The port of the switch that a machine's interface is plugged into.
pub fn port(machine: &str, interface: &str) -> String {
    format!("{machine}-{interface}")
}

fn plug(machine: &str, interface: &str, bridge: &str, address: &str) -> Result<()> {
    let port = port(machine, interface);
    run(&format!(
        "ip -n {PREFIX}{SWITCH} link add {port} type veth peer name {interface} netns {PREFIX}{machine}"
    ))?;
    within(SWITCH, &format!("ip link set {port} master {bridge} up"))?;
    within(machine, &format!("ip address add {address}/24 dev {interface}"))?;
    within(machine, &format!("ip link set {interface} up"))?;
    Ok(())
}

/// Runs a program of this machine in the network of another.
pub fn within(machine: &str, line: &str) -> Result<String> {
    run(&format!("nsenter --net=/run/netns/{PREFIX}{machine} -- {line}"))
}

/// Ends every process in the lab's namespaces, and takes them away. Cables go with their ends.
pub fn remove() -> Result<()> {
    let names = namespaces()?;
    // Processes are found by where they are: so nothing can be forgotten that was started and not written down.
    for _ in 0..50 {
        let mut alive = vec![];
        for name in &names {
            alive.extend(
                run(&format!("ip netns pids {name}"))
                    .unwrap_or_default()
                    .lines()
                    .map(String::from),
            );
        }
        if alive.is_empty() {
            break;
        }
        sh::succeeds(sh::command("kill -KILL").args(&alive));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    for name in names {
        run(&format!("ip netns del {name}"))?;
    }
    // The link is gone once the kernel has cleaned up the switch; it is not waited for by `ip netns del`.
    sh::succeeds(&mut sh::command(&format!("ip link del {HOST_LINK}")));
    Ok(())
}
