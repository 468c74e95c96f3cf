//! Runs a runbook in a session, and the way from a script function to the session.

use crate::{
    Library, ScriptError, Source,
    data::{Data, Node, fail},
    engine,
    error::Sources,
    lint::{self, Lint},
    runbook::{self, Runbook},
};
use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, Map, NativeCallContext, Position, Scope};
use runbook_core::{EvidenceId, Failure, Question, Target};
use runbook_run::{Evidence, Session};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Instant,
};

pub(crate) type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

/// How a run of the script ended.
#[derive(Debug)]
pub enum Ended {
    /// To the end of `main`.
    Completed,
    /// Somebody wants to go back to this step.
    BackTo(String),
    /// Somebody stopped, or Ctrl-C.
    Stopped,
    /// The run's time is over.
    OutOfTime,
    /// The script failed outside of a step.
    Failed(Box<ScriptError>),
}

/// Scripts, compiled and run: one for each run.
pub struct Host {
    library: Library,
    engine: Engine,
    sources: Arc<RwLock<Sources>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("library", &self.library)
            .finish_non_exhaustive()
    }
}

impl Host {
    pub fn new(library: Library) -> Host {
        let sources = Arc::default();
        let engine = engine::build(&library, &sources);
        Host {
            library,
            engine,
            sources,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Compiles a runbook and reads what it needs and does, without running anything but `params()`.
    pub fn load(&self, source: &Source) -> std::result::Result<Runbook, Box<ScriptError>> {
        let ast = engine::compile(&self.engine, &self.sources, &source.path, &source.text);
        let ast = ast.map_err(|e| self.script_error(&e, &source.path))?;
        let params = self.params(&ast, &source.path)?;
        runbook::describe(source, ast, params)
    }

    fn params(&self, ast: &rhai::AST, path: &str) -> std::result::Result<Vec<runbook::Param>, Box<ScriptError>> {
        if !ast.iter_functions().any(|f| f.name == "params" && f.params.is_empty()) {
            return Ok(vec![]);
        }
        let options = CallFnOptions::new().eval_ast(false);
        let listed = self
            .engine
            .call_fn_with_options::<Dynamic>(options, &mut Scope::new(), ast, "params", ());
        let listed = listed.map_err(|e| self.script_error(&e, path))?;
        runbook::read_params(&listed).map_err(|message| {
            let text: Arc<str> = self.text_of(path);
            let at = ast.iter_functions().find(|f| f.name == "params");
            drop(at);
            Box::new(ScriptError::at(
                format!("`params()`: {message}"),
                path,
                Position::NONE,
                &text,
            ))
        })
    }

    fn text_of(&self, path: &str) -> Arc<str> {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        sources.get(path).cloned().unwrap_or_else(|| "".into())
    }

    /// What is wrong or doubtful in a script, without running it.
    pub fn lint(&self, runbook: &Runbook) -> Vec<Lint> {
        lint::lint(self, runbook)
    }

    pub(crate) fn script_error(&self, error: &EvalAltResult, path: &str) -> Box<ScriptError> {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        let found = ScriptError::new(error, path, &sources);
        drop(sources);
        let hint = self.hint(error);
        Box::new(found.with_hint(hint))
    }

    fn hint(&self, error: &EvalAltResult) -> Option<String> {
        let innermost = innermost(error);
        match innermost {
            EvalAltResult::ErrorFunctionNotFound(signature, _) => crate::docs::hint(&self.engine, signature),
            EvalAltResult::ErrorModuleNotFound(name, _) => {
                let known: Vec<String> = self.library.stdlib().iter().map(|s| module_name(&s.path)).collect();
                crate::data::nearest(name, known.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`?"))
            }
            _ => None,
        }
    }

    /// Runs `main(p)`. Blocks: call it on a thread where blocking is allowed.
    pub fn run(
        &mut self,
        runbook: &Runbook,
        params: &serde_json::Map<String, Value>,
        session: &Arc<Session>,
        runtime: &tokio::runtime::Handle,
    ) -> Ended {
        let hand = Hand {
            session: session.clone(),
            runtime: runtime.clone(),
            main: runbook.source.path.as_str().into(),
            parsed: Arc::default(),
        };
        self.engine.set_default_tag(Dynamic::from(hand));
        let watched = session.clone();
        self.engine.on_progress(move |operations| {
            if operations & 0xff != 0 {
                return None;
            }
            let late = || Instant::now() >= watched.deadline();
            if watched.cancel.is_cancelled() {
                Some(Control::Stop.into())
            } else if late() {
                Some(Control::Late.into())
            } else {
                None
            }
        });
        let values: Map = runbook
            .params
            .iter()
            .map(|p| {
                (
                    p.name.as_str().into(),
                    scalar(params.get(&p.name).unwrap_or(&Value::Null)),
                )
            })
            .collect();
        let ended = self
            .engine
            .call_fn::<Dynamic>(&mut Scope::new(), &runbook.ast, "main", (values,));
        match ended {
            Ok(_) => Ended::Completed,
            Err(e) => match Control::of(&e) {
                Some(Control::Back(step)) => Ended::BackTo(step),
                Some(Control::Stop) => Ended::Stopped,
                Some(Control::Late) => Ended::OutOfTime,
                None => Ended::Failed(self.script_error(&e, &runbook.source.path)),
            },
        }
    }
}

fn scalar(value: &Value) -> Dynamic {
    Data::dynamic(Node::new(value.clone(), true), Arc::from([]))
}

pub(crate) fn module_name(path: &str) -> String {
    path.trim_start_matches("stdlib/").trim_end_matches(".rhai").to_string()
}

pub(crate) fn innermost(error: &EvalAltResult) -> &EvalAltResult {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) => {
            innermost(inner)
        }
        other => other,
    }
}

/// What ends a script without being an error: it passes through `try`/`catch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Control {
    Stop,
    Late,
    Back(String),
}

impl From<Control> for Dynamic {
    fn from(control: Control) -> Dynamic {
        Dynamic::from(control)
    }
}

impl Control {
    pub(crate) fn raise(self) -> Box<EvalAltResult> {
        EvalAltResult::ErrorTerminated(Dynamic::from(self), Position::NONE).into()
    }

    pub(crate) fn of(error: &EvalAltResult) -> Option<Control> {
        match innermost(error) {
            EvalAltResult::ErrorTerminated(token, _) => token.clone().try_cast::<Control>(),
            _ => None,
        }
    }
}

/// A script function's hold on the run: every question goes through here.
#[derive(Clone)]
pub(crate) struct Hand {
    pub(crate) session: Arc<Session>,
    runtime: tokio::runtime::Handle,
    /// The script that was started, for error places.
    pub(crate) main: Arc<str>,
    /// What was read already: an answer is parsed once, however often a script asks for it.
    parsed: Arc<Mutex<HashMap<(EvidenceId, &'static str), Dynamic>>>,
}

impl Hand {
    pub(crate) fn of(cx: &NativeCallContext<'_>) -> Result<Hand> {
        let hand = cx.tag().and_then(|tag| tag.clone().try_cast::<Hand>());
        hand.ok_or_else(|| fail("this can only be asked while a runbook runs, not when it is loaded"))
    }

    pub(crate) fn ask(&self, questions: Vec<Question>, fresh: bool) -> Result<Vec<Arc<Evidence>>> {
        let cancel = self.session.cancel.clone();
        let answered = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = cancel.cancelled() => None,
                answers = self.session.ask(questions, fresh) => Some(answers),
            }
        });
        answered.ok_or_else(|| Control::Stop.raise())
    }

    /// The value that `read` makes of an answer, made once.
    pub(crate) fn parse_once(
        &self,
        evidence: EvidenceId,
        parser: &'static str,
        read: impl FnOnce() -> Result<Dynamic>,
    ) -> Result<Dynamic> {
        let known = self
            .parsed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(evidence, parser))
            .cloned();
        if let Some(value) = known {
            return Ok(value);
        }
        let value = read()?;
        self.parsed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((evidence, parser), value.clone());
        Ok(value)
    }

    pub(crate) fn ask_one(&self, question: Question) -> Result<Arc<Evidence>> {
        let answers = self.ask(vec![question], false)?;
        answers
            .into_iter()
            .next()
            .ok_or_else(|| fail("the world gave no answer"))
    }

    pub(crate) fn sleep(&self, time: std::time::Duration) -> Result<()> {
        let cancel = self.session.cancel.clone();
        let deadline = self.session.deadline();
        let woken = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Control::Stop),
                () = tokio::time::sleep_until(deadline.into()) => Err(Control::Late),
                () = tokio::time::sleep(time) => Ok(()),
            }
        });
        woken.map_err(Control::raise)
    }
}

