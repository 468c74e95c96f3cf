//! Documents that are made from the code, so that they cannot say anything else.

mod api;
mod findings;
mod parsers;

use crate::Result;
use runbook_script::{Host, Library, definitions};
use std::{fs, path::Path};

/// A document: its path from the top of the repository, and its text.
pub type Document = (&'static str, String);

/// Every generated document. This list is the answer to "what is generated?".
pub fn generate(root: &Path) -> Result<Vec<Document>> {
    let library = Library::default();
    let (catalogue, errors) = library.catalogue();
    if let Some(error) = errors.first() {
        return Err(format!("the catalogue of findings does not load: {error}").into());
    }
    let host = Host::new(library);
    Ok(vec![
        ("docs/schema/result.v1.json", runbook_report::schema()),
        ("docs/api.md", api::page(&host.docs())),
        ("docs/findings.md", findings::page(&catalogue)),
        ("docs/parsers.md", parsers::page(root)?),
        ("stdlib/definitions/runbook.d.rhai", definitions(&host)),
    ])
}

/// Writes what differs; says which.
pub fn write(root: &Path) -> Result<Vec<&'static str>> {
    let mut written = vec![];
    for (path, text) in generate(root)? {
        let file = root.join(path);
        if fs::read_to_string(&file).ok().as_deref() == Some(&text) {
            continue;
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text)?;
        written.push(path);
    }
    Ok(written)
}

/// Says which documents are not what the code says, and where they begin to differ.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let mut stale = vec![];
    for (path, text) in generate(root)? {
        match fs::read_to_string(root.join(path)) {
            Ok(old) if old == text => {}
            Ok(old) => stale.push(format!("{path}, line {}", first_difference(&old, &text))),
            Err(e) => stale.push(format!("{path}: {e}")),
        }
    }
    Ok(stale)
}

fn first_difference(old: &str, new: &str) -> usize {
    let same = old.lines().zip(new.lines()).take_while(|(a, b)| a == b).count();
    same + 1
}

/// A cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// First line of every generated page.
fn generated(what: &str) -> String {
    format!("<!-- made by `cargo xtask docs` from {what}; edit that instead -->\n")
}
