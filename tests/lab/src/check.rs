//! What the lab has to prove beside its faults: streams through the real API server, rights, and that nothing is left.

use crate::{
    Result,
    api::yaml,
    lab::{self, Lab, text},
    matrix, network, rbac, sh, state,
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
    time::Duration,
};

/// What has to hold, and how it is seen.
pub type Check = (&'static str, fn(&Lab) -> Result<()>);

const CHECKS: [Check; 4] = [
    ("exit codes 0, 7, 127 of exec through the API server", exit_codes),
    ("10 MB of output through the API server are whole", large_output),
    (
        "a right that is missing is told as denied, with the rule to add",
        missing_right,
    ),
    ("calicoctl ipam check finds nothing where we find nothing", ipam_check),
];

/// Runs all on a lab that is up.
pub fn run(lab: &Lab) -> bool {
    let failed = CHECKS
        .iter()
        .chain(&crate::access::CHECKS)
        .filter(|(name, check)| !tell(name, check(lab)))
        .count();
    failed == 0
}

fn tell(name: &str, done: Result<()>) -> bool {
    match &done {
        Ok(()) => println!("ok      {name}"),
        Err(e) => println!("FAILED  {name}: {e}"),
    }
    done.is_ok()
}

fn exit_codes(lab: &Lab) -> Result<()> {
    let pod = lab.pod("web")?;
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("no-such-program", 127)] {
        let got = lab
            .api
            .exec("store", &text(&pod["metadata"]["name"]), &["sh", "-c", script])?;
        if got.0 != code {
            return Err(format!("`{script}` ended with {}, not {code}", got.0).into());
        }
    }
    Ok(())
}

fn large_output(lab: &Lab) -> Result<()> {
    let pod = lab.pod("web")?;
    let script = "head -c 10000000 /dev/zero | tr '\\0' x";
    let (code, out) = lab
        .api
        .exec("store", &text(&pod["metadata"]["name"]), &["sh", "-c", script])?;
    if code == 0 && out.len() == 10_000_000 && out.iter().all(|b| *b == b'x') {
        return Ok(());
    }
    Err(format!("{} bytes came, with code {code}", out.len()).into())
}

/// The role for reading, without one verb.
fn missing_right(lab: &Lab) -> Result<()> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/rbac/read.yaml");
    let mut role = yaml(&fs::read_to_string(path)?)?
        .into_iter()
        .next()
        .ok_or("no role in read.yaml")?;
    role["metadata"]["name"] = "runbook-limited".into();
    let mut verbless = role["rules"][0].clone();
    let resources = role["rules"][0]["resources"]
        .as_array_mut()
        .ok_or("no resources in the first rule")?;
    resources.retain(|r| r != "nodes");
    verbless["resources"] = json!(["nodes"]);
    verbless["verbs"] = json!(["get"]);
    role["rules"].as_array_mut().ok_or("no rules")?.push(verbless);
    lab.api.apply(&role)?;
    lab.api.apply(&rbac::binding(
        "ClusterRoleBinding",
        "runbook-limited",
        "runbook-limited",
        "runbook-limited",
    ))?;
    let mut run = matrix::runbook(&["run", "pod-cross-node", "--headless", "--journal", "none"]);
    run.args([
        "--src",
        &lab::name(&lab.pod("web")?),
        "--dst",
        &lab::name(&lab.pod("catalog")?),
    ]);
    let out = run
        .args(["--kubeconfig", &state::path("pki/limited.kubeconfig")])
        .output()?;
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat())
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for word in ["cannot list resource \"nodes\"", "verbs"] {
        if !said.contains(word) {
            return Err(format!("`{word}` is not in: {said}").into());
        }
    }
    Ok(())
}

fn ipam_check(lab: &Lab) -> Result<()> {
    let said = lab.calicoctl(&["ipam", "check"], "")?;
    if said.contains("found 0 problems") {
        Ok(())
    } else {
        Err(said.into())
    }
}

/// What of this machine a lab could leave behind.
pub fn traces() -> Result<BTreeSet<String>> {
    let mut all: BTreeSet<String> = network::namespaces()?.into_iter().collect();
    let links = sh::run("ip -o link")?;
    all.extend(
        links
            .lines()
            .filter_map(|l| l.split(':').nth(1))
            .map(|l| format!("link{l}")),
    );
    all.extend(sh::run("ip route")?.lines().map(|l| format!("route {l}")));
    all.extend(
        fs::read_to_string("/proc/self/mountinfo")?
            .lines()
            .filter_map(|l| l.split(' ').nth(4))
            .map(|m| format!("mount {m}")),
    );
    for entry in fs::read_dir("/proc")?.flatten() {
        let command = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if command.contains("lab-node") || command.contains("runbook-lab/") || command.contains("/etc/lab") {
            all.insert(format!("process {}", command.replace('\0', " ")));
        }
    }
    if state::dir().exists() {
        all.insert(state::dir().display().to_string());
    }
    Ok(all)
}

/// A lab whose maker is killed half-way leaves nothing once `down` was called.
pub fn clean_after_kill() -> bool {
    tell("nothing is left of a lab whose maker was killed", killed())
}

fn killed() -> Result<()> {
    lab::down()?;
    let before = traces()?;
    let mut maker = Command::new(std::env::current_exe()?);
    // The commands of this crate are below `lab` in one program, and at the top of another.
    let prefix: &[&str] = if std::env::args().nth(1).is_some_and(|a| a == "lab" || a == "test") {
        &["lab"]
    } else {
        &[]
    };
    let mut child = maker
        .args(prefix)
        .arg("up")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    std::thread::sleep(Duration::from_secs(12));
    child.kill()?;
    child.wait()?;
    if network::namespaces()?.is_empty() {
        return Err("the maker had made nothing when it was killed".into());
    }
    gone(&before)
}

/// Takes the lab away, and compares with what was there before it.
pub fn clean_after(before: &BTreeSet<String>) -> bool {
    tell("nothing is left of the lab", gone(before))
}

fn gone(before: &BTreeSet<String>) -> Result<()> {
    lab::down()?;
    let left: Vec<String> = traces()?.difference(before).cloned().collect();
    if left.is_empty() {
        Ok(())
    } else {
        Err(format!("left: {}", left.join(", ")).into())
    }
}
