//! Faults of access: the cluster may be well, but it cannot be asked. Nothing may be blamed for that, and no run may hang.

use crate::{
    Result,
    check::Check,
    faults,
    lab::{self, Lab, text},
    machine, matrix, pki,
    plan::CONTROL,
    proxy::{self, Ill},
    state,
};
use serde_json::Value;
use std::{fs, time::Instant};

pub const CHECKS: [Check; 9] = [
    ("a dead node costs a run its deadline once", dead_node),
    ("an ssh host key that changed is told", other_host_key),
    ("an sshd that hangs is told, in time", sshd_hangs),
    ("exec that is forbidden is told as denied", exec_forbidden),
    ("a node that prints garbage is not believed", garbage),
    ("an API server without etcd is told, in time", etcd_stopped),
    ("an API server that answers 429 now and then is asked again", |l| {
        through(l, Ill::TooMany)
    }),
    ("an API server that answers 503 now and then is asked again", |l| {
        through(l, Ill::Unavailable)
    }),
    (
        "an API server that cuts connections is never called healthy by mistake",
        |l| through(l, Ill::Cuts),
    ),
];

struct Answer {
    exit: i32,
    result: Option<Value>,
    said: String,
    seconds: f64,
}

/// The runbook for pods on two nodes, asked as `user` with more flags.
fn ask(lab: &Lab, kubeconfig: &str, flags: &[&str]) -> Result<Answer> {
    let started = Instant::now();
    let mut run = matrix::runbook(&[
        "run",
        "pod-cross-node",
        "--headless",
        "--journal",
        "none",
        "--output",
        "json",
    ]);
    run.args([
        "--src",
        &lab::name(&lab.pod("web")?),
        "--dst",
        &lab::name(&lab.pod("catalog")?),
    ]);
    run.args([
        "--kubeconfig",
        kubeconfig,
        "--ssh-config",
        &state::path("ssh_config"),
        "--question-timeout",
        "10s",
    ]);
    let out = run.args(flags).output()?;
    let both = [&out.stdout[..], &out.stderr[..]].concat();
    Ok(Answer {
        exit: out.status.code().unwrap_or(-1),
        result: serde_json::from_slice(&out.stdout).ok(),
        said: String::from_utf8_lossy(&both).into_owned(),
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn as_user(user: &str) -> String {
    state::path(&format!("pki/{user}.kubeconfig"))
}

impl Answer {
    /// Nothing is called healthy and nothing is blamed with certainty; it said one of the words, within the time.
    fn must(&self, words: &[&str], limit: f64) -> Result<()> {
        let proven = self
            .result
            .as_ref()
            .and_then(|r| r["findings"].as_array())
            .into_iter()
            .flatten();
        let proven: Vec<String> = proven
            .filter(|f| f["certainty"] == "proven")
            .map(|f| text(&f["code"]))
            .collect();
        let said = self.said.to_lowercase();
        if self.exit == 0 {
            return Err("it is called healthy".into());
        }
        if !proven.is_empty() {
            return Err(format!("blamed with certainty: {}", proven.join(", ")).into());
        }
        if !words.iter().any(|w| said.contains(w)) {
            return Err(format!(
                "none of {words:?} in: {}",
                self.said.chars().take(1500).collect::<String>()
            )
            .into());
        }
        if self.seconds > limit {
            return Err(format!("it took {:.0} s", self.seconds).into());
        }
        Ok(())
    }
}

/// Makes it, asks, takes it back, and waits until all is well.
fn while_ill(
    lab: &Lab,
    make: impl Fn() -> Result<()>,
    ask: impl Fn() -> Result<Answer>,
    heal: impl Fn() -> Result<()>,
) -> Result<Answer> {
    let answer = make().and_then(|()| ask());
    heal()?;
    lab.wait_healthy(std::time::Duration::from_secs(120))?;
    answer
}

fn dead_node(lab: &Lab) -> Result<()> {
    let fault = faults::find("node-unreachable")?;
    let answer = while_ill(
        lab,
        || fault.start(lab),
        || ask(lab, &as_user("probe"), &["--allow", "probe"]),
        || (fault.heal)(lab),
    )?;
    // Two nodes, one of them dead: a question's deadline, and what the living one needs.
    if answer.seconds < 30.0 && answer.exit != 0 {
        Ok(())
    } else {
        Err(format!("exit {} after {:.0} s", answer.exit, answer.seconds).into())
    }
}

fn other_host_key(lab: &Lab) -> Result<()> {
    let key = state::dir().join("ssh/birch/host_key");
    let kept = state::dir().join("host_key.kept");
    let make = || {
        fs::copy(&key, &kept)?;
        pki::keygen(&state::dir().join("other_key"))?;
        // The file is bound into the node: it has to stay the same file.
        fs::write(&key, fs::read(state::dir().join("other_key"))?)?;
        machine::run("birch", "sv restart sshd").map(drop)
    };
    let heal = || {
        fs::write(&key, fs::read(&kept)?)?;
        machine::run("birch", "sv restart sshd").map(drop)
    };
    while_ill(lab, make, || ask(lab, &as_user("probe"), &["--via", "ssh"]), heal)?.must(&["host key"], 60.0)
}

fn sshd_hangs(lab: &Lab) -> Result<()> {
    let signal = |name: &str| machine::run("birch", &format!("sv {name} sshd")).map(drop);
    while_ill(
        lab,
        || signal("pause"),
        || ask(lab, &as_user("probe"), &["--via", "ssh"]),
        || signal("cont"),
    )?
    .must(&["timed out", "no answer"], 60.0)
}

fn exec_forbidden(lab: &Lab) -> Result<()> {
    ask(lab, &as_user("reader"), &["--via", "exec"])?.must(&["pods/exec"], 30.0)
}

fn garbage(lab: &Lab) -> Result<()> {
    let make = || {
        let script =
            "printf '#!/bin/sh\\nhead -c 300 /dev/urandom\\n' > /usr/local/sbin/ip; chmod 755 /usr/local/sbin/ip";
        machine::script("birch", script).map(drop)
    };
    let heal = || machine::run("birch", "rm /usr/local/sbin/ip").map(drop);
    while_ill(lab, make, || ask(lab, &as_user("probe"), &["--via", "ssh"]), heal)?.must(&["birch"], 60.0)
}

fn etcd_stopped(lab: &Lab) -> Result<()> {
    let user = as_user("probe");
    let pods = (lab::name(&lab.pod("web")?), lab::name(&lab.pod("catalog")?));
    machine::run(CONTROL, "sv down etcd")?;
    let started = Instant::now();
    let mut run = matrix::runbook(&[
        "run",
        "pod-cross-node",
        "--headless",
        "--journal",
        "none",
        "--output",
        "json",
    ]);
    let out = run
        .args([
            "--src",
            &pods.0,
            "--dst",
            &pods.1,
            "--kubeconfig",
            &user,
            "--question-timeout",
            "5s",
        ])
        .output();
    machine::run(CONTROL, "sv up etcd")?;
    lab.wait_healthy(std::time::Duration::from_secs(120))?;
    let out = out?;
    let answer = Answer {
        exit: out.status.code().unwrap_or(-1),
        result: serde_json::from_slice(&out.stdout).ok(),
        said: String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned(),
        seconds: started.elapsed().as_secs_f64(),
    };
    answer.must(&["api server", "no answer", "timed out"], 180.0)
}

/// The same run through a door that is ill: what it asks is answered all the same, or is open with the reason.
fn through(lab: &Lab, ill: Ill) -> Result<()> {
    let door = proxy::open(ill)?;
    let path = state::path("door.kubeconfig");
    fs::write(&path, pki::kubeconfig_for("probe", &door.server)?)?;
    let answer = ask(lab, &path, &["--via", "ssh"])?;
    if ill == Ill::Cuts {
        return if answer.exit == 0 {
            Ok(())
        } else {
            answer.must(&["api server", "connection"], 90.0)
        };
    }
    // Streams do not pass this door, so what needs a look inside pods stays open; nothing else may.
    let steps = answer
        .result
        .as_ref()
        .and_then(|r| r["steps"].as_array())
        .cloned()
        .unwrap_or_default();
    let open = steps
        .iter()
        .filter(|s| s["status"] == "inconclusive")
        .map(|s| text(&s["reason"]));
    let refused: Vec<String> = open.filter(|why| why.contains("429") || why.contains("503")).collect();
    if steps.is_empty() || !refused.is_empty() {
        return Err(format!("exit {}: {}", answer.exit, refused.join("; ")).into());
    }
    Ok(())
}
