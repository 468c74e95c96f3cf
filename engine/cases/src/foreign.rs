use crate::{Case, Expect, Runner, by_world};
use runbook_script::Param;

/// Every runbook on every recorded world that it has no case of: whatever it calls proven there must be true of that world,
/// which is what the cases of other runbooks say of it. With `edited`, on those that were edited by hand too.
pub fn foreign(runner: &Runner, cases: &[Case], edited: bool) -> Vec<Case> {
    let mut found = vec![];
    let wanted = |world: &Vec<(usize, &Case)>| edited || world[0].1.expect.edits.is_empty();
    for world in by_world(cases).into_iter().filter(wanted) {
        let world: Vec<&Case> = world.into_iter().map(|(_, case)| case).collect();
        let mut truth: Vec<String> = world
            .iter()
            .flat_map(|c| c.expect.first.iter().chain(&c.expect.also).cloned())
            .collect();
        truth.sort();
        truth.dedup();
        for runbook in runner.names() {
            let mut asked: Vec<Vec<String>> = vec![];
            for case in world.iter().filter(|c| c.runbook != *runbook) {
                let args = fitting(runner.params_of(runbook), &case.expect.args);
                let known = world.iter().any(|c| c.runbook == *runbook && c.expect.args == args);
                if !known && !asked.contains(&args) {
                    asked.push(args);
                }
            }
            found.extend(asked.into_iter().map(|args| Case {
                runbook: runbook.clone(),
                name: world[0].name.clone(),
                world: world[0].world.clone(),
                expect: Expect {
                    world: world[0].expect.world.clone(),
                    args,
                    also: truth.clone(),
                    edits: world[0].expect.edits.clone(),
                    ..Expect::default()
                },
            }));
        }
    }
    found
}

/// Of another runbook's arguments those that this one has a parameter for: not an address where it takes a pod.
fn fitting(params: &[Param], args: &[String]) -> Vec<String> {
    let pairs = args.chunks(2);
    let fits = |pair: &&[String]| match pair {
        [name, value] => params
            .iter()
            .any(|p| name.strip_prefix("--") == Some(&p.name) && p.kind.read(value).is_ok()),
        _ => false,
    };
    pairs.filter(fits).flatten().cloned().collect()
}
