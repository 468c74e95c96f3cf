use crate::{
    After, Before, Begin, Catalogue, Journal, JournalEntry, Language, Observer, Remembered, RunResult, SCHEMA,
    StepRecord, causes, records, result,
};
use jiff::Timestamp;
use runbook_core::{
    Answer, AskContext, Certainty, Effect, EvidenceId, Failure, Finding, Outcome, Question, Severity, StepStatus,
    Subject, Target, Verdict, Via, World, WorldInfo, redact_answer,
};
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// What a run may take.
#[derive(Debug, Clone)]
pub struct Limits {
    pub run: Duration,
    pub step: Duration,
    pub question: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Limits {
            run: seconds(600),
            step: seconds(120),
            question: seconds(30),
        }
    }
}

/// What a run may do.
pub type Allowed = Effect;

/// A question with its raw answer.
#[derive(Debug)]
pub struct Evidence {
    pub id: EvidenceId,
    pub question: Question,
    pub answer: Answer,
}

/// A finding as a runbook records it; the catalogue and the session add the rest.
#[derive(Debug, Clone)]
pub struct NewFinding {
    pub code: String,
    pub certainty: Certainty,
    /// Only to weaken or strengthen what the catalogue says.
    pub severity: Option<Severity>,
    pub subject: Subject,
    pub summary: String,
    /// Empty: everything that the step asked.
    pub evidence: Vec<EvidenceId>,
    pub against: Vec<EvidenceId>,
    pub data: Map<String, Value>,
}

/// How a step's closure ended.
#[derive(Debug, Clone)]
pub enum StepEnd {
    Value(Value),
    Skip(String),
    Unknown(String),
}

/// What a run is made of.
pub struct Setup {
    pub world: Arc<dyn World>,
    pub journal: Journal,
    pub catalogue: Arc<Catalogue>,
    pub observer: Arc<dyn Observer>,
    pub limits: Limits,
    pub allow: Allowed,
    pub begin: Begin,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("begin", &self.begin)
            .finish_non_exhaustive()
    }
}

/// One run of one runbook: the door through which its script asks, and the memory of what was answered.
pub struct Session {
    world: Arc<dyn World>,
    journal: Journal,
    catalogue: Arc<Catalogue>,
    observer: Arc<dyn Observer>,
    pub cancel: CancellationToken,
    limits: Limits,
    allow: Effect,
    begin: Begin,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    evidence: Vec<Arc<Evidence>>,
    /// What is known already: asked twice in one run, a question has one answer.
    known: HashMap<Question, EvidenceId>,
    steps: Vec<StepRecord>,
    /// What each finished step used, for going back.
    used: Vec<Vec<EvidenceId>>,
    current: Option<Current>,
    findings: Vec<Finding>,
    notes: Vec<String>,
}

impl State {
    /// Forgets what the steps from this one on were told, and no step before it.
    fn forget_from(&mut self, step: usize) {
        let later: Vec<EvidenceId> = self.used.split_off(step.min(self.used.len())).concat();
        let kept = self.used.concat();
        self.known.retain(|_, id| kept.contains(id) || !later.contains(id));
    }
}

struct Current {
    id: String,
    title: String,
    began: Instant,
    used: Vec<EvidenceId>,
    findings_before: usize,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("run", &self.begin.run)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub fn new(setup: Setup) -> Session {
        setup.journal.append(&JournalEntry::Begin(setup.begin.clone()));
        Session::open(setup, State::default())
    }

    /// Goes on with a run that ended early: what it remembers is known, everything else is asked. The journal is the run's
    /// own, reopened; `begin` says which script goes on.
    pub fn resume(setup: Setup, remembered: Remembered) -> Session {
        setup.journal.append(&JournalEntry::Resumed {
            at: Timestamp::now(),
            runbook_sha256: setup.begin.runbook_sha256.clone(),
            version: setup.begin.version.clone(),
        });
        let Remembered { evidence, known, .. } = remembered;
        let state = State {
            evidence,
            known,
            ..State::default()
        };
        Session::open(setup, state)
    }

