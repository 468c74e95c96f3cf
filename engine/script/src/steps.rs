//! The words of a runbook: `step`, `finding`, `skip`, `unknown`, `each`.

use crate::{
    data::{Data, evidence_of, fail, from_dynamic},
    host::{Control, Hand, Result, innermost},
};
use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, Map, NativeCallContext, Position, plugin::*};
use runbook_core::{Certainty, EvidenceId, Severity, Subject};
use runbook_run::{After, Before, NewFinding, StepEnd};
use serde_json::Value;

/// `return skip(reason)`: the step does not apply here.
#[derive(Clone, Debug)]
pub(crate) struct Skip(String);

/// `return unknown(reason)`: the step could not tell.
#[derive(Clone, Debug)]
pub(crate) struct Unknown(String);

/// What an inconclusive step leaves behind: whoever uses it is inconclusive too, and says why.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    step: String,
    reason: String,
}

impl Missing {
    fn error(&self) -> Box<EvalAltResult> {
        fail(format!(
            "depends on step `{}`, which could not tell: {}",
            self.step, self.reason
        ))
    }
}

impl IntoIterator for Missing {
    type Item = Result<Dynamic>;
    type IntoIter = std::iter::Once<Self::Item>;
    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(Err(self.error()))
    }
}

pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Skip>("skip")
        .register_type_with_name::<Unknown>("unknown")
        .register_type_with_name::<Missing>("missing")
        .register_indexer_get(|m: &mut Missing, _: &str| -> Result<Dynamic> { Err(m.error()) })
        .register_indexer_get(|m: &mut Missing, _: i64| -> Result<Dynamic> { Err(m.error()) })
        .register_iterator_result::<Missing, Dynamic>();
    let words = rhai::exported_module!(words);
    engine.register_global_module(words.into());
}

#[export_module]
mod words {
    /// Asks one question of the runbook and returns its answer.
    ///
    /// Runs `answer` at once. What it returns is the step's result, for the steps after it. `return skip(reason)` and
    /// `return unknown(reason)` end the step; an error inside makes it inconclusive with that reason, and the run goes on.
    /// `id` and `title` are literals, so that `runbook show` can read the plan without running anything.
    /// ```rhai
    /// let answer = step("sum", "Does one and one make two?", || 1 + 1);
    /// assert(answer == 2);
    /// ```
    #[rhai_fn(return_raw)]
    pub(super) fn step(cx: NativeCallContext<'_>, id: &str, title: &str, answer: FnPtr) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        if let Some(outer) = hand.session.current_step() {
            return Err(fail(format!(
                "step `{id}` is inside step `{outer}`; steps follow one another"
            )));
        }
        if hand.session.step_record(id).is_some() {
            return Err(fail(format!("two steps are called `{id}`")));
        }
        run_step(&cx, &hand, id, title, &answer)
    }

    /// Returns a mark that ends a step as *skipped*: it does not apply here. Use as `return skip("no encapsulation")`.
    /// ```rhai
    /// step("not-here", "Is the tunnel up?", || skip("no encapsulation here"));
    /// ```
    pub(super) fn skip(reason: &str) -> Skip {
        Skip(reason.into())
    }

    /// Returns a mark that ends a step as *inconclusive*: it could not tell. Inconclusive is never healthy.
    /// ```rhai
    /// step("blind", "Is the fabric healthy?", || unknown("nobody here can ask the fabric"));
    /// ```
    pub(super) fn unknown(reason: &str) -> Unknown {
        Unknown(reason.into())
    }

    /// Records something wrong and goes on.
    ///
    /// `code` is a word of the catalogue. Keys of `facts` that have a meaning: `subject` (`"node/worker-1"`; else the
    /// first of `pod`, `policy`, `service`, `node`, `pool`, `block`, `peer`), `summary` (one sentence with the names and
    /// numbers of this case), `certainty` (`"proven"`, `"likely"`, `"possible"`; `"likely"` when absent), `severity`,
    /// `evidence` and `against` (values that came from primitives). All others are kept as the data of the finding.
    /// ```rhai
    /// finding("TUNNEL-DOWN", #{ node: "worker-1", device: "vxlan.calico", summary: "vxlan.calico is down on worker-1" });
    /// ```
    #[rhai_fn(return_raw)]
    pub(super) fn finding(cx: NativeCallContext<'_>, code: &str, facts: Map) -> Result<()> {
        let hand = Hand::of(&cx)?;
        hand.session.find(read_finding(&hand, code, facts)?);
        Ok(())
    }

    /// Runs `work` for each of `items`, several at a time, and returns one `#{ item, value, error }` for each, in order.
    ///
    /// `error` is `()` where all went well; one dead node never spoils the rest.
    /// ```rhai
    /// let squares = each([1, 2, 3], |n| n * n);
    /// assert(squares[2].value == 9 && squares[2].error == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub(super) fn each(cx: NativeCallContext<'_>, items: Dynamic, work: FnPtr) -> Result<Array> {
        let items: Array = match items.read_lock::<Data>() {
            Some(data) => data.clone().into_iter().collect(),
            None => items
                .clone()
                .try_cast::<Array>()
                .ok_or_else(|| fail("`each` takes a list"))?,
        };
        run_each(&cx, items, &work)
    }

    /// Waits, and wakes at once when the run is stopped. `seconds` may be a fraction.
    /// ```rhai
    /// sleep(0.01);
    /// ```
    #[rhai_fn(return_raw, name = "sleep")]
    pub(super) fn sleep_float(cx: NativeCallContext<'_>, seconds: f64) -> Result<()> {
        let time = std::time::Duration::try_from_secs_f64(seconds).map_err(|e| fail(e.to_string()))?;
        Hand::of(&cx)?.sleep(time)
    }

    /// Waits whole seconds.
    /// ```rhai
    /// sleep(0);
    /// ```
    #[rhai_fn(return_raw, name = "sleep")]
    pub(super) fn sleep_int(cx: NativeCallContext<'_>, seconds: i64) -> Result<()> {
        sleep_float(cx, seconds as f64)
    }

    /// Fails the step when `holds` is false: for tests and for what must be true if the script is right.
    /// ```rhai
    /// assert(1 < 2);
    /// ```
    #[rhai_fn(return_raw)]
    pub(super) fn assert(holds: bool) -> Result<()> {
        if holds {
            Ok(())
        } else {
            Err(fail("assertion does not hold"))
        }
    }

    /// Returns whether this run has found anything wrong so far.
    /// ```rhai
    /// assert(!has_findings());
    /// ```
    #[rhai_fn(return_raw)]
    pub(super) fn has_findings(cx: NativeCallContext<'_>) -> Result<bool> {
        Ok(!Hand::of(&cx)?.session.findings().is_empty())
    }

    /// Tells whether a value is what an inconclusive step left behind.
    /// ```rhai
    /// let fabric = step("fabric", "Is the fabric healthy?", || unknown("nobody can ask it"));
    /// assert(is_missing(fabric));
    /// ```
    pub(super) fn is_missing(value: Dynamic) -> bool {
        value.is::<Missing>()
    }
}

