use crate::small;
use runbook_testkit::{Error, Quirk, Script, SshNodes, SshPlan, Way};
use std::{
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

fn ssh(nodes: &SshNodes, node: &str, line: &str) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(nodes, node, line).output().unwrap();
    let text = |b: Vec<u8>| String::from_utf8_lossy(&b).into_owned();
    (status.code(), text(stdout), text(stderr))
}

fn command(nodes: &SshNodes, node: &str, line: &str) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.arg("-F")
        .arg(&nodes.ssh_config_path)
        .args(["-o", "ConnectTimeout=5", node, line])
        .stdin(Stdio::null());
    ssh
}

/// Where namespaces are not to be had, the reason is told and the test ends.
fn start(dir: &TempDir, plan: SshPlan) -> Option<SshNodes> {
    match plan.start(dir) {
        Ok(nodes) => Some(nodes),
        Err(Error::Missing(what)) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: {what}");
            None
        }
        Err(e) => panic!("{e:?}"),
    }
}

fn of_us(listed: &[&str]) -> Vec<String> {
    let out = Command::new("ip").args(listed).output().unwrap();
    let lines = String::from_utf8(out.stdout).unwrap();
    // Other tests of this process have theirs meanwhile, so only complete runs can be compared.
    lines.lines().filter(|l| l.contains("rbt")).map(String::from).collect()
}

#[test]
fn nodes_in_namespaces_answer_as_recorded() {
    let dir = small::snapshot();
    let plan = SshPlan::new()
        .node("worker-1", Way::Direct)
        .node("worker-2", Way::Jump)
        .script(Script::new().quirk("worker-1", Quirk::Hangs("ss".into())));
    let Some(mut nodes) = start(&dir, plan) else { return };
    let (code, out, err) = ssh(&nodes, "worker-1", "ip -j route");
    assert_eq!((code, out.contains("198.18.0.254")), (Some(0), true), "{err}");
    let script = "uname -n; hostname; cat /proc/net/dev; nc -z x 1; echo $?; exit 6";
    let (code, out, _) = ssh(&nodes, "worker-1", script);
    assert_eq!(
        (code, out.as_str()),
        (Some(6), "worker-1\nworker-1\nrecorded dev\n127\n")
    );
    let (code, out, err) = ssh(&nodes, "worker-2", "uname -n; ip -j route");
    assert_eq!((code, out.as_str()), (Some(0), "worker-2\n[]"), "{err}");
    assert_eq!((nodes.sessions("worker-1"), nodes.logins("worker-1")), (2, 2));
    let mut hanging = command(&nodes, "worker-1", "timeout 60 ss -tin").spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    while !nodes.running().iter().any(|(_, argv)| argv.contains(&"60".into())) {
        assert!(Instant::now() < until, "{:?}", nodes.running());
        std::thread::sleep(Duration::from_millis(20));
    }
    nodes.kill("worker-1");
    assert_eq!(hanging.wait().unwrap().code(), Some(255));
    assert!(!nodes.running().iter().any(|(_, argv)| argv.contains(&"60".into())));
}

#[test]
fn nodes_that_cannot_be_reached() {
    let plan = SshPlan::new()
        .node("refuses", Way::Refused)
        .node("changed", Way::OtherHostKey)
        .node("unknown", Way::UnknownHostKey)
        .node("denies", Way::Denied)
        .node("silent", Way::Blackholed)
        .node("unplugged", Way::Direct);
    let Some(nodes) = start(&small::snapshot(), plan) else {
        return;
    };
    nodes.unplug("unplugged").unwrap();
    let cases = [
        ("refuses", "Connection refused"),
        ("changed", "Host key verification failed"),
        ("unknown", "Host key verification failed"),
        ("denies", "Permission denied (publickey)"),
        ("silent", "Connection timed out"),
        ("unplugged", ""),
    ];
    std::thread::scope(|all| {
        for (node, wanted) in cases {
            let nodes = &nodes;
            all.spawn(move || {
                let (code, _, err) = ssh(nodes, node, "true");
                assert!(code == Some(255) && err.contains(wanted), "{node}: {code:?} {err}");
            });
        }
    });
}

