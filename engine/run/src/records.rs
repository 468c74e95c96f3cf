//! Findings and evidence as the contract shows them.

use crate::{Catalogue, Evidence, Fix, Language, result};
use runbook_core::{EvidenceId, Finding, Outcome, Question};
use serde_json::{Map, Value};

/// A finding with what it explains and with its fixes filled in.
pub(crate) fn cause_record(
    catalogue: &Catalogue,
    findings: &[Finding],
    index: usize,
    language: Language,
) -> result::CauseRecord {
    let finding = &findings[index];
    let others = findings
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != index)
        .map(|(_, f)| &f.code);
    let mut explains: Vec<String> = others
        .filter(|c| catalogue.explains(&finding.code, c))
        .cloned()
        .collect();
    explains.sort();
    explains.dedup();
    let fixes = catalogue
        .get(&finding.code)
        .map(|e| e.fixes.as_slice())
        .unwrap_or_default();
    let ids = |ids: &[EvidenceId]| ids.iter().map(ToString::to_string).collect();
    result::CauseRecord {
        code: finding.code.clone(),
        certainty: finding.certainty,
        severity: finding.severity,
        subject: result::SubjectRecord {
            kind: finding.subject.kind.clone(),
            name: finding.subject.name.clone(),
        },
        summary: finding.summary.clone(),
        explains,
        evidence: ids(&finding.evidence),
        against: ids(&finding.against),
        fixes: fixes.iter().map(|f| fix_record(f, &finding.data, language)).collect(),
        step: finding.step.clone(),
        data: finding.data.clone(),
    }
}

fn fix_record(fix: &Fix, data: &Map<String, Value>, language: Language) -> result::FixRecord {
    let data = &in_commands(data);
    let fill = |text: &str| crate::catalogue::fill(text, data);
    result::FixRecord {
        id: fix.id.clone(),
        title: fill(fix.title.get(language)),
        risk: fix.risk.clone(),
        commands: fix.commands.iter().map(|c| fill(c)).collect(),
        rollback: fill(fix.rollback.get(language)),
        verify: fill(fix.verify.get(language)),
    }
}

/// Commands take a namespace and a name apart: `shop/cart-0` becomes both.
fn in_commands(data: &Map<String, Value>) -> Map<String, Value> {
    let mut apart = data.clone();
    for key in ["pod", "policy", "service"] {
        let named = data.get(key).and_then(Value::as_str).and_then(|n| n.split_once('/'));
        if let Some((namespace, name)) = named {
            apart.insert(key.into(), name.into());
            apart.entry("namespace").or_insert_with(|| namespace.into());
        }
    }
    apart
}

const EXCERPT_LINES: usize = 12;
const EXCERPT_CHARS: usize = 1500;

pub(crate) fn evidence_record(evidence: &Evidence, findings: &[Finding]) -> result::EvidenceRecord {
    let answer = &evidence.answer;
    let (exit, text, failure) = match &answer.outcome {
        Outcome::Output(o) if o.stdout.is_empty() => (Some(o.exit), o.stderr.text(), None),
        Outcome::Output(o) => (Some(o.exit), o.stdout.text(), None),
        Outcome::Body(b) => (None, b.text(), None),
        Outcome::Time(t) => (None, t.to_string().into(), None),
        Outcome::Failed(f) => (None, "".into(), Some(f.to_string())),
    };
    let citing = findings
        .iter()
        .filter(|f| f.evidence.contains(&evidence.id) || f.against.contains(&evidence.id));
    let words: Vec<String> = citing.flat_map(|f| f.data.values()).flat_map(words_of).collect();
    let question = match (&evidence.question, &answer.argv) {
        (Question::Command(c), Some(argv)) => {
            let asked = runbook_core::CommandQuestion {
                forms: vec![argv.clone()],
                ..c.clone()
            };
            Question::Command(asked).as_text(0)
        }
        (q, _) => q.as_text(0),
    };
    result::EvidenceRecord {
        id: evidence.id.to_string(),
        question,
        target: evidence.question.target().to_string(),
        via: answer.via.to_string(),
        exit,
        at: answer.at,
        duration_ms: answer.duration_ms,
        failure,
        excerpt: excerpt(&text, &words),
    }
}

fn words_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(s) if s.len() > 2 => vec![s.clone()],
        Value::Number(n) if n.to_string().len() > 2 => vec![n.to_string()],
        Value::Array(items) => items.iter().flat_map(words_of).collect(),
        _ => vec![],
    }
}

/// The lines that hold the names and numbers of the findings that cite this, else the first ones. Long values say more
/// than short ones, and lines that say far less than the best are left out.
fn excerpt(text: &str, words: &[String]) -> String {
    let score = |line: &str| -> usize {
        words
            .iter()
            .filter(|w| line.contains(w.as_str()))
            .map(String::len)
            .sum()
    };
    let scored: Vec<(usize, &str)> = text
        .lines()
        .filter(|l| l.len() < EXCERPT_CHARS)
        .map(|l| (score(l), l))
        .filter(|(s, _)| *s > 0)
        .collect();
    let best = scored.iter().map(|(s, _)| *s).max().unwrap_or_default();
    let telling = scored.into_iter().filter(|(s, _)| s * 2 > best).map(|(_, line)| line);
    let chosen: Vec<&str> = match best {
        0 => text.lines().take(EXCERPT_LINES).collect(),
        _ => telling.take(EXCERPT_LINES).collect(),
    };
    chosen.join("\n").chars().take(EXCERPT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_get_namespace_and_name_apart() {
        let data = serde_json::json!({"pod": "shop/cart-0", "node": "n1"});
        let apart = in_commands(data.as_object().unwrap());
        let filled = crate::catalogue::fill("kubectl -n {namespace} delete pod {pod} # on {node}", &apart);
        assert_eq!(filled, "kubectl -n shop delete pod cart-0 # on n1");
    }

    #[test]
    fn an_excerpt_shows_the_lines_that_say_most() {
        let text = "table inet fw\n chain input\n  udp dport 4789 counter drop\n  tcp dport 22 accept\n";
        let words = ["input".to_string(), "udp dport 4789 counter drop".to_string()];
        assert_eq!(excerpt(text, &words), "  udp dport 4789 counter drop");
        assert_eq!(excerpt("a\nb", &[]), "a\nb");
    }
}
