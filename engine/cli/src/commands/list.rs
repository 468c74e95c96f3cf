use super::runs::show_run;
use crate::{
    Cli, Loaded,
    code::Code,
    errors::CliError,
    flags::{ListFlags, Output},
    journals, load, load_source,
    text::{self, Style, clean, clean_line, table},
};
use runbook_run::{Catalogue, Language};
use runbook_script::{ByHand, Origin, Param, ParamKind, Runbook, Source};
use serde_json::{Value, json};

pub(crate) fn list(cli: &Cli, flags: &ListFlags) -> Result<Code, CliError> {
    let sources = cli.library.runbooks();
    let loaded: Vec<(Source, Result<Runbook, CliError>)> = sources
        .into_iter()
        .map(|s| (s.clone(), load_source(&cli.library, &s).map(|l| l.runbook)))
        .collect();
    let summary = |runbook: &Result<Runbook, CliError>| match runbook {
        Ok(runbook) => runbook.summary().to_string(),
        Err(_) => "does not load: `runbook check` says why".into(),
    };
    let text = match flags.output {
        Output::Text if loaded.is_empty() => "no runbooks\n".into(),
        Output::Text => {
            let style = Style::stdout(cli.colour);
            table(
                style,
                loaded.iter().map(|(s, r)| vec![s.name.clone(), summary(r), place(s)]),
            )
        }
        Output::Json | Output::Ndjson => {
            let entry = |(s, r): &(Source, Result<Runbook, CliError>)| {
                let params = r.as_ref().map(|r| json!(r.params)).unwrap_or_default();
                json!({"name": s.name, "summary": summary(r), "source": place(s), "loads": r.is_ok(), "params": params})
            };
            let entries: Vec<Value> = loaded.iter().map(entry).collect();
            serde_json::to_string_pretty(&entries).unwrap_or_default() + "\n"
        }
    };
    text::print(&text)?;
    Ok(Code::Healthy)
}

fn place(source: &Source) -> String {
    match &source.origin {
        Origin::Embedded => "built in".into(),
        Origin::File(path) => path.display().to_string(),
    }
}

pub(crate) fn show(cli: &Cli, name: &str) -> Result<Code, CliError> {
    let Loaded { host, runbook } = match load(&cli.library, name) {
        Ok(loaded) => loaded,
        // What is no runbook may be a run.
        Err(error) => {
            return journals::one(name)
                .map_err(|_| error)
                .and_then(|kept| show_run(cli, &kept));
        }
    };
    let by_hand = host.by_hand(&runbook);
    let runbook = in_language(cli, runbook)?;
    let style = Style::stdout(cli.colour);
    let mut out = format!(
        "{}  {}\n\n",
        style.bold(&clean_line(&runbook.source.name)),
        style.dim(&clean_line(&place(&runbook.source)))
    );
    out.push_str(&style.markdown(&runbook.doc));
    if !runbook.params.is_empty() {
        out.push_str(&format!("\n{}\n", style.bold("Parameters")));
        out.push_str(&table(style, runbook.params.iter().map(parameter)));
    }
    out.push_str(&format!("\n{}\n", style.bold("Steps")));
    let (words, catalogue) = (Words::of(cli.language), cli.library.catalogue().0);
    for (number, (step, hand)) in runbook.plan.iter().zip(&by_hand).enumerate() {
        let title = format!("{}. {}", number + 1, clean_line(&step.title));
        out.push_str(&format!(
            "\n{}  {}\n",
            style.bold(&title),
            style.dim(&clean_line(&step.id))
        ));
        out.push_str(&asked(hand, &words, style));
        out.push_str(&named(&catalogue, cli.language, hand, &words, style));
    }
    out.push_str(&format!(
        "\nrunbook run {}{}\n",
        clean(&runbook.source.name),
        example(&runbook.params)
    ));
    text::print(&out)?;
    Ok(Code::Healthy)
}

/// A runbook in the reader's language, where somebody translated it.
fn in_language(cli: &Cli, runbook: Runbook) -> Result<Runbook, CliError> {
    let words = cli.library.wording(&runbook.source.name, cli.language);
    let words = words.map_err(|e| CliError::new(Code::NotLoaded, e))?;
    Ok(match words {
        Some(words) => runbook.worded(&words),
        None => runbook,
    })
}

/// The few words that `show` has of its own.
struct Words {
    node: &'static str,
    pod: &'static str,
    also: &'static str,
    finds: &'static str,
}

impl Words {
    fn of(language: Language) -> Words {
        match language {
            Language::En => Words {
                node: "on each node that it looks at",
                pod: "in the pods",
                also: "also",
                finds: "can name",
            },
            Language::Zh => Words {
                node: "在所检查的每个节点上",
                pod: "在 Pod 内",
                also: "另外",
                finds: "可能的结论",
            },
        }
    }
}

/// What a person would type in place of the step.
fn asked(hand: &ByHand, words: &Words, style: Style) -> String {
    let mut out = String::new();
    for (place, commands) in [("", &hand.api), (words.node, &hand.node), (words.pod, &hand.pod)] {
        if !place.is_empty() && !commands.is_empty() {
            out.push_str(&format!("   {place}:\n"));
        }
        // A command is pasted: it is never broken into lines.
        out.extend(commands.iter().map(|c| format!("   $ {}\n", clean_line(c))));
    }
    for other in &hand.other {
        out.push_str(&style.wrap(other, &format!("   {}: ", words.also), "     "));
        out.push('\n');
    }
    out
}

/// The codes that a step can name, with their titles.
fn named(catalogue: &Catalogue, language: Language, hand: &ByHand, words: &Words, style: Style) -> String {
    let title = |code: &String| {
        let entry = catalogue.get(code)?;
        Some(format!("{code} ({})", entry.title.get(language)))
    };
    let codes: Vec<String> = hand.codes.iter().filter_map(title).collect();
    if codes.is_empty() {
        return String::new();
    }
    style.wrap(&codes.join(" · "), &format!("   {}: ", words.finds), "     ") + "\n"
}

fn parameter(param: &Param) -> Vec<String> {
    let note = match &param.default {
        Value::Null if param.required => " (required)".into(),
        Value::Null => String::new(),
        Value::String(text) => format!(" (default {text})"),
        other => format!(" (default {other})"),
    };
    let kind = serde_json::to_value(param.kind)
        .ok()
        .and_then(|k| k.as_str().map(String::from))
        .unwrap_or_default();
    vec![
        format!("  --{}", param.name.replace('_', "-")),
        kind,
        format!("{}{note}", param.help),
    ]
}

/// The first two parameters with values as a person would type them.
fn example(params: &[Param]) -> String {
    let values = |kind: ParamKind| match kind {
        ParamKind::Pod | ParamKind::PodOrAddress => ["shop/cart-0", "shop/web-1"],
        ParamKind::Node => ["worker-1", "worker-2"],
        ParamKind::Service => ["shop/web:80", "shop/db:5432"],
        ParamKind::Address => ["10.1.2.3", "10.1.2.4"],
        ParamKind::Cidr => ["10.1.0.0/16", "10.2.0.0/16"],
        _ => ["VALUE", "VALUE"],
    };
    let first = params.iter().take(2).enumerate();
    first
        .map(|(i, p)| format!(" --{} {}", p.name.replace('_', "-"), values(p.kind)[i]))
        .collect()
}