#[test]
fn a_login_shell_that_talks() {
    let dir = small::snapshot();
    let plan = SshPlan::new().node("worker-1", Way::Direct).greeting("It's me\n");
    let Some(nodes) = start(&dir, plan) else {
        return;
    };
    let (code, out, _) = ssh(&nodes, "worker-1", "hostname; exit 5");
    assert_eq!((code, out.as_str()), (Some(5), "It's me\nworker-1\n"));
}

#[test]
fn nodes_on_ports_of_this_machine() {
    let dir = small::snapshot();
    let plan = |way| {
        SshPlan::new()
            .node("worker-1", Way::Direct)
            .node("worker-2", way)
            .loopback()
    };
    let Some(nodes) = start(&dir, plan(Way::Jump)) else {
        return;
    };
    assert!(
        nodes.log("worker-1").contains("listening on"),
        "{}",
        nodes.log("worker-1")
    );
    let (code, out, err) = ssh(&nodes, "worker-1", "ip -j route; exit 4");
    assert_eq!((code, out.contains("198.18.0.254")), (Some(4), true), "{err}");
    assert_eq!(ssh(&nodes, "worker-2", "hostname").1, "worker-2\n");
    assert_eq!(nodes.sessions("worker-2"), 1);
    let (_, out, _) = ssh(&nodes, "worker-1", "echo $HOME $SHLVL");
    assert!(
        out.starts_with(&*std::env::temp_dir().to_string_lossy()),
        "a home of its own: {out}"
    );
    let other = plan(Way::Refused).start(&dir).unwrap();
    assert!(ssh(&other, "worker-2", "true").2.contains("Connection refused"));
    assert!(matches!(plan(Way::Blackholed).start(&dir), Err(Error::Missing(_))));
    let address = nodes.address("worker-1").unwrap();
    drop(nodes);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn nothing_is_left_behind_even_after_a_panic() {
    let (tx, rx) = std::sync::mpsc::channel();
    let run = std::thread::spawn(move || {
        let Some(nodes) = start(&small::snapshot(), SshPlan::new().node("worker-1", Way::Direct)) else {
            return;
        };
        let (address, _) = nodes.address("worker-1").unwrap();
        let subnet = address.rsplit_once('.').unwrap().0.to_string();
        let ours: Vec<_> = of_us(&["-o", "-4", "addr"])
            .into_iter()
            .filter(|l| l.contains(&subnet))
            .collect();
        tx.send((subnet, ours)).unwrap();
        std::panic::resume_unwind(Box::new("as a failing test would"));
    });
    let Ok((subnet, before)) = rx.recv() else { return };
    assert!(run.join().is_err());
    assert_eq!(before.len(), 2, "{before:?}");
    let after: Vec<_> = of_us(&["-o", "-4", "addr"])
        .into_iter()
        .filter(|l| l.contains(&subnet))
        .collect();
    assert!(after.is_empty(), "{after:?}");
    let link = before[0].split_whitespace().nth(1).unwrap();
    let id = format!("{}-", link.rsplit_once('v').unwrap().0);
    assert!(!of_us(&["netns", "list"]).iter().any(|l| l.starts_with(&id)));
}

#[test]
fn leftovers_of_a_killed_run_are_swept() {
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let (gone, ours) = (base36(dead.id()), base36(std::process::id()));
    let add = |id: &str| {
        Command::new("ip")
            .args(["netns", "add", &format!("rbt{id}-zz-0")])
            .status()
    };
    if !add(&gone).is_ok_and(|s| s.success()) {
        return eprintln!("skipped: no namespaces here");
    }
    add(&ours).unwrap();
    drop(start(&small::snapshot(), SshPlan::new().node("worker-1", Way::Direct)));
    let left = of_us(&["netns", "list"]);
    Command::new("ip")
        .args(["netns", "del", &format!("rbt{ours}-zz-0")])
        .status()
        .unwrap();
    assert!(
        !left.iter().any(|l| l.starts_with(&format!("rbt{gone}-zz"))),
        "{left:?}"
    );
    assert!(
        left.iter().any(|l| l.starts_with(&format!("rbt{ours}-zz"))),
        "not ours to remove: {left:?}"
    );
}

fn base36(n: u32) -> String {
    let digit = |d: u32| char::from_digit(d, 36).unwrap().to_string();
    if n < 36 {
        digit(n)
    } else {
        base36(n / 36) + &digit(n % 36)
    }
}
