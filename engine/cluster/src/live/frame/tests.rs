use super::*;
use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

pub(super) const LIMIT: u64 = 1 << 20;

/// The shells of this machine, each as the argv that reads a script from stdin.
fn shells() -> Vec<Vec<&'static str>> {
    let all = [
        vec!["sh", "-s"],
        vec!["dash", "-s"],
        vec!["bash", "--posix", "-s"],
        vec!["bash", "-s"],
        vec!["busybox", "sh", "-s"],
    ];
    let there = |argv: &Vec<&str>| {
        Command::new(argv[0])
            .arg("--help")
            .stdin(Stdio::null())
            .output()
            .is_ok()
    };
    all.into_iter().filter(there).collect()
}

pub(super) fn job(forms: &[&[&str]]) -> Job {
    Job {
        forms: forms
            .iter()
            .map(|f| f.iter().map(|a| a.to_string()).collect())
            .collect(),
        timeout: Duration::from_secs(10),
        aside: false,
    }
}

fn aside(argv: &[&str]) -> Job {
    Job {
        aside: true,
        ..job(&[argv])
    }
}

fn run_bytes(shell: &[&str], text: &str, path: Option<&str>) -> (Vec<u8>, Vec<u8>) {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_string();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    (output.stdout, output.stderr)
}

pub(super) fn collect(script: &Script, jobs: &[Job], limit: u64, out: &[u8], err: &[u8], step: usize) -> Vec<Found> {
    let mut collector = Collector::new(&script.word, limit);
    out.chunks(step).for_each(|c| collector.out.push(c));
    err.chunks(step).for_each(|c| collector.err.push(c));
    collector.out.close();
    collector.err.close();
    collector.finish(jobs)
}

fn ask(shell: &[&str], jobs: &[Job], limit: u64) -> Vec<Found> {
    let script = Script::new(jobs, limit, Duration::from_secs(60));
    let (out, err) = run_bytes(shell, &script.text, None);
    collect(&script, jobs, limit, &out, &err, 64 * 1024)
}

pub(super) fn whole(found: &Found) -> &Run {
    match found {
        Found::Whole { run, .. } => run,
        other => panic!("not whole: {other:?}"),
    }
}

#[test]
fn streams_stay_apart_and_codes_are_kept() {
    let jobs = [
        job(&[&["sh", "-c", "echo out; echo err >&2; exit 0"]]),
        job(&[&["sh", "-c", "printf x; printf y >&2; exit 7"]]),
        job(&[&["sh", "-c", "exit 127"]]),
        job(&[&["true"]]),
        job(&[&["no-such-program-here", "-x"]]),
        job(&[&["no-such-program-here"], &["false"], &["echo", "third"]]),
        job(&[&["sh", "-c", "exit 3"], &["sh", "-c", "exit 4"]]),
    ];
    for shell in shells() {
        let found = ask(&shell, &jobs, LIMIT);
        let said: Vec<_> = [0, 1, 2, 3, 5, 6]
            .iter()
            .map(|i| {
                let run = whole(&found[*i]);
                let o = &run.output;
                (
                    run.form,
                    o.exit,
                    o.stdout.text().into_owned(),
                    o.stderr.text().into_owned(),
                )
            })
            .collect();
        let want = [
            (0, 0, "out\n", "err\n"),
            (0, 7, "x", "y"),
            (0, 127, "", ""),
            (0, 0, "", ""),
            (2, 0, "third\n", ""),
            (0, 3, "", ""),
        ]
        .map(|(f, e, o, r)| (f, e, o.to_string(), r.to_string()));
        assert_eq!(said, want, "{shell:?}");
        assert_eq!(found[4], Found::Missing, "{shell:?}");
        let Found::Whole { in_vain, .. } = &found[5] else {
            panic!()
        };
        assert_eq!(
            in_vain,
            &[(0, "no such program".to_string()), (1, "exit 1".to_string())],
            "{shell:?}"
        );
    }
}

#[test]
fn bytes_come_as_they_are() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let bytes: Vec<u8> = (0..10 * 1024 * 1024u32)
        .map(|i| (i.wrapping_mul(2654435761) >> 24) as u8)
        .collect();
    std::fs::write(file.path(), &bytes).unwrap();
    let path = file.path().to_str().unwrap();
    for shell in shells() {
        let found = ask(&shell, &[job(&[&["cat", path]]), job(&[&["echo", "next"]])], 32 << 20);
        let run = whole(&found[0]);
        assert!(
            run.output.stdout.bytes() == bytes && run.output.cut_bytes == 0,
            "{shell:?}"
        );
        assert_eq!(whole(&found[1]).output.stdout.text(), "next\n");
    }
}

