//! The programs of the lab: built once into a cache outside the tree, keyed by what they are built from.

use crate::{Result, sh};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Programs of Debian that the lab runs, and their packages.
pub const PROGRAMS: [(&str, &str); 22] = [
    ("bird", "bird"),
    ("conntrack", "conntrack"),
    ("curl", "curl"),
    ("dig", "bind9-dnsutils"),
    ("dnsmasq", "dnsmasq-base"),
    ("etcd", "etcd-server"),
    ("ethtool", "ethtool"),
    ("go", "golang-go"),
    ("ip", "iproute2"),
    ("iperf3", "iperf3"),
    ("ipset", "ipset"),
    ("iptables", "iptables"),
    ("nc", "netcat-openbsd"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("ping", "iputils-ping"),
    ("ps", "procps"),
    ("runsvdir", "runit"),
    ("ssh", "openssh-client"),
    ("sshd", "openssh-server"),
    ("tcpdump", "tcpdump"),
    ("tracepath", "iputils-tracepath"),
];
/// Plugins that Calico's CNI configuration names beside its own.
pub const CNI_PLUGINS: (&str, &str) = ("/usr/lib/cni/bandwidth", "containernetworking-plugins");

const VERSION: &str = "v3.28.5";
const KUBERNETES: &str = "v1.34.2";
const CALICO: &str = "github.com/projectcalico/calico";

/// Where everything was built to.
#[derive(Debug, Clone)]
pub struct Tools {
    pub dir: PathBuf,
    /// The folder of Calico's own module, with its definitions and manifests.
    pub calico: PathBuf,
}

impl Tools {
    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools")
}

/// What is missing on this machine, as packages of Debian.
pub fn missing() -> Vec<&'static str> {
    let mut missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(p, _)| !installed(p))
        .map(|(_, package)| *package)
        .collect();
    if !Path::new(CNI_PLUGINS.0).exists() {
        missing.push(CNI_PLUGINS.1);
    }
    missing.sort_unstable();
    missing.dedup();
    missing
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin", "/usr/local/go/bin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .any(|folder| folder.join(program).is_file())
}

/// The cache of this version of the tools; built if it is not there. A build that was cut short leaves nothing behind.
pub fn provide() -> Result<Tools> {
    let home = std::env::var_os("HOME").ok_or("HOME is not set: no place for built programs")?;
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| PathBuf::from(home).join(".cache"), PathBuf::from);
    let dir = cache.join("runbook-lab").join(key()?);
    let calico = module_dir()?;
    if !dir.join("complete").exists() {
        build(&dir, &calico)?;
    }
    Ok(Tools { dir, calico })
}

/// The checksum of all that the programs are made from.
fn key() -> Result<String> {
    let mut hash = Sha256::new();
    for module in ["calico", "kubernetes", "kubernetes/node"] {
        let mut files: Vec<PathBuf> = fs::read_dir(sources().join(module))?
            .flatten()
            .map(|e| e.path())
            .collect();
        files.sort();
        for file in files.iter().filter(|f| f.is_file()) {
            hash.update(fs::read(file)?);
        }
    }
    hash.update(include_str!("tools.rs"));
    Ok(hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect())
}

fn go(module: &str, args: &[&str]) -> Command {
    let mut command = Command::new("go");
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .args(args)
        .current_dir(sources().join(module))
        .env("PATH", format!("{path}:/usr/local/go/bin"))
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=readonly -buildvcs=false");
    command
}

fn module_dir() -> Result<PathBuf> {
    let ask = ["mod", "download", "-json", CALICO];
    let answer: serde_json::Value = serde_json::from_str(&sh::output(&mut go("calico", &ask))?)?;
    Ok(PathBuf::from(
        answer["Dir"]
            .as_str()
            .ok_or("go did not say where Calico's module is")?,
    ))
}

