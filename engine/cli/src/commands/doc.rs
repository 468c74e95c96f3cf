use crate::{
    Cli,
    code::Code,
    errors::CliError,
    text::{self, Style, table},
};
use runbook_script::{FunctionDoc, Host, ModuleDoc};

pub(crate) fn doc(cli: &Cli, topic: Option<&str>) -> Result<Code, CliError> {
    let docs = Host::new(cli.library.clone()).docs();
    let style = Style::stdout(cli.colour);
    let out = match topic {
        None => docs.iter().map(|m| overview(m, style)).collect::<Vec<_>>().join("\n"),
        Some(topic) => match docs.iter().find(|m| m.name == topic) {
            Some(module) => overview(module, style) + "\nrunbook doc MODULE::FUNCTION tells all of one function\n",
            None => functions(&docs, topic, style)?,
        },
    };
    text::print(&out)?;
    Ok(Code::Healthy)
}

fn signature(function: &FunctionDoc) -> String {
    format!("{}({})", function.name, function.params.join(", "))
}

fn overview(module: &ModuleDoc, style: Style) -> String {
    let title = if module.name.is_empty() { "words" } else { &module.name };
    let first = |f: &FunctionDoc| f.doc.lines().next().unwrap_or_default().to_string();
    let rows = module
        .functions
        .iter()
        .map(|f| vec![format!("  {}", signature(f)), first(f)]);
    format!("{}\n{}", style.bold(title), table(style, rows))
}

fn functions(docs: &[ModuleDoc], topic: &str, style: Style) -> Result<String, CliError> {
    let all: Vec<&FunctionDoc> = docs.iter().flat_map(|m| &m.functions).collect();
    let exact: Vec<&&FunctionDoc> = all.iter().filter(|f| f.name == topic).collect();
    let by_end = || {
        all.iter()
            .filter(|f| f.name.rsplit("::").next() == Some(topic))
            .collect()
    };
    let found: Vec<&&FunctionDoc> = if exact.is_empty() { by_end() } else { exact };
    if found.is_empty() {
        return Err(unknown(docs, &all, topic));
    }
    let page = |f: &&&FunctionDoc| format!("{}\n\n{}", style.bold(&signature(f)), style.markdown(&f.doc));
    Ok(found.iter().map(page).collect::<Vec<_>>().join("\n"))
}

fn unknown(docs: &[ModuleDoc], all: &[&FunctionDoc], topic: &str) -> CliError {
    let names = all
        .iter()
        .map(|f| f.name.as_str())
        .chain(docs.iter().map(|m| m.name.as_str()));
    let near = names
        .map(|n| (strsim::normalized_damerau_levenshtein(n, topic), n))
        .filter(|(s, _)| *s > 0.6);
    let error = CliError::usage(format!("no module or function `{topic}`"));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((_, name)) => error.hint(format!("did you mean `{name}`?")),
        None => error.hint("`runbook doc` lists them all"),
    }
}
