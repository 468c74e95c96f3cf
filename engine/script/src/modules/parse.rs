use crate::{
    data::fail,
    facts,
    host::{Result, to_script},
};
use rhai::{Dynamic, FuncRegistration, Module};
use runbook_parsers::{Example, Parser};

/// Every parser of the table as a function of module `parse`: text in, typed value out.
pub(super) fn module() -> Module {
    let mut module = Module::new();
    for parser in runbook_parsers::parsers() {
        let name = parser.name;
        let read = move |text: &str| -> Result<Dynamic> {
            let value = facts::parse(name, text).map_err(|e| fail(format!("`parse::{name}`: {e}")))?;
            Ok(to_script(value, true, &[]))
        };
        let doc = format!(
            "{}\n\nReads the output of `{}`. Known: {}. Effect: none. Errors: the line that is not known.\n{}",
            parser.returns,
            parser.command,
            parser.versions.join(", "),
            example(parser)
        );
        let doc = doc.lines().map(|line| format!("/// {line}").trim_end().to_owned());
        FuncRegistration::new(name)
            .with_comments(doc.collect::<Vec<_>>())
            .with_params_info(["text: &str", "Dynamic"])
            .set_into_module(&mut module, read);
    }
    module
}

/// The example of a parser as a script: what a tool printed, and what is known of it then.
fn example(parser: &Parser) -> String {
    let Example { text, holds } = parser.example;
    format!(
        "```rhai\nlet got = parse::{}({});\nassert({holds});\n```",
        parser.name,
        literal(text)
    )
}

/// Several lines stay several lines, where the script has no other meaning for what is in them.
fn literal(text: &str) -> String {
    if text.contains('\n') && !text.contains(['`', '\t']) && !text.contains("${") {
        return format!("`\n{text}\n`");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            '"' | '\\' => quoted.extend(['\\', c]),
            _ => quoted.push(c),
        }
    }
    quoted + "\""
}