fn build(dir: &Path, calico: &Path) -> Result<()> {
    eprintln!(
        "building the lab's programs into {} (once, about 15 minutes on two cores)",
        dir.display()
    );
    let parts = dir.with_extension("partial");
    let _ = fs::remove_dir_all(&parts);
    fs::create_dir_all(&parts)?;
    let out = format!("{}/", parts.display());
    let kubernetes = format!("-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}");
    compile("kubernetes", &["build", "-ldflags", &kubernetes, "-o", &out, "tool"])?;
    compile(
        "kubernetes",
        &["build", "-ldflags", "-s -w", "-o", &format!("{out}lab-node"), "./node"],
    )?;
    let versions = [
        "node/buildinfo.GitVersion",
        "node/pkg/lifecycle/startup.VERSION",
        "calicoctl/calicoctl/commands.VERSION",
    ];
    let mut flags =
        format!("-s -w -X main.VERSION={VERSION} -X {CALICO}/calicoctl/calicoctl/commands/common.VERSION={VERSION}");
    versions
        .iter()
        .for_each(|v| flags += &format!(" -X {CALICO}/{v}={VERSION}"));
    compile("calico", &["build", "-ldflags", &flags, "-o", &out, "tool"])?;
    images(&parts, calico)?;
    fs::write(parts.join("complete"), "")?;
    let _ = fs::remove_dir_all(dir);
    fs::rename(&parts, dir)?;
    Ok(())
}

fn compile(module: &str, args: &[&str]) -> Result<()> {
    eprintln!("$ go {}", args.join(" "));
    let status = go(module, args).status().map_err(|e| format!("cannot run go: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("go build in tests/lab/tools/{module} failed").into())
    }
}

/// Layers that stand in for container images: the programs at their places, and the files that the images have.
fn images(parts: &Path, calico: &Path) -> Result<()> {
    let place = |program: &str, target: &str| -> Result<()> {
        let target = parts.join("images").join(target);
        fs::create_dir_all(target.parent().unwrap_or(parts))?;
        Ok(fs::hard_link(parts.join(program), target)?)
    };
    place("calico-node", "node/usr/bin/calico-node")?;
    for (program, name) in [("calico", "calico"), ("calico", "calico-ipam"), ("install", "install")] {
        place(program, &format!("cni/opt/cni/bin/{name}"))?;
    }
    for plugin in ["bandwidth", "portmap", "loopback", "host-local", "tuning"] {
        fs::copy(
            format!("/usr/lib/cni/{plugin}"),
            parts.join(format!("images/cni/opt/cni/bin/{plugin}")),
        )?;
    }
    place("kube-controllers", "kube-controllers/usr/bin/kube-controllers")?;
    place("check-status", "kube-controllers/usr/bin/check-status")?;
    place("lab-node", "web/usr/local/bin/lab-node")?;
    fs::create_dir_all(parts.join("images/kube-controllers/status"))?;
    let node = parts.join("images/node");
    copy(&calico.join("node/filesystem/etc"), &node.join("etc"))?;
    copy(&calico.join("node/filesystem/sbin"), &node.join("usr/sbin"))?;
    copy(&calico.join("confd/etc/calico/confd"), &node.join("etc/calico/confd"))?;
    // The image's BIRD has a patch for IPIP; Debian's does not know the word. No pool of the lab uses IPIP.
    let template = node.join("etc/calico/confd/templates/bird_ipam.cfg.template");
    let text = fs::read_to_string(&template)?;
    let lines = text.lines().map(|l| match l.find("krt_tunnel =") {
        Some(at) => format!("{}preference = preference;", &l[..at]),
        None => l.to_string(),
    });
    fs::write(&template, lines.collect::<Vec<_>>().join("\n") + "\n")?;
    // Calico's client knows where the socket is, and by another name.
    let client = node.join("usr/bin/birdcl");
    fs::write(
        &client,
        "#!/bin/sh\nexec /usr/sbin/birdc -s /var/run/calico/bird.ctl \"$@\"\n",
    )?;
    sh::output(sh::command("chmod 755").arg(&client))?;
    Ok(())
}

/// A tree of the module cache is read-only; its copy is not.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    sh::output(sh::command("cp -rT --no-preserve=mode").arg(from).arg(to))?;
    sh::output(sh::command("chmod -R a+rx").arg(to))?;
    Ok(())
}