#[test]
fn an_argv_is_never_read_by_a_shell() {
    let nasty = [
        "$(id)",
        "`id`",
        "a b",
        "it's",
        "\"",
        "*",
        "",
        "a\nb",
        "\u{1b}[31m",
        "\\",
        "!!",
        "${PATH}",
        "--",
        "-n",
        "日本",
        ";exit",
        "\r",
        "#",
        "~",
        "&&",
        "'\\''",
    ];
    let mut argv = vec!["printf", "<%s>"];
    argv.extend(nasty);
    let want: String = nasty.iter().map(|n| format!("<{n}>")).collect();
    for shell in shells() {
        assert_eq!(
            whole(&ask(&shell, &[job(&[&argv])], LIMIT)[0]).output.stdout.text(),
            want,
            "{shell:?}"
        );
    }
}

#[test]
fn the_remote_bound_strikes_and_leaves_nothing() {
    for (n, shell) in shells().into_iter().enumerate() {
        let nap = format!("7654{n}.5");
        let mut slow = job(&[&["sleep", &nap], &["echo", "never"]]);
        slow.timeout = Duration::from_secs(1);
        let start = Instant::now();
        let found = ask(&shell, &[slow, job(&[&["echo", "after"]])], LIMIT);
        assert_eq!(found[0], Found::TimedOut { seconds: 1 }, "{shell:?}");
        assert_eq!(whole(&found[1]).output.stdout.text(), "after\n", "{shell:?}");
        assert!(start.elapsed() < Duration::from_secs(8), "{shell:?}");
        let left = Command::new("pgrep").args(["-f", &nap]).output().unwrap();
        assert!(
            left.stdout.is_empty(),
            "{shell:?} left {}",
            String::from_utf8_lossy(&left.stdout)
        );
    }
}

#[test]
fn a_program_may_itself_exit_124() {
    for shell in shells() {
        let found = ask(&shell, &[job(&[&["sh", "-c", "sleep 0.05; exit 124"]])], LIMIT);
        assert_eq!(whole(&found[0]).output.exit, 124, "{shell:?}");
    }
}

#[test]
fn the_budget_ends_a_batch() {
    for shell in shells() {
        let jobs = [job(&[&["sleep", "5"]]), job(&[&["echo", "late"]])];
        let script = Script::new(&jobs, LIMIT, Duration::from_millis(900));
        let (out, err) = run_bytes(&shell, &script.text, None);
        let found = collect(&script, &jobs, LIMIT, &out, &err, 4096);
        assert_eq!(found[0], Found::TimedOut { seconds: 1 }, "{shell:?}");
        assert_eq!(found[1], Found::NoTimeLeft, "{shell:?}");
    }
}

#[test]
fn slow_ones_run_side_by_side() {
    let jobs = [
        job(&[&["echo", "before"]]),
        aside(&["sh", "-c", "sleep 0.6; echo one; echo err >&2"]),
        aside(&["sh", "-c", "sleep 0.6; printf '\\0two'; exit 3"]),
        Job {
            forms: vec![vec!["no-such-program".into()], vec!["sleep".into(), "0.6".into()]],
            ..aside(&[])
        },
        job(&[&["echo", "after"]]),
    ];
    for shell in shells() {
        let start = Instant::now();
        let found = ask(&shell, &jobs, LIMIT);
        assert!(
            start.elapsed() < Duration::from_millis(1600),
            "{shell:?} {:?}",
            start.elapsed()
        );
        let said: Vec<_> = found
            .iter()
            .map(|f| whole(f).output.stdout.text().into_owned())
            .collect();
        assert_eq!(said, ["before\n", "one\n", "\0two", "", "after\n"], "{shell:?}");
        assert_eq!(whole(&found[1]).output.stderr.text(), "err\n");
        assert_eq!((whole(&found[2]).output.exit, whole(&found[3]).form), (3, 1));
    }
    let left = std::fs::read_dir("/dev/shm").unwrap().flatten();
    assert_eq!(
        left.filter(|f| f.file_name().to_string_lossy().starts_with("runbook-"))
            .count(),
        0
    );
}

#[test]
fn output_over_the_limit_is_cut_and_counted() {
    let jobs = [
        job(&[&["head", "-c", "3000000", "/dev/zero"]]),
        job(&[&["sh", "-c", "head -c 1000000 /dev/zero >&2"]]),
        job(&[&["head", "-c", "1000", "/dev/zero"]]),
        job(&[&["head", "-c", "1001", "/dev/zero"]]),
    ];
    for shell in shells() {
        let found = ask(&shell, &jobs, 1000);
        let (first, second) = (&whole(&found[0]).output, &whole(&found[1]).output);
        assert_eq!((first.stdout.len(), first.exit), (1000, 0), "{shell:?}");
        // The busybox `head` reads ahead, so that what is left to count is less.
        let exact = 3_000_000 - 1000;
        assert!(
            first.cut_bytes <= exact && first.cut_bytes > exact - 8192,
            "{shell:?} {}",
            first.cut_bytes
        );
        assert!(second.stderr.len() < 300_000 && second.stderr.text().contains("more bytes of stderr were not kept"));
        assert_eq!(whole(&found[2]).output.cut_bytes, 0, "{shell:?}");
        assert!(whole(&found[3]).output.cut_bytes > 0, "{shell:?}");
    }
}

