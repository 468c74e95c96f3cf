//! Guided mode: one question at a time, led by a person at a terminal.

mod keys;
mod pager;
mod view;

pub(crate) use keys::restore_terminal;

use crate::{run::Interrupt, text::Style};
use keys::Key;
use runbook_core::{Finding, Question};
use runbook_run::{After, Before, Language, Observer, Session, StepRecord};
use runbook_script::{Ended, PlannedStep, Runbook};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};
use view::View;

pub(crate) struct Guide {
    plan: Vec<PlannedStep>,
    view: View,
    language: Language,
    interrupt: Interrupt,
    session: OnceLock<Weak<Session>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// No more questions to the person.
    all: bool,
    /// Steps before this one come from the journal, unseen.
    until: Option<String>,
    /// Where the person wants to go back to.
    back: Option<String>,
    /// Steps that the person skipped, with the reason, so that going back skips them again.
    skipped: HashMap<String, String>,
    /// What each step asked when it ran before.
    asked: HashMap<String, Vec<String>>,
    current: String,
    done: Vec<StepRecord>,
}

/// What a prompt ends with.
enum Choice {
    GoOn,
    Skip(String),
    /// Leave the script, to stop or to go back.
    Leave,
}

impl Guide {
    pub(crate) fn new(plan: Vec<PlannedStep>, style: Style, language: Language, interrupt: Interrupt) -> Guide {
        let (session, state) = (OnceLock::new(), Mutex::default());
        Guide {
            plan,
            view: View(style),
            language,
            interrupt,
            session,
            state,
        }
    }

    pub(crate) fn begin(&self, session: &Arc<Session>, runbook: &Runbook) {
        drop(self.session.set(Arc::downgrade(session)));
        self.view.opening(runbook, &session.world());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self) -> Option<Arc<Session>> {
        self.session.get().and_then(Weak::upgrade)
    }

    /// The script came to an end: does the person want to go back to a step?
    pub(crate) fn after_run(&self, ended: &Ended) -> Option<String> {
        if matches!(ended, Ended::Completed) && !self.state().all && !self.interrupt.was_raised() {
            self.view.line("");
            self.view.bold("All steps are done.");
            self.choose(None);
        }
        let mut state = self.state();
        let step = state.back.take()?;
        if let Some(at) = state.done.iter().position(|s| s.id == step) {
            for forgotten in state.done.split_off(at) {
                state.skipped.remove(&forgotten.id);
            }
        }
        state.until = Some(step.clone());
        Some(step)
    }

    /// Reads keys until one of them goes on, skips or leaves. `step` is the one to come.
    fn choose(&self, step: Option<&str>) -> Choice {
        loop {
            let has_past = !self.state().done.is_empty();
            self.view.prompt(step.is_some(), has_past);
            let key = keys::read(&self.interrupt);
            self.view.clear_line();
            match key {
                Key::Interrupt => {
                    self.interrupt.raise();
                    return Choice::Leave;
                }
                Key::Enter => return Choice::GoOn,
                Key::Letter('a') if step.is_some() => {
                    self.state().all = true;
                    return Choice::GoOn;
                }
                Key::Letter('s') if step.is_some() => {
                    if let Some(reason) = self.ask_text("Why skip it?") {
                        return Choice::Skip(reason);
                    }
                }
                Key::Letter('q') => return Choice::Leave,
                Key::Letter(letter) if self.looks_around(letter) => return Choice::Leave,
                Key::Letter(_) | Key::Other => {}
            }
        }
    }

    /// Keys that look at what is there; true when the person goes back.
    fn looks_around(&self, letter: char) -> bool {
        match letter {
            'r' => self.back_to(self.state().done.last().map(|s| s.id.clone())),
            'b' => self.back_to(self.pick_step()),
            'e' => self.show_evidence(),
            'x' => self.explain(),
            'n' => self.write_note(),
            '?' | 'h' => self.view.help(),
            _ => {}
        }
        self.state().back.is_some()
    }

    fn back_to(&self, step: Option<String>) {
        self.state().back = step;
    }

    fn pick_step(&self) -> Option<String> {
        let done = self.state().done.clone();
        let lines = done.iter().map(view::step_line).collect();
        self.pick("Back to which step?", lines).map(|i| done[i].id.clone())
    }

