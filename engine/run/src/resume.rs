//! What a run that ended early still knows, and what has changed in the world since.

use crate::{Evidence, JournalEntry, Stored};
use runbook_core::{EvidenceId, Outcome, Question};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The answers of a stored run, and which of them still count.
#[derive(Debug, Default)]
pub struct Remembered {
    pub(crate) evidence: Vec<Arc<Evidence>>,
    pub(crate) known: HashMap<Question, EvidenceId>,
    asked_by: HashMap<EvidenceId, String>,
    /// Steps in the order in which they first began.
    begun: Vec<String>,
    finished: Vec<String>,
}

impl Remembered {
    /// Everything that the finished steps of a run were told; with `from`, only of the steps before that one.
    ///
    /// What failed is asked again, whatever step it was for: the reason may be gone.
    pub fn of(stored: &Stored, from: Option<&str>) -> Remembered {
        let mut memory = Remembered::default();
        let mut open: Vec<(Question, EvidenceId)> = vec![];
        for entry in &stored.entries {
            match entry {
                JournalEntry::Ask {
                    id,
                    step,
                    question,
                    answer,
                    ..
                } => {
                    memory.evidence.push(Arc::new(Evidence {
                        id: *id,
                        question: question.clone(),
                        answer: answer.clone(),
                    }));
                    memory.asked_by.insert(*id, step.clone());
                    match (&answer.outcome, step.is_empty()) {
                        (Outcome::Failed(_), _) => {}
                        (_, true) => drop(memory.known.insert(question.clone(), *id)),
                        _ => open.push((question.clone(), *id)),
                    }
                }
                JournalEntry::StepBegin { id, .. } if !memory.begun.contains(id) => memory.begun.push(id.clone()),
                JournalEntry::StepEnd { id, .. } => {
                    memory.known.extend(open.drain(..));
                    if !memory.finished.contains(id) {
                        memory.finished.push(id.clone());
                    }
                }
                JournalEntry::Rewind { step } => memory.forget(step),
                JournalEntry::Resumed { .. } => open.clear(),
                _ => {}
            }
        }
        if let Some(step) = from {
            memory.forget(step);
        }
        memory
    }

    /// What this step, or one after it, was the first to ask.
    fn forget(&mut self, step: &str) {
        let Some(at) = self.begun.iter().position(|s| s == step) else {
            return;
        };
        let later = self.begun.split_off(at);
        self.known
            .retain(|_, id| self.asked_by.get(id).is_none_or(|s| !later.contains(s)));
        self.finished.retain(|s| !later.contains(s));
    }

    /// Steps whose answers are kept.
    pub fn finished(&self) -> &[String] {
        &self.finished
    }

    /// What was asked of the API and still counts, with what it said.
    pub fn api_answers(&self) -> impl Iterator<Item = (&Question, &Evidence)> {
        self.known.iter().filter_map(|(question, id)| {
            let evidence = self.evidence.get((id.0 as usize).checked_sub(1)?)?;
            matches!(question, Question::Get(_)).then_some((question, evidence.as_ref()))
        })
    }
}

/// The objects of an API answer that are another version now, are gone or are new, as `Kind namespace/name`.
pub fn drift(before: &[u8], now: &[u8]) -> Vec<String> {
    let (before, now) = (versions(before), versions(now));
    let changed = before.iter().filter_map(|(name, version)| match now.get(name) {
        None => Some(format!("{name} is gone")),
        Some(new) if new != version => Some(format!("{name} changed")),
        Some(_) => None,
    });
    let new = now.keys().filter(|name| !before.contains_key(*name));
    changed.chain(new.map(|name| format!("{name} is new"))).collect()
}

