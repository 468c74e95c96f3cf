use super::{cell, generated};
use runbook_script::{FunctionDoc, ModuleDoc};

/// Every function that a runbook can call: an index, then each with its own words.
pub(super) fn page(modules: &[ModuleDoc]) -> String {
    let mut out = generated("the doc comments in engine/script/src/modules");
    out += "# Functions for runbooks\n\nA missing value is `()`, never a missing key. ";
    out += "Everything that asks the world can fail; inside a `step` that makes the step inconclusive.\n";
    for module in modules {
        out += &format!("\n## {}\n\n| function | |\n|---|---|\n", title(module));
        for function in &module.functions {
            let anchor = format!("#{}", anchor(&call(function)));
            let first = function.doc.lines().next().unwrap_or_default();
            out += &format!("| [`{}`]({anchor}) | {} |\n", cell(&call(function)), cell(first));
        }
        for function in &module.functions {
            out += &format!("\n### {}\n\n{}\n", call(function), function.doc.trim());
        }
    }
    out
}

fn title(module: &ModuleDoc) -> String {
    if module.name.is_empty() {
        "Words without a module".into()
    } else {
        format!("Module `{}`", module.name)
    }
}

fn call(function: &FunctionDoc) -> String {
    format!("{}({})", function.name, function.params.join(", "))
}

/// As GitHub makes anchors of headings: lower case, spaces to hyphens, punctuation away.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
