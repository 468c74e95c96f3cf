use crate::{Case, Result};
use runbook_core::{Certainty, Verdict};
use runbook_run::{CauseRecord, RunResult};

/// What a case said, and what is wrong with that.
#[derive(Debug)]
pub struct Judged {
    pub case: Case,
    pub result: Option<RunResult>,
    /// Codes that were called proven and are not true of this world.
    pub wrong_certainties: Vec<String>,
    /// Empty: as expected.
    pub faults: Vec<String>,
}

impl Judged {
    pub fn is_ok(&self) -> bool {
        self.faults.is_empty()
    }

    /// Was a cause asked for, and named first?
    pub fn named_its_cause(&self) -> bool {
        let first = self.first_cause().map(|c| &c.code);
        first.is_some_and(|code| self.case.expect.first.contains(code))
    }

    pub fn first_cause(&self) -> Option<&CauseRecord> {
        self.result.as_ref()?.causes.first()
    }
}

/// Compares what a run said with what was really there.
pub fn judge(case: Case, ran: Result<RunResult>) -> Judged {
    match ran {
        Ok(result) => {
            let (wrong_certainties, faults) = compare(&case, &result);
            Judged {
                case,
                result: Some(result),
                wrong_certainties,
                faults,
            }
        }
        Err(error) => Judged {
            case,
            result: None,
            wrong_certainties: vec![],
            faults: vec![error.to_string()],
        },
    }
}

fn compare(case: &Case, result: &RunResult) -> (Vec<String>, Vec<String>) {
    let expect = &case.expect;
    let mut faults = vec![];
    if let Some(verdict) = expect.verdict.filter(|v| *v != result.verdict) {
        faults.push(format!(
            "the verdict is {}, not {verdict}{}",
            result.verdict,
            open_steps(result)
        ));
    }
    if let Some(exit) = expect.exit.filter(|e| *e != exit_code(result.verdict)) {
        faults.push(format!("the exit code is {}, not {exit}", exit_code(result.verdict)));
    }
    let first = result.causes.first().map(|c| c.code.as_str());
    if !expect.first.is_empty() && !first.is_some_and(|f| expect.first.iter().any(|e| e == f)) {
        faults.push(format!(
            "the first cause is {}, not {}",
            first.unwrap_or("none"),
            expect.first.join(" or ")
        ));
    }
    let allowed = |code: &str| expect.first.iter().chain(&expect.also).any(|c| c == code);
    if expect.verdict == Some(Verdict::Healthy) {
        let codes: Vec<&str> = result
            .findings
            .iter()
            .map(|f| f.code.as_str())
            .filter(|c| !allowed(c))
            .collect();
        if !codes.is_empty() {
            faults.push(format!("a healthy world has findings: {}", codes.join(", ")));
        }
    }
    let mut wrong = wrong_certainties(result, &allowed);
    wrong.sort();
    wrong.dedup();
    if !wrong.is_empty() {
        faults.push(format!("called proven, and not true: {}", wrong.join(", ")));
    }
    (wrong, faults)
}

/// What is called proven without being allowed. What an allowed finding explains is its shadow, not a claim of its own.
fn wrong_certainties(result: &RunResult, allowed: &impl Fn(&str) -> bool) -> Vec<String> {
    let true_ones = || result.findings.iter().filter(|f| allowed(&f.code));
    let explained = |code: &str| true_ones().any(|f| f.explains.iter().any(|e| e == code));
    let proven = result.findings.iter().filter(|f| f.certainty == Certainty::Proven);
    proven
        .filter(|f| !allowed(&f.code) && !explained(&f.code))
        .map(|f| f.code.clone())
        .collect()
}

fn exit_code(verdict: Verdict) -> i32 {
    match verdict {
        Verdict::Healthy => 0,
        Verdict::Problem => 1,
        Verdict::Inconclusive => 5,
        Verdict::Warning => 6,
    }
}

/// Why a run could not tell, as far as it fits a line.
fn open_steps(result: &RunResult) -> String {
    let open: Vec<String> = result
        .steps
        .iter()
        .filter(|s| s.status == runbook_core::StepStatus::Inconclusive)
        .map(|s| format!("{}: {}", s.id, s.reason))
        .collect();
    if open.is_empty() {
        String::new()
    } else {
        format!(" ({})", open.join("; "))
    }
}
