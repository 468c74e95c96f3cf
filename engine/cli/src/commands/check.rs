use crate::{
    Cli, Loaded,
    code::Code,
    errors::CliError,
    load_source,
    text::{self, Style, clean},
};
use runbook_script::{Lint, Source};

/// Every runbook that is named, or every one there is; what is wrong is data, so it goes to stdout.
pub(crate) fn check(cli: &Cli, names: &[String]) -> Result<Code, CliError> {
    let sources: Vec<Source> = match names {
        [] => cli.library.runbooks(),
        names => names.iter().map(|n| cli.library.runbook(n)).collect::<Result<_, _>>()?,
    };
    let style = Style::stdout(cli.colour);
    let (mut out, mut wrong) = (String::new(), 0);
    for source in &sources {
        let said = match load_source(&cli.library, source) {
            Ok(Loaded { host, runbook }) => host
                .lint(&runbook)
                .iter()
                .map(|l| lint_text(l, source, style))
                .collect(),
            Err(error) => vec![error.render(style)],
        };
        wrong += usize::from(!said.is_empty());
        out.extend(said.iter().map(|s| format!("{s}\n\n")));
    }
    let all = format!("{} runbook{}", sources.len(), if sources.len() == 1 { "" } else { "s" });
    match wrong {
        0 => out.push_str(&format!("{all} checked, nothing wrong\n")),
        n => out.push_str(&format!("{all} checked, something wrong in {n}\n")),
    }
    text::print(&out)?;
    Ok(if wrong == 0 { Code::Healthy } else { Code::NotLoaded })
}

fn lint_text(lint: &Lint, source: &Source, style: Style) -> String {
    let place = &lint.place;
    let line = source
        .text
        .lines()
        .nth(place.line.saturating_sub(1))
        .unwrap_or_default()
        .replace('\t', " ");
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    let hint = lint
        .hint
        .as_ref()
        .map(|h| format!("\nhint: {}", clean(h)))
        .unwrap_or_default();
    format!(
        "{} {}\n{gutter}--> {}:{}:{}\n{number} | {}\n{gutter} | {}^{hint}",
        style.paint("1;33", "warning:"),
        clean(&lint.message),
        clean(&place.source),
        place.line,
        place.column,
        clean(&line),
        " ".repeat(place.column.saturating_sub(1)),
    )
}