    fn open(setup: Setup, state: State) -> Session {
        setup.journal.sync();
        let Setup {
            world,
            journal,
            catalogue,
            observer,
            limits,
            allow,
            begin,
        } = setup;
        Session {
            world,
            journal,
            catalogue,
            observer,
            cancel: CancellationToken::new(),
            limits,
            allow,
            begin,
            began: Instant::now(),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn world(&self) -> WorldInfo {
        self.world.info()
    }

    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// May this run do that? A recorded world has no effects, so there everything may be asked.
    pub fn allows(&self, effect: Effect) -> bool {
        effect <= self.allow || (self.world.is_recorded() && effect <= Effect::Probe)
    }

    /// When the current step, or the run, must be over.
    pub fn deadline(&self) -> Instant {
        let run = self.began + self.limits.run;
        self.state()
            .current
            .as_ref()
            .map_or(run, |c| run.min(c.began + self.limits.step))
    }

    pub fn out_of_time(&self) -> bool {
        Instant::now() >= self.began + self.limits.run
    }

    /// Asks what is not known yet, in one batch. `fresh` asks again what is.
    pub async fn ask(&self, questions: Vec<Question>, fresh: bool) -> Vec<Arc<Evidence>> {
        let mut open: Vec<Question> = vec![];
        {
            let state = self.state();
            for question in &questions {
                if (fresh || !state.known.contains_key(question)) && !open.contains(question) {
                    open.push(question.clone());
                }
            }
        }
        if !open.is_empty() {
            let answers = self.ask_world(&open).await;
            for (question, answer) in open.into_iter().zip(answers) {
                self.keep(question, answer);
            }
        }
        let mut state = self.state();
        let ids: Vec<EvidenceId> = questions.iter().filter_map(|q| state.known.get(q).copied()).collect();
        if let Some(current) = &mut state.current {
            for id in &ids {
                if !current.used.contains(id) {
                    current.used.push(*id);
                }
            }
        }
        ids.iter()
            .filter_map(|id| state.evidence.get(id.0 as usize - 1).cloned())
            .collect()
    }

    async fn ask_world(&self, open: &[Question]) -> Vec<Answer> {
        let (allowed, refused): (Vec<&Question>, Vec<&Question>) = open.iter().partition(|q| self.allows(q.effect()));
        let batch: Vec<Question> = allowed.into_iter().cloned().collect();
        let deadline = self.deadline().min(Instant::now() + self.limits.question);
        let context = AskContext {
            deadline,
            cancel: self.cancel.clone(),
            allow: self.allow,
        };
        self.observer.asking(&batch);
        let mut answers = match batch.is_empty() {
            true => vec![],
            false => self.world.ask(&batch, &context).await,
        }
        .into_iter();
        let refusal = |q: &Question| {
            Answer::failed(
                Failure::EffectNotAllowed(q.effect().to_string()),
                Via::Local,
                Timestamp::now(),
            )
        };
        let next = |q: &Question| match refused.contains(&q) {
            true => refusal(q),
            false => answers.next().unwrap_or_else(|| {
                Answer::failed(
                    Failure::Other("the world gave no answer".into()),
                    Via::Local,
                    Timestamp::now(),
                )
            }),
        };
        open.iter().map(next).collect()
    }

    /// Keeps something that was computed from other answers as evidence of its own.
    pub fn derive(&self, question: Question, answer: Answer) -> Arc<Evidence> {
        let known = self.state().known.get(&question).copied();
        let id = known.unwrap_or_else(|| self.keep(question, answer));
        let mut state = self.state();
        if let Some(current) = &mut state.current
            && !current.used.contains(&id)
        {
            current.used.push(id);
        }
        state.evidence[id.0 as usize - 1].clone()
    }

    /// What a cluster answered is redacted before anybody sees or keeps it; a record was when it was made.
    fn keep(&self, question: Question, answer: Answer) -> EvidenceId {
        let answer = if self.world.is_recorded() {
            answer
        } else {
            redact_answer(answer)
        };
        let mut state = self.state();
        let id = EvidenceId(state.evidence.len() as u32 + 1);
        let step = state.current.as_ref().map(|c| c.id.clone()).unwrap_or_default();
        let evidence = Arc::new(Evidence {
            id,
            question: question.clone(),
            answer: answer.clone(),
        });
        state.evidence.push(evidence.clone());
        state.known.insert(question.clone(), id);
        drop(state);
        self.journal.append(&JournalEntry::Ask {
            id,
            step,
            question,
            answer,
            blob: None,
        });
        self.observer.answered(&evidence);
        id
    }

    pub fn evidence(&self, id: EvidenceId) -> Option<Arc<Evidence>> {
        self.state().evidence.get((id.0 as usize).checked_sub(1)?).cloned()
    }

    /// The step that is running, if any.
    pub fn current_step(&self) -> Option<String> {
        self.state().current.as_ref().map(|c| c.id.clone())
    }

    /// How a step that ran before ended.
    pub fn step_record(&self, id: &str) -> Option<StepRecord> {
        self.state().steps.iter().find(|s| s.id == id).cloned()
    }

    pub fn begin_step(&self, id: &str, title: &str) -> Before {
        let before = self.observer.before_step(id, title);
        let mut state = self.state();
        let current = Current {
            id: id.into(),
            title: title.into(),
            began: Instant::now(),
            used: vec![],
            findings_before: state.findings.len(),
        };
        state.current = Some(current);
        drop(state);
        self.journal.append(&JournalEntry::StepBegin {
            id: id.into(),
            title: title.into(),
        });
        before
    }

    pub fn end_step(&self, end: StepEnd) -> After {
        let mut state = self.state();
        let Some(current) = state.current.take() else {
            return After::GoOn;
        };
        let found = state.findings.len() > current.findings_before;
        let (status, reason, value) = match end {
            StepEnd::Unknown(reason) => (StepStatus::Inconclusive, reason, Value::Null),
            StepEnd::Skip(reason) => (StepStatus::Skipped, reason, Value::Null),
            StepEnd::Value(value) if found => (StepStatus::Finding, String::new(), value),
            StepEnd::Value(value) => (StepStatus::Ok, String::new(), value),
        };
        let record = StepRecord {
            id: current.id,
            title: current.title,
            status,
            reason: reason.clone(),
            duration_ms: current.began.elapsed().as_millis() as u64,
            evidence: current.used.iter().map(ToString::to_string).collect(),
        };
        state.steps.push(record.clone());
        state.used.push(current.used);
        let findings = state.findings[current.findings_before.min(state.findings.len())..].to_vec();
        drop(state);
        let (id, duration_ms) = (record.id.clone(), record.duration_ms);
        self.journal.append(&JournalEntry::StepEnd {
            id,
            status,
            reason,
            duration_ms,
            value,
        });
        self.journal.sync();
        self.observer.after_step(&record, &findings)
    }

    /// Forgets the step that just ended, with its findings and answers, so that it can run again.
    pub fn forget_last_step(&self) {
        let mut state = self.state();
        let Some(step) = state.steps.pop() else { return };
        let last = state.steps.len();
        state.forget_from(last);
        state.findings.retain(|f| f.step != step.id);
        drop(state);
        self.journal.append(&JournalEntry::Rewind { step: step.id });
    }

    /// Forgets a finished step and all after it, so that running the script again asks them anew.
    pub fn rewind(&self, step: &str) {
        let mut state = self.state();
        let Some(at) = state.steps.iter().position(|s| s.id == step) else {
            return;
        };
        state.forget_from(at);
        state.steps.clear();
        state.used.clear();
        state.findings.clear();
        state.notes.clear();
        state.current = None;
        drop(state);
        self.journal.append(&JournalEntry::Rewind { step: step.into() });
    }

    pub fn find(&self, new: NewFinding) {
        let severity = new.severity.unwrap_or_else(|| self.catalogue.severity(&new.code));
        let mut state = self.state();
        let (step, used) = state
            .current
            .as_ref()
            .map(|c| (c.id.clone(), c.used.clone()))
            .unwrap_or_default();
        let finding = Finding {
            code: new.code,
            certainty: new.certainty,
            severity,
            subject: new.subject,
            summary: new.summary,
            step,
            evidence: if new.evidence.is_empty() { used } else { new.evidence },
            against: new.against,
            data: new.data,
        };
        // The same thing wrong on the same object is one finding, seen from two sides: the surer one stays.
        let same = |f: &&mut Finding| f.code == finding.code && f.subject == finding.subject;
        match state.findings.iter_mut().find(same) {
            Some(old) if old.certainty >= finding.certainty => {
                for id in &finding.evidence {
                    if !old.evidence.contains(id) {
                        old.evidence.push(*id);
                    }
                }
            }
            Some(old) => *old = finding.clone(),
            None => state.findings.push(finding.clone()),
        }
        drop(state);
        self.journal.append(&JournalEntry::Finding(finding.clone()));
        self.observer.found(&finding);
    }

    pub fn findings(&self) -> Vec<Finding> {
        self.state().findings.clone()
    }

    pub fn note(&self, text: &str) {
        self.state().notes.push(text.into());
        self.journal.append(&JournalEntry::Note { text: text.into() });
        self.observer.note(text);
    }

    /// Could the cluster not be asked at all: everything that was asked failed for want of access?
    pub fn no_access(&self) -> bool {
        let state = self.state();
        let asked = state.evidence.iter().filter(|e| e.question.target() != Target::Local);
        let failed = |e: &Arc<Evidence>| matches!(&e.answer.outcome, Outcome::Failed(f) if f.is_access());
        let mut some = false;
        asked.inspect(|_| some = true).all(failed) && some
    }

    fn verdict(&self) -> Verdict {
        let state = self.state();
        let worst = state.findings.iter().map(|f| f.severity).max();
        let open = state
            .steps
            .iter()
            .any(|s| matches!(s.status, StepStatus::Inconclusive | StepStatus::NotRun));
        match (worst, open) {
            (Some(Severity::Problem), _) => Verdict::Problem,
            (_, true) => Verdict::Inconclusive,
            (Some(Severity::Warning), _) => Verdict::Warning,
            _ if state.steps.is_empty() => Verdict::Inconclusive,
            _ => Verdict::Healthy,
        }
    }

    /// Marks the steps that the plan knows and the run did not reach.
    pub fn not_run(&self, planned: &[(String, String)], reason: &str) {
        let mut state = self.state();
        for (id, title) in planned {
            if state.steps.iter().all(|s| s.id != *id) {
                let record = StepRecord {
                    id: id.clone(),
                    title: title.clone(),
                    status: StepStatus::NotRun,
                    reason: reason.into(),
                    duration_ms: 0,
                    evidence: vec![],
                };
                state.steps.push(record);
                state.used.push(vec![]);
            }
        }
    }

    /// Ends the run: verdict, causes and the rest of the contract.
    pub fn finish(&self, language: Language) -> RunResult {
        let verdict = self.verdict();
        self.journal.append(&JournalEntry::End { verdict });
        self.journal.sync();
        let state = self.state();
        let ranked = causes::rank(&state.findings, &self.catalogue);
        let found = causes::demoted(&state.findings, &self.catalogue);
        let record = |i: usize| records::cause_record(&self.catalogue, &found, i, language);
        let world = self.world.info();
        RunResult {
            schema: SCHEMA.into(),
            run: self.begin.run.clone(),
            runbook: self.begin.runbook.clone(),
            runbook_sha256: self.begin.runbook_sha256.clone(),
            params: self.begin.params.clone(),
            world: result::WorldRecord {
                kind: world.kind,
                name: world.name,
            },
            started: self.begin.started,
            duration_ms: self.began.elapsed().as_millis() as u64,
            verdict,
            causes: ranked.iter().map(|(i, _)| record(*i)).collect(),
            findings: (0..state.findings.len()).map(record).collect(),
            steps: state.steps.clone(),
            evidence: state
                .evidence
                .iter()
                .map(|e| records::evidence_record(e, &state.findings))
                .collect(),
            notes: state.notes.clone(),
        }
    }
}
