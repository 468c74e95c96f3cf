//! A place with small runbooks and a tiny world, and what the binary says there.

use runbook_testkit::Sealed;
use std::{fs, path::PathBuf, process::Command};

pub struct Stage(pub Sealed);

#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

const BOOKS: [(&str, &str); 9] = [
    (
        "healthy",
        "step(\"nodes\", \"Which nodes are there?\", || kube::list(\"nodes\").len());",
    ),
    (
        "problem",
        "step(\"look\", \"Is the link there?\", || { let n = kube::list(\"nodes\"); finding(\"VETH-MISSING\", #{ pod: \"shop/cart-0\", certainty: \"proven\", evidence: n, summary: \"no link leads to shop/cart-0\" }); });",
    ),
    (
        "warning",
        "step(\"look\", \"Is it tidy?\", || finding(\"VETH-MISSING\", #{ pod: \"shop/cart-0\", severity: \"warning\", summary: \"untidy\" }));",
    ),
    (
        "inconclusive",
        "step(\"look\", \"Can we tell?\", || unknown(\"nobody can ask the fabric\"));",
    ),
    (
        "busy",
        "step(\"spin\", \"Does it end?\", || { loop { try { throw 1; } catch { } } });",
    ),
    ("sleepy", "step(\"wait\", \"Is it over?\", || sleep(60));"),
    (
        "misspelt",
        "step(\"look\", \"Which nodes?\", || kube::lisd(\"nodes\")); step(\"more\", \"And then?\", || 1);",
    ),
    ("outside", "step(\"look\", \"Fine?\", || 1); no_such_function(1);"),
    (
        "hostile",
        "step(\"look\", \"Is the name harmless?\", || { ui::note(\"\\x1b[2Jnote\"); finding(\"VETH-MISSING\", #{ pod: \"a\\x1b]0;owned\\x07\\nb\", summary: \"bad \\x1b[31mname\" }); });",
    ),
];

const LONG: &str = "//! Four questions in a row.
//!
//! Use when: somebody wants to see how a run is led.
fn params() {
    [
        #{ name: \"src\", kind: \"pod\", help: \"the pod that asks\" },
        #{ name: \"limit_ms\", kind: \"int\", help: \"slower than this is slow\", \"default\": 5 },
    ]
}
fn main(p) {
    step(\"first\", \"Which nodes are there?\", || kube::list(\"nodes\").len());
    step(\"second\", \"Is the link there?\", || finding(\"VETH-MISSING\", #{ pod: \"shop/cart-0\", summary: \"no link\" }));
    step(\"third\", \"Can we tell?\", || unknown(\"no\"));
    step(\"fourth\", \"Is it the limit?\", || { ui::note(`limit ${p.limit_ms} src ${p.src}`); });
}
";

impl Stage {
    pub fn new() -> Stage {
        let stage = Stage(Sealed::new().unwrap());
        for (name, body) in BOOKS {
            stage.book(
                name,
                &format!("//! A runbook named {name}.\nfn main(p) {{\n    {body}\n}}\n"),
            );
        }
        stage.book("long", LONG);
        stage.file("world/index.json", "{\"captures\": []}");
        stage.file(
            "world/kube/v1/nodes.json",
            "{\"kind\":\"NodeList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[{\"metadata\":{\"name\":\"worker-1\"}}]}",
        );
        stage
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.work().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub fn book(&self, name: &str, text: &str) -> PathBuf {
        self.file(&format!("books/{name}.rhai"), text)
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = self.0.command(env!("CARGO_BIN_EXE_runbook"));
        command
            .args(line.split_whitespace())
            .env("RUNBOOK_RUNBOOKS", self.0.work().join("books"));
        command
    }

    pub fn say(&self, line: &str) -> Said {
        said(&mut self.command(line))
    }

    /// On the tiny world.
    pub fn run(&self, line: &str) -> Said {
        self.say(&format!("run {line} --world world"))
    }

    /// The folders of all runs that were kept.
    pub fn runs(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(self.0.state().join("runbook/runs")).into_iter().flatten();
        listed.map(|e| e.unwrap().path()).collect()
    }
}

pub fn said(command: &mut Command) -> Said {
    let done = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Said {
        code: done.status.code().unwrap_or(-1),
        out: text(&done.stdout),
        err: text(&done.stderr),
    }
}

impl Said {
    /// Checks code and what is said where; no escapes reach a pipe.
    #[track_caller]
    pub fn is(&self, code: i32, out: &[&str], err: &[&str]) -> &Said {
        assert_eq!(self.code, code, "{self:#?}");
        for (text, parts) in [(&self.out, out), (&self.err, err)] {
            assert!(!text.contains('\x1b'), "{self:#?}");
            for part in parts {
                assert!(text.contains(part), "`{part}` is missing: {self:#?}");
            }
        }
        self
    }
}