fn run_step(cx: &NativeCallContext<'_>, hand: &Hand, id: &str, title: &str, answer: &FnPtr) -> Result<Dynamic> {
    loop {
        let ended = match hand.session.begin_step(id, title) {
            Before::Run => answer.call_within_context::<Dynamic>(cx, ()),
            Before::Skip { reason } => Ok(Dynamic::from(Unknown(format!("skipped: {reason}")))),
            Before::Stop => return Err(Control::Stop.raise()),
        };
        let (end, value) = conclude(cx, hand, id, ended)?;
        match hand.session.end_step(end) {
            After::GoOn => return Ok(value),
            After::Retry => hand.session.forget_last_step(),
            After::BackTo(step) => return Err(Control::Back(step).raise()),
            After::Stop => return Err(Control::Stop.raise()),
        }
    }
}

/// What a closure's end means for its step, and what the step leaves behind.
fn conclude(cx: &NativeCallContext<'_>, hand: &Hand, id: &str, ended: Result<Dynamic>) -> Result<(StepEnd, Dynamic)> {
    let missing = |reason: String| {
        let left = Dynamic::from(Missing {
            step: id.into(),
            reason: reason.clone(),
        });
        (StepEnd::Unknown(reason), left)
    };
    match ended {
        Ok(value) => {
            if let Some(skip) = value.read_lock::<Skip>() {
                return Ok((StepEnd::Skip(skip.0.clone()), Dynamic::UNIT));
            }
            if let Some(unknown) = value.read_lock::<Unknown>() {
                return Ok(missing(unknown.0.clone()));
            }
            if let Some(passed_on) = value.read_lock::<Missing>() {
                return Ok(missing(format!(
                    "depends on step `{}`: {}",
                    passed_on.step, passed_on.reason
                )));
            }
            let plain = from_dynamic(&value).unwrap_or(Value::Null);
            Ok((StepEnd::Value(plain), value))
        }
        Err(error) => match Control::of(&error) {
            // The step's own time is over; the run's is not.
            Some(Control::Late) if !hand.session.out_of_time() => {
                Ok(missing("not done within the time of a step".into()))
            }
            Some(control) => {
                hand.session.end_step(StepEnd::Unknown("stopped".into()));
                Err(control.raise())
            }
            None => Ok(missing(reason_of(cx, hand, &error))),
        },
    }
}

