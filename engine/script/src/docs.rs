//! The API as documentation: read from the functions' own doc comments.

use crate::data::nearest;
use rhai::Engine;
use serde::Serialize;
use serde_json::Value;

/// One function that scripts can call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionDoc {
    /// `node::routes`; `step` where there is no module.
    pub name: String,
    pub params: Vec<String>,
    /// Markdown, without comment marks.
    pub doc: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleDoc {
    /// Empty: the words that need no module.
    pub name: String,
    pub functions: Vec<FunctionDoc>,
}

impl crate::Host {
    /// Every module of the API, in order.
    pub fn docs(&self) -> Vec<ModuleDoc> {
        module_docs(self.engine())
    }
}

/// Reads the documentation of an engine's own modules. Operators and Rhai's standard packages are not ours.
pub fn module_docs(engine: &Engine) -> Vec<ModuleDoc> {
    let text = engine.gen_fn_metadata_to_json(false).unwrap_or_default();
    let metadata: Value = serde_json::from_str(&text).unwrap_or_default();
    let mut modules = vec![ModuleDoc {
        name: String::new(),
        functions: functions(&metadata["functions"], ""),
    }];
    for (name, module) in metadata["modules"].as_object().into_iter().flatten() {
        modules.push(ModuleDoc {
            name: name.clone(),
            functions: functions(&module["functions"], &format!("{name}::")),
        });
    }
    modules.retain(|m| !m.functions.is_empty());
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    modules
}

fn functions(listed: &Value, prefix: &str) -> Vec<FunctionDoc> {
    let mut found: Vec<FunctionDoc> = listed
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|f| {
            let comments: Vec<&str> = f["docComments"].as_array()?.iter().filter_map(Value::as_str).collect();
            let name = format!("{prefix}{}", f["name"].as_str()?);
            let all = f["params"].as_array().cloned().unwrap_or_default();
            let named = all.iter().filter_map(|p| p["name"].as_str().map(String::from));
            // The call context is handed in by the engine.
            let params = named.filter(|p| p != "cx").collect();
            Some(FunctionDoc {
                name,
                params,
                doc: plain(&comments.join("\n")),
            })
        })
        .collect();
    // The engine lists overloads in any order; the documents need one.
    found.sort_by(|a, b| (&a.name, a.params.len(), &a.doc).cmp(&(&b.name, b.params.len(), &b.doc)));
    found
}

fn plain(comments: &str) -> String {
    let line = |l: &str| {
        l.trim_start_matches("///")
            .strip_prefix(' ')
            .map_or_else(|| l.trim_start_matches("///").to_string(), String::from)
    };
    comments
        .lines()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_string()
}

/// Definitions for editors: every function with its documentation, in Rhai's own format.
pub fn definitions(host: &crate::Host) -> String {
    let mut out = String::from("module static;\n");
    for module in host.docs() {
        for function in module.functions {
            let doc = function
                .doc
                .lines()
                .map(|l| format!("/// {l}").trim_end().to_string())
                .collect::<Vec<_>>()
                .join("\n");
            let params = function
                .params
                .iter()
                .map(|p| format!("{p}: ?"))
                .collect::<Vec<_>>()
                .join(", ");
            out.push_str(&format!("\n{doc}\nfn {}({params}) -> ?;\n", function.name));
        }
    }
    out
}

/// For a call that nothing answers to: the function that was probably meant.
pub(crate) fn hint(engine: &Engine, signature: &str) -> Option<String> {
    let called = signature
        .split(" (")
        .next()?
        .trim()
        .replace("::", ":")
        .replace(':', "::");
    let docs = module_docs(engine);
    let all: Vec<&FunctionDoc> = docs.iter().flat_map(|m| &m.functions).collect();
    if let Some(same) = all.iter().find(|f| f.name == called) {
        let module = called
            .split_once("::")
            .map(|(m, _)| format!("; `runbook doc {m}` lists the module"))
            .unwrap_or_default();
        return Some(format!("`{}` takes ({}){module}", same.name, same.params.join(", ")));
    }
    let near = nearest(&called, all.iter().map(|f| f.name.as_str()))?;
    let meant = all.iter().find(|f| f.name == near)?;
    let module = near
        .split_once("::")
        .map(|(m, _)| format!("; `runbook doc {m}` lists the module"))
        .unwrap_or_default();
    Some(format!("did you mean `{near}({})`?{module}", meant.params.join(", ")))
}
