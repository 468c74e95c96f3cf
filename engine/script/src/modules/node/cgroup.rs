//! Where a container's processor limit is counted: the places that container runtimes use.

use runbook_core::Argv;
use serde_json::{Value, json};

/// `cat` of every place where the `cpu.stat` of a container may be: systemd and cgroupfs drivers, containerd, CRI-O and Docker,
/// cgroup 2 and 1, and what the container itself sees as its own.
pub(super) fn argv(uid: &str, container: &str, qos: &str) -> Result<Argv, String> {
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !plain(uid) || !plain(container) {
        return Err("a container is known by the `uid` of its pod and its own `container_id`".into());
    }
    let class = qos.to_lowercase();
    let between = if class == "guaranteed" {
        String::new()
    } else {
        format!("{class}/")
    };
    let in_name = if class == "guaranteed" {
        String::new()
    } else {
        format!("-{class}")
    };
    let slice = if class == "guaranteed" {
        String::new()
    } else {
        format!("kubepods-{class}.slice/")
    };
    let underscored = uid.replace('-', "_");
    let mut argv: Argv = vec!["cat".into()];
    for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/cpu,cpuacct"] {
        let pod = format!("{root}/kubepods.slice/{slice}kubepods{in_name}-pod{underscored}.slice");
        for runtime in ["cri-containerd", "crio", "docker"] {
            argv.push(format!("{pod}/{runtime}-{container}.scope/cpu.stat"));
        }
        argv.push(format!("{root}/kubepods/{between}pod{uid}/{container}/cpu.stat"));
    }
    argv.push("/sys/fs/cgroup/cpu.stat".into());
    Ok(argv)
}

/// Reads the first block that counts throttling; the root's has no limit and does not.
pub(super) fn read(text: &str) -> Option<Value> {
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|l| l.split_once(' '));
        lines
            .find(|(k, _)| *k == key)
            .and_then(|(_, v)| v.trim().parse::<f64>().ok())
    };
    let (periods, throttled) = (value("nr_periods")?, value("nr_throttled")?);
    // Microseconds in version 2, nanoseconds in version 1.
    let seconds = value("throttled_usec")
        .map(|us| us / 1e6)
        .or(value("throttled_time").map(|ns| ns / 1e9));
    Some(json!({"periods": periods as u64, "throttled": throttled as u64, "throttled_s": seconds}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions() {
        let two = "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 200\nnr_throttled 50\nthrottled_usec 2500000\n";
        let told = json!({"periods": 200, "throttled": 50, "throttled_s": 2.5});
        assert_eq!(read(two), Some(told.clone()));
        let one = "nr_periods 200\nnr_throttled 50\nthrottled_time 2500000000\n";
        assert_eq!(read(one), Some(told));
        assert_eq!(read("usage_usec 9\nuser_usec 5\n"), None);
    }

    #[test]
    fn the_places() {
        let argv = argv("0b1c-22", "77aa", "Burstable").unwrap();
        let systemd = "/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0b1c_22.slice/cri-containerd-77aa.scope/cpu.stat";
        assert!(argv.iter().any(|a| a == systemd), "{argv:?}");
        assert!(
            argv.iter()
                .any(|a| a == "/sys/fs/cgroup/kubepods/burstable/pod0b1c-22/77aa/cpu.stat")
        );
        assert!(super::argv("../x", "77aa", "Burstable").is_err());
    }
}
