//! The script API: what the documentation says is run, and what the sandbox promises is tried.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests fail by panicking

mod examples;
mod ipam;
mod sandbox;
mod steps;
mod words;

use runbook_cluster::Record;
use runbook_core::Effect;
use runbook_core::World as _;
use runbook_run::{Begin, Journal, Language, Limits, RunResult, Session, Setup, Silent};
use runbook_script::{Ended, Host, Library, Origin, ScriptError, Source};
use std::{path::PathBuf, sync::Arc};

/// The repository's own recording of a healthy cluster.
fn world() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/worlds/healthy.tar.zst")
}

fn source(text: &str) -> Source {
    Source {
        name: "test".into(),
        path: "test.rhai".into(),
        origin: Origin::Embedded,
        text: text.into(),
    }
}

/// Loads a script, or says why not.
fn load(text: &str) -> Result<(Host, runbook_script::Runbook), Box<ScriptError>> {
    let host = Host::new(Library::default());
    let runbook = host.load(&source(text))?;
    Ok((host, runbook))
}

/// Runs a script on the healthy recording.
fn run_with(text: &str, limits: Limits, before: impl FnOnce(&Arc<Session>)) -> (Ended, RunResult) {
    let (mut host, runbook) = load(text).unwrap_or_else(|e| panic!("{}", e.render(false)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let record = Record::open(&world()).unwrap();
    let begin = Begin::new("test", String::new(), Default::default(), record.info());
    let catalogue = Arc::new(host.library().catalogue().0);
    let world = Arc::new(record);
    let session = Session::new(Setup {
        world,
        journal: Journal::none(),
        catalogue,
        observer: Arc::new(Silent),
        limits,
        allow: Effect::Read,
        begin,
    });
    let session = Arc::new(session);
    before(&session);
    let ended = host.run(&runbook, &Default::default(), &session, runtime.handle());
    (ended, session.finish(Language::En))
}

fn run(text: &str) -> (Ended, RunResult) {
    run_with(text, Limits::default(), |_| ())
}

/// Runs statements as the body of `main`.
fn run_body(body: &str) -> (Ended, RunResult) {
    run(&format!("//! test\nfn main(p) {{\n{body}\n}}\n"))
}