    /// The evidence of the last step, or of all before it when it has none.
    fn show_evidence(&self) {
        let Some(session) = self.session() else { return };
        let done = self.state().done.clone();
        let ids: Vec<&String> = match done.last() {
            Some(last) if !last.evidence.is_empty() => last.evidence.iter().collect(),
            _ => done.iter().flat_map(|s| &s.evidence).collect(),
        };
        let numbers = ids.iter().filter_map(|id| id.trim_start_matches('e').parse().ok());
        let items: Vec<_> = numbers
            .filter_map(|n| session.evidence(runbook_core::EvidenceId(n)))
            .collect();
        if items.is_empty() {
            return self.view.line("  no evidence yet");
        }
        let lines = items.iter().map(|e| view::evidence_line(e)).collect();
        if let Some(chosen) = self.pick("Which evidence?", lines) {
            pager::show(&view::evidence_page(&items[chosen]), &self.interrupt);
        }
    }

    fn explain(&self) {
        let Some(session) = self.session() else { return };
        let mut codes: Vec<String> = session.findings().into_iter().map(|f| f.code).collect();
        codes.dedup();
        let chosen = match codes.len() {
            0 => return self.view.line("  nothing found so far"),
            1 => Some(0),
            _ => self.pick("Explain which?", codes.clone()),
        };
        let Some(code) = chosen.map(|i| codes[i].clone()) else {
            return;
        };
        match session.catalogue().get(&code) {
            Some(entry) => pager::show(
                &crate::commands::page(entry, self.language, self.view.plain()),
                &self.interrupt,
            ),
            None => self.view.line(&format!("  `{code}` is not in the catalogue")),
        }
    }

    fn write_note(&self) {
        if let (Some(session), Some(text)) = (self.session(), self.ask_text("Note:")) {
            session.note(&text);
        }
    }

    fn ask_text(&self, question: &str) -> Option<String> {
        let asked = inquire::Text::new(question)
            .with_help_message("Enter keeps it, Esc leaves it")
            .prompt_skippable();
        self.answered(asked).filter(|t| !t.trim().is_empty())
    }

    fn pick(&self, question: &str, lines: Vec<String>) -> Option<usize> {
        let numbered: Vec<inquire::list_option::ListOption<String>> = lines
            .into_iter()
            .enumerate()
            .map(|(i, l)| inquire::list_option::ListOption::new(i, self.view.fit(&l)))
            .collect();
        let asked = inquire::Select::new(question, numbered)
            .with_page_size(12)
            .prompt_skippable();
        self.answered(asked).map(|chosen| chosen.index)
    }

    /// Ctrl-C in a prompt is Ctrl-C; Esc is no answer.
    fn answered<T>(&self, asked: inquire::error::InquireResult<Option<T>>) -> Option<T> {
        match asked {
            Ok(answer) => answer,
            Err(inquire::InquireError::OperationInterrupted) => {
                self.interrupt.raise();
                None
            }
            Err(e) => {
                self.view.line(&format!("  {e}"));
                None
            }
        }
    }

    /// Is this step a repetition that the person does not want to see again?
    fn is_quiet(&self) -> bool {
        self.state().until.is_some()
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.plan.iter().position(|s| s.id == id)
    }
}

impl Observer for Guide {
    fn before_step(&self, id: &str, title: &str) -> Before {
        let mut state = self.state();
        state.current = id.into();
        if state.until.as_deref() == Some(id) {
            state.until = None;
        }
        if state.until.is_some() {
            let again = state.skipped.get(id).cloned();
            return again.map_or(Before::Run, |reason| Before::Skip { reason });
        }
        let (all, asked) = (state.all, state.asked.remove(id).unwrap_or_default());
        drop(state);
        self.view.heading(self.place(id), self.plan.len(), title);
        self.view.will_ask(&asked);
        if self.interrupt.was_raised() {
            return Before::Stop;
        }
        match if all { Choice::GoOn } else { self.choose(Some(id)) } {
            Choice::GoOn => Before::Run,
            Choice::Leave => Before::Stop,
            Choice::Skip(reason) => {
                self.state().skipped.insert(id.into(), reason.clone());
                Before::Skip { reason }
            }
        }
    }

    fn asking(&self, questions: &[Question]) {
        let lines: Vec<String> = questions
            .iter()
            .map(|q| format!("{}: {}", q.target(), q.as_text(0)))
            .collect();
        if !self.is_quiet() {
            self.view.asking(&lines);
        }
        let mut state = self.state();
        let step = state.current.clone();
        state.asked.entry(step).or_default().extend(lines);
    }

    fn found(&self, finding: &Finding) {
        if !self.is_quiet() {
            self.view.finding(finding);
        }
    }

    fn after_step(&self, step: &StepRecord, _findings: &[Finding]) -> After {
        if self.is_quiet() {
            return After::GoOn;
        }
        self.view.answer(step);
        self.state().done.push(step.clone());
        After::GoOn
    }

    fn note(&self, text: &str) {
        if !self.is_quiet() {
            self.view.note(text);
        }
    }
}
