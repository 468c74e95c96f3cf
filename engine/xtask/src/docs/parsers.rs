use super::{cell, generated};
use crate::Result;
use std::{fs, path::Path};

/// Every parser, the versions it knows and how much of that was captured from real programs.
pub(super) fn page(root: &Path) -> Result<String> {
    let mut out = generated("engine/parsers and tests/fixtures/parsers");
    out += "# Parsers\n\nEach is `parse::NAME(text)` in a runbook. Fixtures are under `tests/fixtures/parsers/NAME/`: ";
    out += "*captured* from the real program, or *made* by hand.\n\n";
    out += "| parser | reads | gives | versions | captured | made |\n|---|---|---|---|---|---|\n";
    for parser in runbook_parsers::parsers() {
        let (captured, made) = fixtures(&root.join("tests/fixtures/parsers").join(parser.name))?;
        out += &format!(
            "| `{}` | `{}` | {} | {} | {captured} | {made} |\n",
            parser.name,
            cell(parser.command),
            cell(parser.returns),
            cell(&parser.versions.join(", "))
        );
    }
    Ok(out)
}

fn fixtures(folder: &Path) -> Result<(usize, usize)> {
    let (mut captured, mut made) = (0, 0);
    for file in fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
        if file.extension().is_some_and(|e| e == "toml") {
            // Lines of `key = "value"`, no more TOML than that.
            let text = fs::read_to_string(&file)?;
            match text.lines().any(|l| l.trim() == "origin = \"captured\"") {
                true => captured += 1,
                false => made += 1,
            }
        }
    }
    Ok((captured, made))
}
