use crate::{
    Cli,
    code::Code,
    errors::CliError,
    text::{self, Style, clean_line, table},
};
use runbook_run::{Catalogue, Entry, Fix, Language};

pub(crate) fn explain(cli: &Cli, code: &str) -> Result<Code, CliError> {
    let (catalogue, _) = cli.library.catalogue();
    let wanted = code.trim().to_uppercase().replace('_', "-");
    let Some(entry) = catalogue.get(&wanted) else {
        return Err(unknown(&catalogue, code, &wanted));
    };
    text::print(&page(entry, cli.language, Style::stdout(cli.colour)))?;
    Ok(Code::Healthy)
}

fn unknown(catalogue: &Catalogue, code: &str, wanted: &str) -> CliError {
    let score = |e: &&Entry| (strsim::jaro_winkler(&e.code, wanted) * 1000.0) as u32;
    let near = catalogue.iter().max_by_key(score).filter(|e| score(e) > 850);
    let error = CliError::usage(format!("no finding code `{code}`"));
    match near {
        Some(entry) => error.hint(format!("did you mean `{}`?", entry.code)),
        None => error.hint("`runbook find TEXT` looks for the words of an error message"),
    }
}

/// The page of a finding code.
pub(crate) fn page(entry: &Entry, language: Language, style: Style) -> String {
    let title = clean_line(entry.title.get(language));
    let mut out = format!(
        "{}  {}\n{title}\n\n",
        style.bold(&entry.code),
        style.dim(&entry.severity.to_string())
    );
    out.push_str(&style.markdown(entry.body.get(language)));
    for fix in &entry.fixes {
        out.push_str(&fix_text(fix, language, style));
    }
    out.push('\n');
    let (explains, confused) = match language {
        Language::En => ("Explains", "Confused with"),
        Language::Zh => ("可解释", "易混淆"),
    };
    for (label, codes) in [(explains, &entry.explains), (confused, &entry.confused_with)] {
        if !codes.is_empty() {
            out.push_str(&style.wrap(&format!("{label}: {}", codes.join(", ")), "", "  "));
            out.push('\n');
        }
    }
    out
}

fn fix_text(fix: &Fix, language: Language, style: Style) -> String {
    let (name, risk, undo, check) = match language {
        Language::En => ("Fix", "risk", "undo", "check"),
        Language::Zh => ("修复", "风险", "撤销", "确认"),
    };
    let mut out = format!(
        "\n{} ({risk}: {})\n",
        style.bold(&format!("{name}: {}", fix.title.get(language))),
        fix.risk
    );
    for command in &fix.commands {
        out.push_str(&format!("    {}\n", text::clean(command)));
    }
    for (label, text) in [(undo, fix.rollback.get(language)), (check, fix.verify.get(language))] {
        if !text.is_empty() {
            out.push_str(&style.wrap(&format!("{label}: {text}"), "  ", "    "));
            out.push('\n');
        }
    }
    out
}

pub(crate) fn find(cli: &Cli, wanted: &str) -> Result<Code, CliError> {
    let (catalogue, _) = cli.library.catalogue();
    let mut found: Vec<(usize, &Entry)> = catalogue
        .iter()
        .map(|e| (score(e, wanted), e))
        .filter(|(s, _)| *s > 0)
        .collect();
    found.sort_by_key(|(score, e)| (std::cmp::Reverse(*score), e.code.clone()));
    if found.is_empty() {
        return Err(CliError::usage(format!("no finding code for `{wanted}`"))
            .hint("try fewer words; `runbook list` shows the runbooks"));
    }
    let row = |(_, e): &(usize, &Entry)| {
        let runbooks = e
            .runbooks
            .first()
            .map(|r| format!("runbook run {r}"))
            .unwrap_or_default();
        vec![e.code.clone(), e.title.get(cli.language).to_string(), runbooks]
    };
    let style = Style::stdout(cli.colour);
    let rows = found.iter().take(15).map(row);
    text::print(&format!(
        "{}\nrunbook explain {}\n",
        table(style, rows),
        found[0].1.code
    ))?;
    Ok(Code::Healthy)
}

/// How well an entry fits a message. An error text of the catalogue inside the message, or the other way round, is
/// best; then titles and codes that hold all words.
fn score(entry: &Entry, wanted: &str) -> usize {
    let wanted = wanted.to_lowercase();
    let longest = entry
        .errors
        .iter()
        .map(|e| e.to_lowercase())
        .filter(|e| wanted.contains(e) || e.contains(&wanted));
    if let Some(length) = longest.map(|e| e.len().min(wanted.len())).max() {
        return 1000 + length;
    }
    let all = [&entry.code, &entry.title.en, &entry.title.zh, &entry.errors.join(" ")]
        .map(|t| t.to_lowercase())
        .join(" ");
    let words: Vec<&str> = wanted.split_whitespace().collect();
    if !words.is_empty() && words.iter().all(|w| all.contains(w)) {
        words.len()
    } else {
        0
    }
}