/// An error that says which question could not be answered, as a map for `catch`: `message`, `kind`, `target`.
pub(crate) fn unanswered(what: &str, target: &Target, failure: &Failure) -> Box<EvalAltResult> {
    let message = match target {
        Target::Api => format!("cannot read {what}: {failure}"),
        _ => format!("cannot read {what} of `{}`: {failure}", bare(target)),
    };
    let kind = serde_json::to_value(failure).ok();
    let kind = kind
        .as_ref()
        .and_then(|k| k["failure"].as_str())
        .unwrap_or("other")
        .to_string();
    failure_map(message, &kind, target)
}

pub(crate) fn failure_map(message: String, kind: &str, target: &Target) -> Box<EvalAltResult> {
    let entries = [
        ("message", message),
        ("kind", kind.to_string()),
        ("target", target.to_string()),
    ];
    let map: Map = entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
    EvalAltResult::ErrorRuntime(map.into(), Position::NONE).into()
}

fn bare(target: &Target) -> String {
    let text = target.to_string();
    text.split_once('/').map_or(text.clone(), |(_, name)| name.to_string())
}

/// Typed values and API objects as scripts see them.
pub(crate) fn to_script(value: Value, strict: bool, evidence: &[EvidenceId]) -> Dynamic {
    Data::dynamic(Node::new(value, strict), evidence.into())
}