fn versions(body: &[u8]) -> BTreeMap<String, String> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return BTreeMap::new();
    };
    let list_kind = value["kind"].as_str().and_then(|k| k.strip_suffix("List"));
    let objects: Vec<&Value> = match value["items"].as_array() {
        Some(items) => items.iter().collect(),
        None => vec![&value],
    };
    let named = objects.into_iter().filter_map(|object| {
        let metadata = &object["metadata"];
        let (name, version) = (metadata["name"].as_str()?, metadata["resourceVersion"].as_str()?);
        let kind = object["kind"].as_str().or(list_kind).unwrap_or("object");
        let place = metadata["namespace"]
            .as_str()
            .map(|n| format!("{n}/"))
            .unwrap_or_default();
        Some((format!("{kind} {place}{name}"), version.to_string()))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Begin;
    use jiff::Timestamp;
    use runbook_core::{Answer, ApiGet, Failure, Raw, StepStatus, Via, WorldInfo, WorldKind};

    fn get(path: &str) -> Question {
        Question::Get(ApiGet {
            path: path.into(),
            query: vec![],
        })
    }

    fn ask(id: u32, step: &str, path: &str, outcome: Outcome) -> JournalEntry {
        JournalEntry::Ask {
            id: EvidenceId(id),
            step: step.into(),
            question: get(path),
            answer: Answer::new(outcome, Via::Api, Timestamp::UNIX_EPOCH),
            blob: None,
        }
    }

    fn body() -> Outcome {
        Outcome::Body(Raw::from("{}"))
    }

    fn begins(id: &str) -> JournalEntry {
        JournalEntry::StepBegin {
            id: id.into(),
            title: String::new(),
        }
    }

    fn ends(id: &str) -> JournalEntry {
        JournalEntry::StepEnd {
            id: id.into(),
            status: StepStatus::Ok,
            reason: String::new(),
            duration_ms: 0,
            value: Value::Null,
        }
    }

    fn stored(entries: Vec<JournalEntry>) -> Stored {
        let world = WorldInfo {
            kind: WorldKind::Live,
            name: "test".into(),
        };
        Stored {
            begin: Begin::new("demo", "ab".into(), Default::default(), world),
            entries,
            torn: None,
        }
    }

    fn known(memory: &Remembered) -> Vec<String> {
        let mut paths: Vec<String> = memory.known.keys().map(|q| q.as_text(0)).collect();
        paths.sort();
        paths
            .iter()
            .filter_map(|p| p.rsplit(' ').next().map(String::from))
            .collect()
    }

    #[test]
    fn finished_steps_are_remembered_and_nothing_else() {
        let entries = vec![
            begins("a"),
            ask(1, "a", "/one", body()),
            ask(2, "a", "/refused", Outcome::Failed(Failure::Other("no".into()))),
            ends("a"),
            begins("b"),
            ask(3, "b", "/two", body()),
            ends("b"),
            begins("c"),
            ask(4, "c", "/three", body()),
        ];
        let memory = Remembered::of(&stored(entries.clone()), None);
        assert_eq!(known(&memory), ["/one", "/two"]);
        assert_eq!(
            (memory.finished(), memory.evidence.len()),
            (&["a".to_string(), "b".into()][..], 4)
        );
        assert_eq!(known(&Remembered::of(&stored(entries.clone()), Some("b"))), ["/one"]);
        let mut back = entries;
        back.push(JournalEntry::Rewind { step: "b".into() });
        assert_eq!(known(&Remembered::of(&stored(back), None)), ["/one"]);
    }

    #[test]
    fn drift_names_objects() {
        let list = |items: &str| format!(r#"{{"kind":"IPPoolList","items":[{items}]}}"#);
        let pool =
            |name: &str, version: u8| format!(r#"{{"metadata":{{"name":"{name}","resourceVersion":"{version}"}}}}"#);
        let before = list(&[pool("a", 1), pool("b", 1), pool("c", 1)].join(","));
        let now = list(&[pool("a", 1), pool("b", 2), pool("d", 3)].join(","));
        assert_eq!(
            drift(before.as_bytes(), now.as_bytes()),
            ["IPPool b changed", "IPPool c is gone", "IPPool d is new"]
        );
        assert!(drift(b"not json", b"[]").is_empty());
    }
}
