//! One run, from the world it asks to the last line it prints.

use super::{
    progress::Progress,
    resume,
    signals::Interrupt,
    stream::{self, Stream},
};
use crate::{
    Cli, Loaded,
    code::Code,
    errors::CliError,
    flags::{ClusterFlags, Output, Running},
    guided::Guide,
    journals, report,
    text::{self, Style, is_dumb},
    world,
};
use runbook_cluster::Recorder;
use runbook_core::{Effect, Severity, Verdict, World};
use runbook_run::{Begin, Journal, Limits, Observer, Remembered, RunResult, Session, Setup, Silent};
use runbook_script::{Ended, Host, Runbook};
use serde_json::{Map, Value};
use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// A script that does not let go by then is left behind.
const GRACE: Duration = Duration::from_millis(60);
/// Closing connections takes at most this.
const CLOSING: Duration = Duration::from_secs(1);
/// Guided runs wait for a person.
const GUIDED_RUN: Duration = Duration::from_secs(24 * 3600);

pub(super) enum Origin {
    Asked {
        path: Option<PathBuf>,
        cluster: Box<ClusterFlags>,
    },
    Open(Arc<dyn World>),
}

pub(super) struct Job {
    pub(super) origin: Origin,
    pub(super) allow: Effect,
    pub(super) record: Option<PathBuf>,
    pub(super) running: Running,
    pub(super) params: Map<String, Value>,
    pub(super) loaded: Loaded,
    pub(super) resumed: Option<Resumed>,
}

/// The run that is gone on with.
pub(super) struct Resumed {
    pub(super) folder: PathBuf,
    pub(super) begin: Begin,
    pub(super) remembered: Remembered,
}

pub(super) fn execute(cli: &Cli, job: Job) -> Result<Code, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(job.execute(cli));
    // A script thread that is stuck in a call must not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// Who watches the run.
enum Watcher {
    Guided(Arc<Guide>),
    Progress(Arc<Progress>),
    Stream,
    Nobody,
}

impl Watcher {
    fn choose(cli: &Cli, job: &Job, interrupt: &Interrupt) -> Watcher {
        let sees = io::stderr().is_terminal() && !is_dumb();
        let plan = &job.loaded.runbook.plan;
        match job.running.output {
            Output::Ndjson => Watcher::Stream,
            Output::Text if sees && io::stdin().is_terminal() && !job.running.headless => {
                let style = Style::stderr(cli.colour);
                Watcher::Guided(Arc::new(Guide::new(
                    plan.clone(),
                    style,
                    cli.language,
                    interrupt.clone(),
                )))
            }
            // Log lines and a bar would spoil each other.
            _ if sees && cli.verbose == 0 => Watcher::Progress(Arc::new(Progress::new(plan.len()))),
            _ => Watcher::Nobody,
        }
    }

    fn observer(&self) -> Arc<dyn Observer> {
        match self {
            Watcher::Guided(guide) => guide.clone(),
            Watcher::Progress(progress) => progress.clone(),
            Watcher::Stream => Arc::new(Stream),
            Watcher::Nobody => Arc::new(Silent),
        }
    }

    fn guide(&self) -> Option<Arc<Guide>> {
        match self {
            Watcher::Guided(guide) => Some(guide.clone()),
            _ => None,
        }
    }
}

impl Job {
    async fn execute(self, cli: &Cli) -> Result<Code, CliError> {
        let interrupt = Interrupt::default();
        interrupt
            .watch()
            .map_err(|e| CliError::new(Code::Internal, "cannot watch for signals").cause(e.to_string()))?;
        let opened = tokio::select! {
            biased;
            () = interrupt.token.cancelled() => return Ok(Code::Interrupted),
            opened = self.open() => opened?,
        };
        let recorder = match &self.record {
            Some(path) => Some(Arc::new(Recorder::create(opened.clone(), path)?)),
            None => None,
        };
        let world = recorder.clone().map_or(opened, |r| r as Arc<dyn World>);
        let finished = self.run_on(cli, world.clone(), &interrupt).await;
        let recorded = recorder.map(|r| finish_recording(&r));
        let closed = tokio::time::timeout(CLOSING, world.close()).await;
        if closed.is_err() {
            tracing::warn!("connections were not closed within {} s", CLOSING.as_secs());
        }
        let code = finished?;
        match recorded {
            Some(Err(error)) if code == Code::Healthy => Err(error),
            Some(Err(error)) => {
                text::say(&error.render(Style::stderr(cli.colour)));
                Ok(code)
            }
            _ => Ok(code),
        }
    }

