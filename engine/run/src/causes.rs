use crate::Catalogue;
use runbook_core::{Certainty, Finding, Severity};
use std::cmp::Reverse;

/// Which findings are causes, best first, and which findings each of them explains (as indices).
///
/// A finding is a symptom when another finding of this run explains it and is itself at least `likely`: a guess does
/// not push aside what was seen.
pub(crate) fn rank(findings: &[Finding], catalogue: &Catalogue) -> Vec<(usize, Vec<usize>)> {
    let findings = &demoted(findings, catalogue)[..];
    let explains = |cause: usize, effect: usize| {
        cause != effect && catalogue.explains(&findings[cause].code, &findings[effect].code)
    };
    let is_symptom = |i: usize| {
        let strong = |c: usize| findings[c].certainty >= Certainty::Likely.min(findings[i].certainty);
        findings[i].severity > Severity::Info && (0..findings.len()).any(|c| strong(c) && explains(c, i))
    };
    let mut causes: Vec<(usize, Vec<usize>)> = (0..findings.len())
        .filter(|&i| !is_symptom(i))
        .map(|i| (i, (0..findings.len()).filter(|&e| explains(i, e)).collect()))
        .collect();
    causes.sort_by_key(|(i, effects)| {
        let f = &findings[*i];
        (Reverse(f.severity), Reverse(f.certainty), Reverse(effects.len()), *i)
    });
    causes
}

/// The findings with the certainty that they have as causes: what a surer finding explains is no proven cause, however
/// plainly it was seen.
pub(crate) fn demoted(findings: &[Finding], catalogue: &Catalogue) -> Vec<Finding> {
    let explained = |f: &Finding| {
        findings
            .iter()
            .any(|c| c.certainty >= Certainty::Likely && catalogue.explains(&c.code, &f.code))
    };
    let demote = |f: &Finding| Certainty::Likely.min(f.certainty);
    findings
        .iter()
        .map(|f| {
            if explained(f) {
                Finding {
                    certainty: demote(f),
                    ..f.clone()
                }
            } else {
                f.clone()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runbook_core::Subject;

    fn finding(code: &str, certainty: Certainty) -> Finding {
        Finding {
            code: code.into(),
            certainty,
            severity: Severity::Problem,
            subject: Subject {
                kind: "node".into(),
                name: "n".into(),
            },
            summary: String::new(),
            step: String::new(),
            evidence: vec![],
            against: vec![],
            data: Default::default(),
        }
    }

    fn catalogue() -> Catalogue {
        let text = |code: &str, explains: &str| {
            format!(
                "+++\ncode = \"{code}\"\nseverity = \"problem\"\ntitle = {{ en = \"\", zh = \"\" }}\nexplains = [{explains}]\n+++\n# en\n\n# zh\n"
            )
        };
        let files = [("CAUSE", text("CAUSE", "\"EFFECT\"")), ("EFFECT", text("EFFECT", ""))];
        Catalogue::read(files.iter().map(|(n, t)| (*n, t.as_str()))).0
    }

    #[test]
    fn the_cause_comes_first_and_carries_its_effects() {
        let findings = [
            finding("EFFECT", Certainty::Proven),
            finding("CAUSE", Certainty::Proven),
        ];
        assert_eq!(rank(&findings, &catalogue()), [(1, vec![0])]);
    }

    #[test]
    fn a_guess_does_not_hide_what_was_seen() {
        let findings = [
            finding("EFFECT", Certainty::Proven),
            finding("CAUSE", Certainty::Possible),
        ];
        assert_eq!(rank(&findings, &catalogue()), [(0, vec![]), (1, vec![0])]);
    }
}
