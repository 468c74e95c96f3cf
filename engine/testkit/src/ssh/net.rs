//! Namespaces and cables. All we make is called `rbt…` with our pid in it, so that leftovers of a run that was killed
//! are known for what they are.

use super::{Way, node::need};
use crate::{Error, Result};
use std::{
    fs::{self, File},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

const PREFIX: &str = "rbt";

/// The network of one run: a pair of addresses of 198.18.0.0/15 for each cable.
#[derive(Debug)]
pub(super) struct Net {
    /// `rbtPID-N` in base 36.
    id: String,
    /// `198.18.7`
    subnet: String,
    cables: Vec<Cable>,
}

#[derive(Debug)]
struct Cable {
    node: String,
    namespace: String,
    /// The end that is not in the node, and the namespace it is in.
    end: String,
    end_in: Option<String>,
}

/// Where a node sits.
pub(super) struct Seat {
    pub(super) namespace: String,
    pub(super) address: String,
    /// Can this machine reach it itself?
    pub(super) from_here: bool,
}

impl Net {
    pub(super) fn new() -> Result<Net> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::Missing("network namespaces need root".into()));
        }
        for tool in ["ip", "unshare", "mount", "hostname"] {
            need(tool)?;
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (pid, n) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let lock = lock()?;
        sweep();
        let id = format!("{PREFIX}{}-{}", base36(pid), base36(n));
        let taken = ip(&["-4", "route", "show", "table", "all"])?;
        let free = (0..512).map(|i| (pid.wrapping_mul(7) + n + i) % 512).find_map(|i| {
            let subnet = format!("198.{}.{}", 18 + i / 256, i % 256);
            (!taken.contains(&format!(" {subnet}.")) && !taken.contains(&format!("\n{subnet}."))).then_some(subnet)
        });
        let subnet = free.ok_or_else(|| Error::Missing("no free subnet of 198.18.0.0/15".into()))?;
        let mut net = Net {
            id,
            subnet,
            cables: vec![],
        };
        // Takes the subnet before the lock goes.
        net.reserve()?;
        drop(lock);
        Ok(net)
    }

    /// The jump host is the first node: others may hang behind it.
    pub(super) fn add(&mut self, node: &str, way: Way) -> Result<Seat> {
        let i = self.cables.len();
        let namespace = format!("{}-{i}", self.id);
        let end = format!("{}v{}", self.id, base36(i as u32));
        let behind = match way {
            Way::Jump => self.cables.get(1).map(|jump| jump.namespace.clone()),
            _ => None,
        };
        self.cables.push(Cable {
            node: node.into(),
            namespace: namespace.clone(),
            end: end.clone(),
            end_in: behind.clone(),
        });
        let (ours, theirs) = (
            format!("{}.{}", self.subnet, 4 * i + 1),
            format!("{}.{}", self.subnet, 4 * i + 2),
        );
        ip(&["netns", "add", &namespace])?;
        ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
        let near = |args: &[&str]| {
            let place: Vec<&str> = behind.iter().flat_map(|ns| ["-n", ns.as_str()]).collect();
            ip(&[&place, args].concat())
        };
        near(&[
            "link", "add", &end, "type", "veth", "peer", "name", "eth0", "netns", &namespace,
        ])?;
        near(&["addr", "add", &format!("{ours}/30"), "dev", &end])?;
        near(&["link", "set", &end, "up"])?;
        ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
        if way == Way::Blackholed {
            // Whoever asks finds the machine, but it has no such address and forwards nothing.
            near(&[
                "neigh",
                "add",
                &theirs,
                "lladdr",
                "02:00:00:00:00:01",
                "dev",
                &end,
                "nud",
                "permanent",
            ])?;
        } else {
            ip(&["-n", &namespace, "addr", "add", &format!("{theirs}/30"), "dev", "eth0"])?;
            ip(&["-n", &namespace, "route", "add", "default", "via", &ours])?;
        }
        Ok(Seat {
            namespace,
            address: theirs,
            from_here: behind.is_none(),
        })
    }

    pub(super) fn unplug(&self, node: &str) -> Result<()> {
        let cable = self.cables.iter().find(|c| c.node == node);
        let cable = cable.ok_or_else(|| Error::Failed(format!("no node `{node}`")))?;
        // Not our end: without its route the packets would look for another way.
        ip(&["-n", &cable.namespace, "link", "set", "eth0", "down"]).map(drop)
    }

    /// Number 0 is no node: it holds the subnet from the start.
    fn reserve(&mut self) -> Result<()> {
        let end = format!("{}v0", self.id);
        self.cables.push(Cable {
            node: String::new(),
            namespace: format!("{}-0", self.id),
            end: end.clone(),
            end_in: None,
        });
        ip(&["netns", "add", &format!("{}-0", self.id)])?;
        let namespace = format!("{}-0", self.id);
        ip(&[
            "link", "add", &end, "type", "veth", "peer", "name", "eth0", "netns", &namespace,
        ])?;
        ip(&["addr", "add", &format!("{}.1/30", self.subnet), "dev", &end])?;
        ip(&["link", "set", &end, "up"]).map(drop)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // A hidden node's cable hangs in the jump host's namespace: last in, first out.
        for cable in self.cables.iter().rev() {
            let place: Vec<&str> = cable.end_in.iter().flat_map(|ns| ["-n", ns.as_str()]).collect();
            let _ = ip(&[&place, &["link", "del", &cable.end][..]].concat());
            let _ = ip(&["netns", "del", &cable.namespace]);
        }
    }
}

/// Removes what runs left behind whose process is gone.
fn sweep() {
    let names = |folder: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter_map(|e| e.file_name().into_string().ok())
            .filter(|n| is_orphan(n))
            .collect::<Vec<_>>()
    };
    for link in names("/sys/class/net") {
        let _ = ip(&["link", "del", &link]);
    }
    for namespace in names("/run/netns") {
        for pid in ip(&["netns", "pids", &namespace]).unwrap_or_default().lines() {
            pid.trim().parse().into_iter().for_each(crate::procs::kill);
        }
        let _ = ip(&["netns", "del", &namespace]);
    }
}

/// One of our names, of a process that is not there any more.
fn is_orphan(name: &str) -> bool {
    let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    let pid = pid.and_then(|(pid, _)| u32::from_str_radix(pid, 36).ok());
    pid.is_some_and(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())
}

/// Held while names and subnets are looked at and taken.
fn lock() -> Result<File> {
    let path = std::env::temp_dir().join("runbook-testkit.lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(Error::io("open", &path))?;
    file.lock().map_err(Error::io("lock", &path))?;
    Ok(file)
}

fn ip(args: &[&str]) -> Result<String> {
    let out = Command::new(need("ip")?)
        .args(args)
        .output()
        .map_err(Error::io("run", "ip"))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&out.stderr);
    Err(Error::Missing(format!("`ip {}` says: {}", args.join(" "), said.trim())))
}

fn base36(mut n: u32) -> String {
    let mut digits = vec![];
    loop {
        digits.extend(char::from_digit(n % 36, 36));
        n /= 36;
        if n == 0 {
            return digits.iter().rev().collect();
        }
    }
}
