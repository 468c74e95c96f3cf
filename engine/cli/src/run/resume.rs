//! Going on with a run that ended early: by Ctrl-C, a crash, a reboot.

use super::{
    Interrupt,
    execute::{self, Job, Origin, Resumed},
    fitting, script_of,
};
use crate::{
    Cli,
    code::Code,
    errors::CliError,
    flags::{ClusterFlags, ResumeFlags},
    journals, text, world,
};
use runbook_core::{AskContext, Effect, Question, World, WorldInfo, WorldKind};
use runbook_run::{Remembered, drift};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// How long looking for changed objects may take.
const LOOK: Duration = Duration::from_secs(20);
/// So many changed objects are named.
const NAMED: usize = 12;

pub(crate) fn resume(cli: &Cli, flags: ResumeFlags) -> Result<Code, CliError> {
    let path = journals::find(&flags.run)?;
    let stored = world::stored(&path)?;
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(&path).to_path_buf()
    };
    let loaded = script_of(cli, &stored.begin, flags.script.as_deref(), &folder)?;
    let remembered = Remembered::of(&stored, flags.from.as_deref());
    if let Some(step) = flags.from.filter(|s| loaded.runbook.plan.iter().all(|p| p.id != *s)) {
        let steps: Vec<&str> = loaded.runbook.plan.iter().map(|p| p.id.as_str()).collect();
        return Err(
            CliError::usage(format!("the script has no step `{}`", text::clean_line(&step)))
                .hint(format!("its steps: {}", steps.join(", "))),
        );
    }
    let gone = remembered
        .finished()
        .iter()
        .filter(|s| loaded.runbook.plan.iter().all(|p| p.id != **s));
    for step in gone {
        text::say(&format!(
            "warning: the script has no step `{}` any more, which that run had finished",
            text::clean_line(step)
        ));
    }
    let origin = origin(flags.world.world, flags.world.cluster, &stored.begin.world);
    let params = fitting(&loaded.runbook, &stored.begin.params);
    execute::execute(
        cli,
        Job {
            origin,
            allow: flags.world.allow.into(),
            record: None,
            running: flags.running,
            params,
            loaded,
            resumed: Some(Resumed {
                folder,
                begin: stored.begin,
                remembered,
            }),
        },
    )
}

/// The same world as then, unless another is named.
fn origin(named: Option<PathBuf>, cluster: ClusterFlags, then: &WorldInfo) -> Origin {
    let path = named.or_else(|| (then.kind != WorldKind::Live).then(|| PathBuf::from(&then.name)));
    Origin::Asked {
        path,
        cluster: Box::new(cluster),
    }
}

/// What finished steps were told may be out of date: the objects that have changed since are named. A run about another
/// world is refused: its answers would be mixed.
pub(super) async fn tell_drift(resumed: &Resumed, world: &dyn World, interrupt: &Interrupt) -> Result<(), CliError> {
    let (then, now) = (&resumed.begin.world, world.info());
    if then.kind == WorldKind::Live && now.kind == WorldKind::Live && then.name != now.name {
        return Err(CliError::usage(format!(
            "that run asked `{}`, and this would ask `{}`",
            text::clean_line(&then.name),
            text::clean_line(&now.name)
        ))
        .hint("`--context` and `--kubeconfig` choose the cluster"));
    }
    if world.is_recorded() {
        return Ok(());
    }
    let asked: Vec<(&Question, &[u8])> = resumed
        .remembered
        .api_answers()
        .filter_map(|(q, e)| Some((q, e.answer.body().ok()?.bytes())))
        .collect();
    let questions: Vec<Question> = asked.iter().map(|(q, _)| (*q).clone()).collect();
    let context = AskContext {
        deadline: Instant::now() + LOOK,
        cancel: interrupt.token.clone(),
        allow: Effect::Read,
    };
    let answers = world.ask(&questions, &context).await;
    let mut changed = vec![];
    for ((_, before), answer) in asked.iter().zip(&answers) {
        if let Ok(now) = answer.body() {
            changed.extend(drift(before, now.bytes()));
        }
    }
    changed.sort();
    changed.dedup();
    if changed.is_empty() {
        return Ok(());
    }
    text::say(&format!("since that run {} objects have changed:", changed.len()));
    for line in changed.iter().take(NAMED) {
        text::say(&format!("  {}", text::clean_line(line)));
    }
    if changed.len() > NAMED {
        text::say(&format!("  and {} more", changed.len() - NAMED));
    }
    text::say("its finished steps are not asked again; `--from STEP` asks anew from a step on");
    Ok(())
}
