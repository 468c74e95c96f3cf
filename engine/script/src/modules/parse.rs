use crate::{
    data::fail,
    facts,
    host::{Result, to_script},
};
use rhai::{Dynamic, FuncRegistration, Module};

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
            "/// {}\n///\n/// Reads the output of `{}`. Known: {}. Effect: none. Errors: the line that is not known.",
            parser.returns,
            parser.command,
            parser.versions.join(", ")
        );
        FuncRegistration::new(name)
            .with_comments(doc.lines().map(String::from).collect::<Vec<_>>())
            .with_params_info(["text: &str", "Dynamic"])
            .set_into_module(&mut module, read);
    }
    module
}
