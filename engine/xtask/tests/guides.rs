//! What the guides say is true: links lead somewhere, commands exist, the example runs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use runbook_cases::Runner;
use runbook_cluster::Record;
use runbook_core::Verdict;
use runbook_script::{Host, Library, Origin, Source};
use std::{fs, path::Path, process::Command, sync::Arc};
use xtask::root;

const GUIDES: [&str; 4] = [
    "README.md",
    ".github/CONTRIBUTING.md",
    "engine/ARCHITECTURE.md",
    "runbooks/README.md",
];
const PAGES: [&str; 3] = ["docs/api.md", "docs/findings.md", "docs/parsers.md"];

/// The commands of the product that guides may name.
const COMMANDS: [&str; 10] = [
    "run",
    "test",
    "list",
    "show",
    "explain",
    "check",
    "record",
    "replay",
    "doctor",
    "completions",
];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn links_lead_somewhere() {
    for page in GUIDES.iter().chain(&PAGES) {
        let text = read(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") || link.starts_with('#') {
                continue;
            }
            let path = link.split('#').next().unwrap_or_default();
            let file = root().join(page).parent().unwrap().join(path);
            assert!(file.exists(), "{page}: `{link}` leads nowhere");
        }
    }
}

/// Everything that stands in code, as words.
fn commands(page: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let blocks = text.split("```").skip(1).step_by(2);
    let lines = blocks
        .filter_map(|b| b.strip_prefix("sh\n"))
        .flat_map(str::lines)
        .map(String::from);
    let outside: String = text.split("```").step_by(2).collect();
    let inline: Vec<String> = outside.split('`').skip(1).step_by(2).map(String::from).collect();
    lines
        .chain(inline)
        .map(|line| line.split_whitespace().map(String::from).collect())
        .collect()
}

#[test]
fn commands_exist() {
    let mut seen = 0;
    for page in GUIDES {
        for words in commands(page) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["cargo", "xtask", task, ..] => assert!(is_task(task), "{page}: no `cargo xtask {task}`"),
                ["cargo", "run", "--release", "--", "run", runbook, rest @ ..] => recorded_run(page, runbook, rest),
                ["runbook", command, ..] => assert!(COMMANDS.contains(command), "{page}: no `runbook {command}`"),
                _ => continue,
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} commands were found in the guides");
}

fn is_task(task: &str) -> bool {
    let out = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args([task, "--help"])
        .output()
        .unwrap();
    out.status.success()
}

fn recorded_run(page: &str, runbook: &str, rest: &[&str]) {
    assert!(
        Library::default().runbook(runbook).is_ok(),
        "{page}: no runbook `{runbook}`"
    );
    let at = rest
        .iter()
        .position(|w| *w == "--world")
        .unwrap_or_else(|| panic!("{page}: no `--world`"));
    assert!(
        root().join(rest[at + 1]).exists(),
        "{page}: no world `{}`",
        rest[at + 1]
    );
}

#[test]
fn the_readme_has_the_two_commands() {
    let all: Vec<String> = commands("README.md").iter().map(|words| words.join(" ")).collect();
    assert!(
        all.iter()
            .any(|c| c.starts_with("cargo run --release -- run pod-cross-node.rhai --world examples/incidents/"))
    );
    assert!(all.iter().any(|c| c == "cargo xtask test"));
}

/// The example of the authoring guide, on a healthy world and on one where it must find something.
#[test]
fn the_example_runbook_works() {
    let guide = read("runbooks/README.md");
    let text = guide
        .split("```rhai\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let (name, path) = ("forwarding".to_string(), "forwarding.rhai".to_string());
    let origin = Origin::File(Path::new(&path).into());
    let source = Source {
        name,
        path,
        origin,
        text: text.into(),
    };
    let host = Host::new(Library::default());
    let runbook = host.load(&source).unwrap_or_else(|e| panic!("{}", e.render(false)));
    assert_eq!(host.lint(&runbook), []);
    let runner = Runner::new(Library::default()).unwrap();
    let run = |args: &[&str], world: &str| {
        let args: Vec<String> = args.iter().map(|a| (*a).into()).collect();
        let record = Record::open(&root().join("tests/worlds").join(world)).unwrap();
        runner.run_source(&source, &args, Arc::new(record)).unwrap()
    };
    let healthy = run(&[], "healthy.tar.zst");
    assert_eq!(healthy.verdict, Verdict::Healthy, "{:?}", healthy.steps);
    let found = run(&[], "ip-forward-off.tar.zst");
    assert_eq!(found.verdict, Verdict::Problem, "{:?}", found.steps);
    assert_eq!(found.causes[0].code, "SYSCTL-FORWARDING");
    let shown = runbook_report::text(&found, &runbook_report::TextOptions::default());
    assert!(
        shown.contains("net.ipv4.ip_forward = 0"),
        "the proof is not in the report:\n{shown}"
    );
    assert_eq!(
        run(&["--node", "no-such"], "healthy.tar.zst").verdict,
        Verdict::Inconclusive
    );
}
