//! Flags, guided mode, wording of errors, exit codes. Only here is anything printed or asked of a person.

mod code;
mod commands;
mod completion;
mod config;
mod errors;
mod flags;
mod guided;
mod journals;
mod logging;
mod paths;
mod report;
mod run;
mod text;
mod world;

use clap::{ArgMatches, FromArgMatches};
use code::Code;
use config::Config;
use errors::CliError;
use flags::{App, Commands};
use runbook_run::Language;
use runbook_script::{Host, Library, Runbook};
use std::ffi::OsString;
use text::{Colour, Style};

/// Runs the program with these arguments, its own name first, and says which code it ends with.
pub fn main(arguments: Vec<OsString>) -> u8 {
    logging::hook_panics();
    completion::answer_shell();
    let outcome = std::panic::catch_unwind(|| start(&arguments));
    guided::restore_terminal();
    match outcome {
        Ok(Ok(code)) => code as u8,
        Ok(Err(error)) if error.is_answer() => match text::print(&error.answer(Style::stdout(Colour::Auto))) {
            Ok(()) => Code::Healthy as u8,
            Err(_) => Code::Internal as u8,
        },
        Ok(Err(error)) => {
            text::say(&error.render(Style::stderr(colour_wanted(&arguments))));
            error.code as u8
        }
        Err(_) => Code::Internal as u8,
    }
}

/// What all commands share.
pub(crate) struct Cli {
    pub(crate) config: Config,
    pub(crate) library: Library,
    pub(crate) language: Language,
    pub(crate) colour: Colour,
    pub(crate) verbose: u8,
}

fn start(arguments: &[OsString]) -> Result<Code, CliError> {
    let config = Config::load()?;
    let (matches, loaded) = parse(arguments, &config)?;
    let app = App::from_arg_matches(&matches)?;
    let colour = app.global.color;
    logging::start(app.global.verbose, Style::stderr(colour));
    let cli = Cli {
        library: Library::new(app.global.runbooks.clone()),
        language: language(app.global.lang),
        colour,
        verbose: app.global.verbose,
        config,
    };
    let own = matches.subcommand().map(|(_, m)| m.clone()).unwrap_or_default();
    dispatch(&cli, app.command, &own, loaded)
}

fn dispatch(cli: &Cli, command: Commands, matches: &ArgMatches, loaded: Option<Loaded>) -> Result<Code, CliError> {
    let loaded = || loaded.ok_or_else(|| CliError::usage("no runbook named"));
    match command {
        Commands::Run(flags) => run::run(cli, *flags, matches, loaded()?),
        Commands::Record(flags) => run::record(cli, *flags, matches, loaded()?),
        Commands::Replay(flags) => run::replay(cli, flags),
        Commands::Resume(flags) => run::resume(cli, *flags),
        Commands::Runs(flags) => commands::runs(cli, &flags),
        Commands::Diff(flags) => commands::diff(cli, &flags),
        Commands::List(flags) => commands::list(cli, &flags),
        Commands::Show(flags) => commands::show(cli, &flags.name),
        Commands::Explain(flags) => commands::explain(cli, &flags.code),
        Commands::Find(flags) => commands::find(cli, &flags.text.join(" ")),
        Commands::Check(flags) => commands::check(cli, &flags.names),
        Commands::Test(flags) => commands::test(cli, &flags.names, &flags.cases),
        Commands::Doc(flags) => commands::doc(cli, flags.topic.as_deref()),
        Commands::Doctor(flags) => commands::doctor(cli, &flags.cluster),
        Commands::Completions(flags) => completion::print(flags.shell),
    }
}

/// A runbook with the host that compiled it.
pub(crate) struct Loaded {
    pub(crate) host: Host,
    pub(crate) runbook: Runbook,
}

/// Reads the arguments in two passes: find the runbook, then read all flags, its parameters among them.
fn parse(arguments: &[OsString], config: &Config) -> Result<(ArgMatches, Option<Loaded>), CliError> {
    let mut app = flags::command(config);
    let scanned = flags::scan(arguments.get(1..).unwrap_or_default(), &app);
    let mut loaded = None;
    if let (Some(command), Some(name)) = (&scanned.command, &scanned.name) {
        let found = load(&Library::new(folders(&scanned, config)), name)?;
        let sub = app.find_subcommand(command).cloned().unwrap_or_default();
        let sub = flags::add_params(&sub, &found.runbook, config)?;
        app = app.mut_subcommand(command, |_| sub);
        loaded = Some(found);
    }
    Ok((app.try_get_matches_from(arguments)?, loaded))
}

/// The folders that clap will find too: flag, else variable, else `runbook.toml`.
fn folders(scanned: &flags::Scanned, config: &Config) -> Vec<std::path::PathBuf> {
    let variable = || std::env::var("RUNBOOK_RUNBOOKS").ok().filter(|v| !v.is_empty());
    if !scanned.runbooks.is_empty() {
        return scanned.runbooks.clone();
    }
    match variable() {
        Some(list) => list.split(':').map(Into::into).collect(),
        None => config
            .flags
            .get("runbooks")
            .into_iter()
            .flatten()
            .map(Into::into)
            .collect(),
    }
}

pub(crate) fn load(library: &Library, name: &str) -> Result<Loaded, CliError> {
    let source = library.runbook(name)?;
    load_source(library, &source)
}

pub(crate) fn load_source(library: &Library, source: &runbook_script::Source) -> Result<Loaded, CliError> {
    let host = Host::new(library.clone());
    let runbook = host.load(source)?;
    Ok(Loaded { host, runbook })
}

fn language(asked: Option<flags::Lang>) -> Language {
    let locale = || {
        ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()))
    };
    match asked {
        Some(flags::Lang::Zh) => Language::Zh,
        Some(flags::Lang::En) => Language::En,
        None if locale().is_some_and(|l| l.starts_with("zh")) => Language::Zh,
        None => Language::En,
    }
}

/// Colour for errors of arguments that could not be read.
fn colour_wanted(arguments: &[OsString]) -> Colour {
    let says = |value: &str| {
        let whole = format!("--color={value}");
        let apart = |pair: &[OsString]| pair[0] == "--color" && pair[1] == *value;
        arguments.iter().any(|a| *a == *whole) || arguments.windows(2).any(apart)
    };
    match (says("never"), says("always")) {
        (true, _) => Colour::Never,
        (_, true) => Colour::Always,
        _ => Colour::Auto,
    }
}