/// A directory with nothing but links to these programs, as a PATH.
fn bare_path(programs: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for p in programs {
        let real = ["/bin", "/usr/bin"]
            .iter()
            .map(|d| format!("{d}/{p}"))
            .find(|f| std::path::Path::new(f).exists());
        std::os::unix::fs::symlink(real.unwrap(), dir.path().join(p)).unwrap();
    }
    dir
}

#[test]
fn a_bare_image_is_enough() {
    // No timeout, head or wc: the shell alone.
    let dir = bare_path(&["sh", "dash", "bash", "cat", "busybox"]);
    let jobs = [
        job(&[&["cat", "/proc/sys/kernel/ostype"]]),
        job(&[&["head", "-c", "1"]]),
    ];
    for shell in shells().into_iter().filter(|s| s[0] != "busybox") {
        let script = Script::new(&jobs, LIMIT, Duration::from_secs(60));
        let (out, err) = run_bytes(&shell, &script.text, dir.path().to_str());
        let mut collector = Collector::new(&script.word, LIMIT);
        collector.out.push(&out);
        collector.err.push(&err);
        assert!(collector.is_done() && collector.wrapper().is_none(), "{shell:?}");
        let found = collector.finish(&jobs);
        assert_eq!(whole(&found[0]).output.stdout.text(), "Linux\n", "{shell:?}");
        assert_eq!(found[1], Found::Missing, "{shell:?}");
    }
}

#[test]
fn the_word_is_nowhere_to_be_seen() {
    let jobs = [job(&[&[
        "sh",
        "-c",
        "cat /proc/self/environ /proc/[0-9]*/cmdline 2>/dev/null; ps axeww",
    ]])];
    for shell in shells() {
        let script = Script::new(&jobs, LIMIT, Duration::from_secs(60));
        let (out, err) = run_bytes(&shell, &script.text, None);
        let found = collect(&script, &jobs, LIMIT, &out, &err, 4096);
        assert!(
            !whole(&found[0]).output.stdout.text().contains(&script.word),
            "{shell:?}"
        );
    }
}

#[test]
fn half_a_script_does_nothing() {
    let jobs = [job(&[&["sh", "-c", "echo done"]])];
    let script = Script::new(&jobs, LIMIT, Duration::from_secs(60));
    for shell in shells() {
        let (out, _) = run_bytes(&shell, &script.text[..script.text.len() - 20], None);
        assert!(out.is_empty(), "{shell:?}");
    }
}

#[test]
fn what_comes_before_the_shell_is_noise() {
    let jobs = [job(&[&["echo", "x"]])];
    let script = Script::new(&jobs, LIMIT, Duration::from_secs(60));
    let (out, err) = run_bytes(&["sh", "-s"], &script.text, None);
    let noisy = [b"Welcome to kworker-1\n\n".to_vec(), out].concat();
    let found = collect(&script, &jobs, LIMIT, &noisy, &err, 7);
    assert_eq!(whole(&found[0]).output.stdout.text(), "x\n");
}

#[test]
fn a_cut_anywhere_is_never_an_answer() {
    let jobs = [
        job(&[&["printf", "one"]]),
        job(&[&["sh", "-c", "exit 1"], &["printf", "two"]]),
        job(&[&["sh", "-c", "echo three; exit 5"]]),
    ];
    let script = Script::new(&jobs, LIMIT, Duration::from_secs(60));
    let (out, err) = run_bytes(&["sh", "-s"], &script.text, None);
    let full = collect(&script, &jobs, LIMIT, &out, &err, 4096);
    for cut in 0..out.len() {
        for (q, found) in collect(&script, &jobs, LIMIT, &out[..cut], &err, 4096)
            .iter()
            .enumerate()
        {
            assert!(
                matches!(found, Found::Cut { .. }) || *found == full[q],
                "cut at {cut}: {found:?}"
            );
        }
    }
    for cut in 0..err.len() {
        for (q, found) in collect(&script, &jobs, LIMIT, &out, &err[..cut], 4096)
            .iter()
            .enumerate()
        {
            assert!(
                matches!(found, Found::Cut { .. }) || *found == full[q],
                "cut at {cut}: {found:?}"
            );
        }
    }
}