    async fn open(&self) -> Result<Arc<dyn World>, CliError> {
        match &self.origin {
            Origin::Open(world) => Ok(world.clone()),
            Origin::Asked { path, cluster } => world::open(path.as_deref(), cluster).await,
        }
    }

    async fn run_on(mut self, cli: &Cli, world: Arc<dyn World>, interrupt: &Interrupt) -> Result<Code, CliError> {
        if let Some(resumed) = &self.resumed {
            resume::tell_drift(resumed, world.as_ref(), interrupt).await?;
        }
        let watcher = Watcher::choose(cli, &self, interrupt);
        let session = self.session(world, &watcher)?;
        let Job {
            running,
            params,
            loaded,
            ..
        } = self;
        let Loaded { host, runbook } = loaded;
        if let Some(guide) = watcher.guide() {
            guide.begin(&session, &runbook);
        }
        let planned: Vec<(String, String)> = runbook.plan.iter().map(|s| (s.id.clone(), s.title.clone())).collect();
        let ended = drive(host, runbook, params, session.clone(), interrupt, watcher.guide()).await;
        if let Watcher::Progress(progress) = &watcher {
            progress.finish();
        }
        crate::guided::restore_terminal();
        mark_not_run(&session, &ended, planned);
        let result = session.finish(cli.language);
        journals::keep_result(session.journal(), &result);
        if let Some(failure) = session.journal().failure() {
            text::say(&CliError::from(failure).warning("the run went on without a journal"));
        }
        let code = code_of(&ended, &result, &session, &running, interrupt);
        if let Some(Ended::Failed(error)) = ended {
            text::say(&CliError::from(error).render(Style::stderr(cli.colour)));
        }
        publish(cli, &result, &running, code)
    }

    fn session(&mut self, world: Arc<dyn World>, watcher: &Watcher) -> Result<Arc<Session>, CliError> {
        let source = &self.loaded.runbook.source;
        let guided = watcher.guide().is_some();
        let limits = Limits {
            run: self
                .running
                .timeout
                .unwrap_or(if guided { GUIDED_RUN } else { Limits::default().run }),
            step: self.running.step_timeout,
            question: self.running.question_timeout,
        };
        let (catalogue, errors) = self.loaded.host.library().catalogue();
        for error in errors {
            tracing::info!("catalogue: {error}");
        }
        let setup = |world, journal, begin| Setup {
            world,
            journal,
            catalogue: Arc::new(catalogue),
            observer: watcher.observer(),
            limits,
            allow: self.allow,
            begin,
        };
        let session = match self.resumed.take() {
            Some(resumed) => {
                let journal = Journal::reopen(&resumed.folder)?;
                let begin = Begin {
                    runbook_sha256: source.sha256(),
                    ..resumed.begin
                };
                Session::resume(setup(world, journal, begin), resumed.remembered)
            }
            None => {
                let begin = Begin::new(&source.name, source.sha256(), self.params.clone(), world.info());
                let journal = journals::create(self.running.journal.as_deref(), &begin.run, &source.text)?;
                Session::new(setup(world, journal, begin))
            }
        };
        Ok(Arc::new(session))
    }
}

