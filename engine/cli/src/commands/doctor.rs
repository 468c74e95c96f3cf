use crate::{
    Cli,
    code::Code,
    errors::CliError,
    flags::ClusterFlags,
    journals,
    text::{self, Style, clean, is_dumb},
    world,
};
use runbook_core::{ApiGet, AskContext, Effect, Question};
use std::{
    fs,
    io::{self, IsTerminal},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

enum State {
    Fine,
    Doubtful,
    Wrong,
}

struct Check {
    state: State,
    what: &'static str,
    says: String,
}

impl Check {
    fn new(state: State, what: &'static str, says: impl Into<String>) -> Check {
        Check {
            state,
            what,
            says: says.into(),
        }
    }
}

/// Can a cluster be asked, and is all in place? Exit 4 when it cannot be asked, 3 when something of ours is broken.
pub(crate) fn doctor(cli: &Cli, cluster: &ClusterFlags) -> Result<Code, CliError> {
    let style = Style::stdout(cli.colour);
    let (api, code) = match reach(cluster) {
        Ok(says) => (Check::new(State::Fine, "cluster", says), Code::Healthy),
        Err(error) => (
            Check::new(State::Wrong, "cluster", error.render(Style { colour: false, ..style })),
            Code::CouldNotAsk,
        ),
    };
    let version = Check::new(State::Fine, "runbook", env!("CARGO_PKG_VERSION"));
    let checks = [
        version,
        api,
        ssh(),
        settings(cli),
        runbooks(cli),
        catalogue(cli),
        kept_journals(),
        terminal(style),
    ];
    let broken = checks.iter().any(|c| matches!(c.state, State::Wrong));
    let code = if broken && code == Code::Healthy {
        Code::NotLoaded
    } else {
        code
    };
    let lines: String = checks.iter().map(|c| line(c, style)).collect();
    text::print(&lines)?;
    Ok(code)
}

fn line(check: &Check, style: Style) -> String {
    let word = match check.state {
        State::Fine => style.paint("32", "ok  "),
        State::Doubtful => style.paint("33", "warn"),
        State::Wrong => style.paint("31", "FAIL"),
    };
    let says = clean(&check.says).trim_end().replace('\n', "\n                ");
    format!("{word}  {:<10}{says}\n", check.what)
}

fn reach(cluster: &ClusterFlags) -> Result<String, CliError> {
    let runtime = tokio::runtime::Runtime::new()?;
    let said = runtime.block_on(async {
        let world = world::live(cluster).await?;
        let limit = cluster.request_timeout.unwrap_or(Duration::from_secs(10));
        let context = AskContext {
            deadline: Instant::now() + limit,
            cancel: Default::default(),
            allow: Effect::Read,
        };
        let get = Question::Get(ApiGet {
            path: "/version".into(),
            query: vec![],
        });
        let answers = world.ask(&[get], &context).await;
        let name = world.info().name;
        drop(tokio::time::timeout(Duration::from_secs(1), world.close()).await);
        let answer = answers.into_iter().next().map(|a| a.body().cloned());
        match answer {
            Some(Ok(body)) => Ok(format!("{name} answers: {}", git_version(&body.text()))),
            Some(Err(failure)) => {
                Err(CliError::new(Code::CouldNotAsk, format!("{name} does not answer")).cause(failure.to_string()))
            }
            None => Err(CliError::new(Code::CouldNotAsk, format!("{name} does not answer"))),
        }
    });
    runtime.shutdown_background();
    said
}

fn git_version(body: &str) -> String {
    let parsed: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    parsed["gitVersion"]
        .as_str()
        .unwrap_or("something that is no Kubernetes version")
        .to_string()
}

fn ssh() -> Check {
    match Command::new("ssh").arg("-V").output() {
        // OpenSSH says its version on stderr.
        Ok(out) => Check::new(
            State::Fine,
            "ssh",
            String::from_utf8_lossy(&out.stderr).lines().next().unwrap_or("there"),
        ),
        Err(e) => Check::new(
            State::Doubtful,
            "ssh",
            format!("not usable ({e}): nodes are reached through their pods only"),
        ),
    }
}

fn settings(cli: &Cli) -> Check {
    let files: Vec<String> = cli.config.files.iter().map(|f| f.display().to_string()).collect();
    let says = if files.is_empty() {
        "no runbook.toml".into()
    } else {
        files.join(", ")
    };
    Check::new(State::Fine, "settings", says)
}

fn runbooks(cli: &Cli) -> Check {
    let sources = cli.library.runbooks();
    let broken: Vec<String> = sources
        .iter()
        .filter(|s| crate::load_source(&cli.library, s).is_err())
        .map(|s| s.name.clone())
        .collect();
    match broken.as_slice() {
        [] => Check::new(State::Fine, "runbooks", format!("{} load", sources.len())),
        names => Check::new(
            State::Wrong,
            "runbooks",
            format!(
                "{} of {} do not load: {}; `runbook check` says why",
                names.len(),
                sources.len(),
                names.join(", ")
            ),
        ),
    }
}

fn catalogue(cli: &Cli) -> Check {
    let (catalogue, errors) = cli.library.catalogue();
    let codes = catalogue.iter().count();
    match errors.as_slice() {
        [] => Check::new(State::Fine, "catalogue", format!("{codes} finding codes")),
        errors => {
            let first: Vec<String> = errors.iter().take(5).map(ToString::to_string).collect();
            let more = errors.len().saturating_sub(5);
            let more = if more > 0 {
                format!("\nand {more} more")
            } else {
                String::new()
            };
            Check::new(
                State::Wrong,
                "catalogue",
                format!("{codes} finding codes\n{}{more}", first.join("\n")),
            )
        }
    }
}

fn kept_journals() -> Check {
    let Some(folder) = journals::folder() else {
        return Check::new(State::Doubtful, "journals", "no home directory: runs are not kept");
    };
    let runs = journals::all();
    let bytes: u64 = runs.iter().map(|(path, _)| size_of(path)).sum();
    let says = format!(
        "{}: {} runs, {:.1} MB; {}",
        folder.display(),
        runs.len(),
        bytes as f64 / 1e6,
        journals::rule()
    );
    match writable(&folder) {
        Ok(()) => Check::new(State::Fine, "journals", says),
        Err(e) => Check::new(
            State::Doubtful,
            "journals",
            format!("{says}\ncannot be written ({e}): runs are not kept"),
        ),
    }
}

fn writable(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let probe = folder.join(format!(".doctor-{}", std::process::id()));
    fs::write(&probe, "")?;
    fs::remove_file(probe)
}

fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|e| {
            e.metadata()
                .map_or(0, |m| if m.is_dir() { size_of(&e.path()) } else { m.len() })
        })
        .sum()
}

fn terminal(style: Style) -> Check {
    let guided = io::stdin().is_terminal() && io::stderr().is_terminal() && !is_dumb();
    let mode = if guided { "guided runs" } else { "headless runs" };
    let (colour, letters) = (
        if style.colour { "colour" } else { "no colour" },
        if style.unicode { "UTF-8" } else { "ASCII" },
    );
    Check::new(
        State::Fine,
        "terminal",
        format!("{} columns, {colour}, {letters}; {mode}", style.width),
    )
}
