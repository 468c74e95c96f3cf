use super::{cell, generated};
use runbook_run::{Catalogue, Entry};

/// Every finding code there is, each with a link to its file.
pub(super) fn page(catalogue: &Catalogue) -> String {
    let mut out = generated("runbooks/findings");
    let count = catalogue.iter().count();
    out += &format!(
        "# Findings\n\n{count} codes. `runbook explain CODE` prints the whole text, in English or Chinese.\n\n"
    );
    out += "| code | severity | meaning | 含义 | explains |\n|---|---|---|---|---|\n";
    for entry in catalogue.iter() {
        out += &row(entry);
    }
    out
}

fn row(entry: &Entry) -> String {
    let link = |code: &str| format!("[{code}](../runbooks/findings/{code}.md)");
    format!(
        "| {} | {} | {} | {} | {} |\n",
        link(&entry.code),
        entry.severity,
        cell(&entry.title.en),
        cell(&entry.title.zh),
        entry.explains.join(", ")
    )
}
