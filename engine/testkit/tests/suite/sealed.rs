use crate::small;
use runbook_testkit::{Error, Sealed, filters, recordings};
use std::fs;

#[test]
fn a_command_sees_nothing_of_the_tester() {
    let sealed = Sealed::new().unwrap().env("RUNBOOK_LANG", "en");
    let out = sealed
        .command("/bin/sh")
        .args(["-c", "env; pwd; date +%Z"])
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let seen = filters::apply(&sealed.filters(), &text);
    for wanted in [
        "HOME=[SEALED]/home",
        "XDG_STATE_HOME=[SEALED]/state",
        "TZ=UTC",
        "RUNBOOK_LANG=en",
        "\nUTC\n",
    ] {
        assert!(seen.contains(wanted), "{wanted}: {seen}");
    }
    assert!(!seen.contains("KUBECONFIG") && !seen.contains("CARGO"), "{seen}");
    assert!(sealed.leftovers().is_empty());
    let bare = Sealed::new().unwrap().only_tools(&["sh", "cat"]).unwrap();
    let out = bare
        .command("sh")
        .args(["-c", "command -v ssh || cat /dev/null && echo none"])
        .output()
        .unwrap();
    assert_eq!(out.stdout, b"none\n");
    let file = bare.write(".kube/config", "x").unwrap();
    assert!(file.ends_with("home/.kube/config") && file.exists());
}

#[test]
fn what_differs_from_run_to_run_is_named() {
    let text = "at 2026-11-24T16:30:54.123Z took 12 ms, 1.5s; \"duration_ms\": 17 http://127.0.0.1:43121/ in /tmp/.tmpAb3/x runbook 0.1.0";
    assert_eq!(
        filters::apply(&filters::usual(), text),
        "at [TIME] took [DURATION], [DURATION]; \"duration_ms\": 0 http://127.0.0.1:[PORT]/ in [TMP]/x runbook [VERSION]"
    );
    assert_eq!(
        filters::apply(&filters::usual(), "10.65.0.0/16 dev eth0 mtu 1450"),
        "10.65.0.0/16 dev eth0 mtu 1450"
    );
}

#[test]
fn an_archive_is_unpacked_once() {
    let dir = small::snapshot();
    let other = tempfile::tempdir().unwrap();
    let (one, two) = (other.path().join("one.tar.zst"), other.path().join("two.tar.zst"));
    recordings::pack(dir.path(), &one).unwrap();
    recordings::pack(dir.path(), &two).unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    let folder = recordings::unpack(&one).unwrap();
    assert_eq!(folder, recordings::unpack(&one).unwrap());
    assert_ne!(folder, recordings::unpack(&two).unwrap());
    let same = |file: &str| fs::read(folder.join(file)).unwrap() == fs::read(dir.path().join(file)).unwrap();
    assert!(same("index.json") && same("kube/v1/pods.json") && same("logs/worker-1/felix.log"));
    assert!(matches!(
        runbook_testkit::snapshot("no-such-recording"),
        Err(Error::Missing(_))
    ));
    fs::write(other.path().join("torn.tar.zst"), &fs::read(&one).unwrap()[..200]).unwrap();
    assert!(recordings::unpack(&other.path().join("torn.tar.zst")).is_err());
}