/// Runs the script, again and again while a person goes back; `None` when it was left behind.
async fn drive(
    mut host: Host,
    runbook: Runbook,
    params: Map<String, Value>,
    session: Arc<Session>,
    interrupt: &Interrupt,
    guide: Option<Arc<Guide>>,
) -> Option<Ended> {
    let (runtime, asked) = (tokio::runtime::Handle::current(), session.clone());
    let mut script = tokio::task::spawn_blocking(move || {
        loop {
            let ended = host.run(&runbook, &params, &asked, &runtime);
            let back = match (&ended, &guide) {
                (Ended::BackTo(step), _) => Some(step.clone()),
                (Ended::Completed | Ended::Stopped, Some(guide)) => guide.after_run(&ended),
                _ => None,
            };
            match back {
                Some(step) => asked.rewind(&step),
                None => return ended,
            }
        }
    });
    tokio::select! {
        biased;
        ended = &mut script => return joined(ended),
        () = interrupt.token.cancelled() => session.cancel.cancel(),
    }
    tokio::time::timeout(GRACE, script).await.ok().and_then(joined)
}

/// A panic was reported by its hook; what is left is the code.
fn joined(ended: Result<Ended, tokio::task::JoinError>) -> Option<Ended> {
    match ended {
        Ok(ended) => Some(ended),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Keeps what the run did not reach. A script that ran to its end left steps out because they did not apply; only
/// beside a problem is that worth saying. Where it did not, nothing may look healthy.
fn mark_not_run(session: &Session, ended: &Option<Ended>, mut planned: Vec<(String, String)>) {
    let completed = matches!(ended, Some(Ended::Completed));
    if completed && session.findings().iter().all(|f| f.severity < Severity::Problem) {
        return;
    }
    let reached_all = planned.iter().all(|(id, _)| session.step_record(id).is_some());
    if !completed && (reached_all || matches!(ended, Some(Ended::Failed(_)))) {
        planned.push(("end".into(), "Did the runbook run to its end?".into()));
    }
    session.not_run(&planned, &why_not_run(ended));
}

fn why_not_run(ended: &Option<Ended>) -> String {
    match ended {
        Some(Ended::Completed) => "the runbook did not need it".into(),
        Some(Ended::OutOfTime) => "the time of the run was over".into(),
        Some(Ended::Failed(error)) => format!("the script failed: {error}"),
        _ => "stopped before".into(),
    }
}

fn code_of(
    ended: &Option<Ended>,
    result: &RunResult,
    session: &Session,
    running: &Running,
    interrupt: &Interrupt,
) -> Code {
    let verdict = || match result.verdict {
        Verdict::Inconclusive if session.no_access() => Code::CouldNotAsk,
        verdict => Code::of(verdict, running.fail_on()),
    };
    match ended {
        _ if interrupt.was_raised() => Code::Interrupted,
        Some(Ended::Completed) => verdict(),
        Some(Ended::OutOfTime) => Code::TimedOut,
        Some(Ended::Failed(_)) if result.verdict == Verdict::Problem || session.no_access() => verdict(),
        Some(Ended::Failed(_)) => Code::NotLoaded,
        Some(Ended::Stopped | Ended::BackTo(_)) | None => Code::Aborted,
    }
}

/// The result on stdout and in files. A file that cannot be written is told, and is not success.
fn publish(cli: &Cli, result: &RunResult, running: &Running, code: Code) -> Result<Code, CliError> {
    match running.output {
        Output::Json => text::print(&report::json(result))?,
        Output::Ndjson => stream::result(result),
        Output::Text => text::print(&report::text(result, Style::stdout(cli.colour), cli.language))?,
    }
    let mut code = code;
    for (format, path) in &running.report {
        if let Err(error) = report::write(result, *format, path, cli.language) {
            text::say(&error.render(Style::stderr(cli.colour)));
            code = if code == Code::Healthy { Code::Usage } else { code };
        }
    }
    Ok(code)
}

fn finish_recording(recorder: &Recorder) -> Result<(), CliError> {
    let by = format!("runbook {}", env!("CARGO_PKG_VERSION"));
    let path = recorder.finish(&by)?;
    text::say(&format!("recorded: {}", text::clean_line(&path.display().to_string())));
    Ok(())
}