/// The reason of an inconclusive step: what could not be asked, or where the script went wrong.
fn reason_of(cx: &NativeCallContext<'_>, hand: &Hand, error: &EvalAltResult) -> String {
    let script = crate::ScriptError::new(error, &hand.main, &Default::default());
    let unanswered = matches!(innermost(error), EvalAltResult::ErrorRuntime(..));
    match script.place.filter(|_| !unanswered) {
        Some(place) => {
            let hint = match innermost(error) {
                EvalAltResult::ErrorFunctionNotFound(signature, _) => crate::docs::hint(cx.engine(), signature),
                _ => None,
            };
            let hint = hint.map(|h| format!("; {h}")).unwrap_or_default();
            format!(
                "{}:{}:{}: {}{hint}",
                place.source, place.line, place.column, script.message
            )
        }
        None => script.message,
    }
}

const SUBJECT_KEYS: [&str; 8] = ["pod", "policy", "service", "node", "pool", "block", "peer", "cluster"];

fn read_finding(hand: &Hand, code: &str, mut facts: Map) -> Result<NewFinding> {
    let mut take = |key: &str| facts.remove(key);
    let text = |value: Option<Dynamic>| value.and_then(|v| v.into_string().ok());
    let certainty = match text(take("certainty")).as_deref() {
        None | Some("likely") => Certainty::Likely,
        Some("proven") => Certainty::Proven,
        Some("possible") => Certainty::Possible,
        Some(other) => return Err(fail(format!("certainty `{other}`: say proven, likely or possible"))),
    };
    let severity = match text(take("severity")).as_deref() {
        None => None,
        Some("problem") => Some(Severity::Problem),
        Some("warning") => Some(Severity::Warning),
        Some("info") => Some(Severity::Info),
        Some(other) => return Err(fail(format!("severity `{other}`: say problem, warning or info"))),
    };
    let ids = |value: Option<Dynamic>| {
        let mut found: Vec<EvidenceId> = vec![];
        value.iter().for_each(|v| evidence_of(v, &mut found));
        found
    };
    let (evidence, against) = (ids(take("evidence")), ids(take("against")));
    let (summary, subject) = (text(take("summary")), text(take("subject")));
    let mut data = serde_json::Map::new();
    for (key, value) in facts {
        data.insert(
            key.to_string(),
            from_dynamic(&value).map_err(|e| fail(format!("`{key}` of finding {code}: {e}")))?,
        );
    }
    let subject = match subject {
        Some(text) => match text.split_once('/') {
            Some((kind, name)) => Subject {
                kind: kind.into(),
                name: name.into(),
            },
            None => return Err(fail(format!("subject `{text}`: say kind/name, such as node/worker-1"))),
        },
        None => infer_subject(&data),
    };
    let title = || {
        hand.session
            .catalogue()
            .get(code)
            .map(|e| e.title.en.clone())
            .unwrap_or_else(|| code.to_string())
    };
    let summary = summary.unwrap_or_else(|| format!("{}: {subject}", title()));
    Ok(NewFinding {
        code: code.into(),
        certainty,
        severity,
        subject,
        summary,
        evidence,
        against,
        data,
    })
}

fn infer_subject(data: &serde_json::Map<String, Value>) -> Subject {
    let named = SUBJECT_KEYS
        .iter()
        .find_map(|key| Some((*key, data.get(*key)?.as_str()?)));
    let (kind, name) = named.unwrap_or(("cluster", "cluster"));
    Subject {
        kind: kind.into(),
        name: name.into(),
    }
}

/// How many closures of one `each` run at the same time. They wait for answers, not for a processor.
const PARALLEL: usize = 16;

#[allow(deprecated)] // rhai marks the stored call context as volatile; the version is pinned
fn run_each(cx: &NativeCallContext<'_>, items: Array, work: &FnPtr) -> Result<Array> {
    let (store, engine) = (cx.store_data(), cx.engine());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let results = std::sync::Mutex::new(vec![None; items.len()]);
    let stopped = std::sync::Mutex::new(None);
    let worker = || {
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            let called = work.call_raw(&store.create_context(engine), None, [item.clone()]);
            let (value, error) = match called {
                Ok(value) => (value, Dynamic::UNIT),
                Err(e) => match Control::of(&e) {
                    Some(control) => {
                        *stopped.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(control);
                        break;
                    }
                    None => (Dynamic::UNIT, caught(&e)),
                },
            };
            let result = [("item", item.clone()), ("value", value), ("error", error)];
            let result: Map = result.into_iter().map(|(k, v)| (k.into(), v)).collect();
            results.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[at] = Some(Dynamic::from(result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..items.len().min(PARALLEL) {
            scope.spawn(worker);
        }
    });
    if let Some(control) = stopped.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(control.raise());
    }
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(results.into_iter().map(Option::unwrap_or_default).collect())
}

/// An error as `catch` would see it.
fn caught(error: &EvalAltResult) -> Dynamic {
    match innermost(error) {
        EvalAltResult::ErrorRuntime(value, _) => value.clone(),
        other => {
            let mut plain = other.to_string();
            if let Some(at) = plain.find(" (line ").filter(|_| other.position() != Position::NONE) {
                plain.truncate(at);
            }
            plain.into()
        }
    }
}
