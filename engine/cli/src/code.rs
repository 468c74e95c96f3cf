//! Exit codes: one meaning each.

use crate::flags::FailOn;
use runbook_core::Verdict;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Healthy = 0,
    Problem = 1,
    Usage = 2,
    NotLoaded = 3,
    CouldNotAsk = 4,
    Inconclusive = 5,
    Warning = 6,
    Aborted = 7,
    TimedOut = 8,
    Internal = 70,
    Interrupted = 130,
}

/// As `--help` shows them.
pub(crate) const HELP: &str = "\
Exit codes:
    0  healthy                      5  inconclusive
    1  problem found                6  warning only
    2  usage: name, flag or value   7  stopped by a person, or not approved
    3  runbook does not load        8  timed out
    4  could not ask: unreachable   70  internal: a bug in runbook
       or denied                    130  interrupted (Ctrl-C)";

impl Code {
    /// The code of a verdict. `--fail-on` says which verdict is the mildest that is not 0.
    pub(crate) fn of(verdict: Verdict, fail_on: FailOn) -> Code {
        let (code, worst_that_passes) = match verdict {
            Verdict::Healthy => return Code::Healthy,
            Verdict::Warning => (Code::Warning, FailOn::Inconclusive),
            Verdict::Inconclusive => (Code::Inconclusive, FailOn::Problem),
            Verdict::Problem => (Code::Problem, FailOn::Never),
        };
        if fail_on >= worst_that_passes {
            Code::Healthy
        } else {
            code
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail_on_lets_milder_verdicts_pass() {
        use Verdict::*;
        let codes = |fail_on| [Healthy, Warning, Inconclusive, Problem].map(|v| Code::of(v, fail_on) as u8);
        assert_eq!(codes(FailOn::Warning), [0, 6, 5, 1]);
        assert_eq!(codes(FailOn::Inconclusive), [0, 0, 5, 1]);
        assert_eq!(codes(FailOn::Problem), [0, 0, 0, 1]);
        assert_eq!(codes(FailOn::Never), [0, 0, 0, 0]);
    }
}
