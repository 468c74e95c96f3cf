//! The difference of two runs, for a person.

use crate::clean;
use runbook_core::StepStatus;
use runbook_run::{CauseRecord, Changes};

pub fn changes(changes: &Changes) -> String {
    let mut out = String::new();
    let mut say = |line: String| out.push_str(&(clean(&line) + "\n"));
    if let Some((before, after)) = changes.verdict {
        say(format!("verdict: {before}, now {after}"));
    }
    let finding = |f: &CauseRecord| format!("{} {}/{}: {}", f.code, f.subject.kind, f.subject.name, f.summary);
    changes
        .new
        .iter()
        .for_each(|f| say(format!("+ {} ({})", finding(f), f.certainty)));
    changes.gone.iter().for_each(|f| say(format!("- {}", finding(f))));
    for c in &changes.certainty {
        say(format!("~ {} {}: {}, now {}", c.code, c.subject, c.before, c.after));
    }
    let word = |s: Option<StepStatus>| s.map_or("not there", StepStatus::word);
    for c in &changes.steps {
        say(format!("~ step {}: {}, now {}", c.id, word(c.before), word(c.after)));
    }
    if changes.is_empty() {
        say("same verdict, findings and steps".into());
    }
    for c in &changes.evidence {
        say(format!("answered otherwise: {} on {}", c.question, c.target));
    }
    out
}
