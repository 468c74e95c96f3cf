use crate::{Case, Judged, Result, judge};
use runbook_cluster::{Files, Record};
use runbook_core::{Effect, World};
use runbook_run::{Begin, Catalogue, Journal, Language, Limits, RunResult, Session, Setup, Silent};
use runbook_script::{Ended, Host, Library, Param, Runbook, Source};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// Runs cases in this process, as the command line does with `--world`: no journal, no terminal.
#[derive(Debug)]
pub struct Runner {
    library: Library,
    /// Names of runbooks, each with its parameters.
    params: BTreeMap<String, Vec<Param>>,
    catalogue: Arc<Catalogue>,
    runtime: tokio::runtime::Runtime,
}

impl Runner {
    pub fn new(library: Library) -> Result<Runner> {
        let (catalogue, errors) = library.catalogue();
        if let Some(error) = errors.first() {
            return Err(format!("the catalogue of findings does not load: {error}").into());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let mut params = BTreeMap::new();
        for source in library.runbooks() {
            let host = Host::new(library.clone());
            // What does not load is told by the cases that need it.
            if let Ok(runbook) = host.load(&source) {
                params.insert(source.name.clone(), runbook.params);
            }
        }
        Ok(Runner {
            library,
            params,
            catalogue: Arc::new(catalogue),
            runtime,
        })
    }

    /// Every runbook that loads.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.params.keys()
    }

    pub(crate) fn params_of(&self, runbook: &str) -> &[Param] {
        self.params.get(runbook).map_or(&[], Vec::as_slice)
    }

    /// Runs cases of one world, which is opened once.
    pub(crate) fn run_world<'a>(&self, cases: impl Iterator<Item = &'a Case> + Clone) -> Vec<Judged> {
        let opened = cases.clone().next().map(open);
        let run = |case: &Case| match &opened {
            Some(Ok(record)) => self.run(case, record),
            Some(Err(error)) => Err(error.to_string().into()),
            None => Err("no world".to_string().into()),
        };
        cases.map(|case| judge(case.clone(), run(case))).collect()
    }

    fn run(&self, case: &Case, record: &Arc<Record>) -> Result<RunResult> {
        let source = self.library.runbook(&case.runbook).map_err(|e| e.to_string())?;
        self.run_source(&source, &case.expect.args, record.clone())
    }

    /// Runs a script on a world. An error is about the script or the world, never a finding.
    pub fn run_source(&self, source: &Source, args: &[String], record: Arc<Record>) -> Result<RunResult> {
        let mut host = Host::new(self.library.clone());
        let runbook = host.load(source).map_err(|e| e.render(false))?;
        let params = params(&runbook, args)?;
        let begin = Begin::new(&source.name, source.sha256(), params.clone(), record.info());
        let session = Arc::new(Session::new(Setup {
            world: record,
            journal: Journal::none(),
            catalogue: self.catalogue.clone(),
            observer: Arc::new(Silent),
            limits: Limits::default(),
            allow: Effect::Read,
            begin,
        }));
        match host.run(&runbook, &params, &session, self.runtime.handle()) {
            Ended::Completed => Ok(session.finish(Language::En)),
            Ended::Failed(error) => Err(error.render(false).into()),
            other => Err(format!("the run ended early: {other:?}").into()),
        }
    }
}

/// The case's world, with its edits made.
fn open(case: &Case) -> Result<Arc<Record>> {
    let mut files = Files::open(&case.world).map_err(|e| chain(&e))?;
    for edit in &case.expect.edits {
        if !files.edit(&edit.file, &edit.from, &edit.to) {
            return Err(format!("edit of `{}`: `{}` is not in it", edit.file, edit.from).into());
        }
    }
    let record = Record::of_files(files, &case.world).map_err(|e| chain(&e))?;
    Ok(Arc::new(record))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// `--name value` or `--name=value`, as the runbook's own `params()` asks for them.
fn params(runbook: &Runbook, args: &[String]) -> Result<Map<String, Value>> {
    let defaults = runbook.params.iter().map(|p| (p.name.clone(), p.default.clone()));
    let mut params: Map<String, Value> = defaults.collect();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let name = arg
            .strip_prefix("--")
            .ok_or_else(|| format!("`{arg}` is no parameter"))?;
        let (name, text) = match name.split_once('=') {
            Some((name, text)) => (name, text.to_string()),
            None => (
                name,
                args.next().ok_or_else(|| format!("`{arg}` has no value"))?.clone(),
            ),
        };
        let known = runbook.params.iter().find(|p| p.name == name);
        let param = known.ok_or_else(|| format!("`{}` has no parameter `{name}`", runbook.source.name))?;
        params.insert(
            name.into(),
            param.kind.read(&text).map_err(|e| format!("--{name}: {e}"))?,
        );
    }
    Ok(params)
}
