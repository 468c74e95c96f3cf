//! What can be said about a script without running it.

use crate::{
    Host, Place, Runbook,
    docs::{self, FunctionDoc},
};
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    pub message: String,
    pub place: Place,
    pub hint: Option<String>,
}

pub(crate) fn lint(host: &Host, runbook: &Runbook) -> Vec<Lint> {
    let docs = docs::module_docs(host.engine());
    let functions: Vec<&FunctionDoc> = docs.iter().flat_map(|m| &m.functions).collect();
    let modules: BTreeSet<&str> = docs.iter().map(|m| m.name.as_str()).filter(|n| !n.is_empty()).collect();
    let imports = imports(&runbook.ast);
    let catalogue = host.library().catalogue().0;
    let mut found = vec![];
    let mut say = |message: String, at: Position, hint: Option<String>| {
        let place = Place {
            source: runbook.source.path.clone(),
            line: at.line().unwrap_or(1),
            column: at.position().unwrap_or(1),
        };
        let lint = Lint { message, place, hint };
        if !found.contains(&lint) {
            found.push(lint);
        }
    };
    visit_calls(&runbook.ast, &mut |call, at| {
        if call.is_qualified() {
            let module = call.namespace.to_string();
            if imports.contains_key(module.trim_end_matches(':')) {
                return;
            }
            let name = format!("{}::{}", module.trim_end_matches(':'), call.name);
            let same: Vec<&&FunctionDoc> = functions.iter().filter(|f| f.name == name).collect();
            if !modules.contains(module.trim_end_matches(':')) {
                let near =
                    crate::data::nearest(&module, modules.iter().copied()).map(|n| format!("did you mean `{n}`?"));
                say(format!("no module `{module}`"), at, near);
            } else if same.is_empty() {
                say(
                    format!("no function `{}` in module `{}`", call.name, module),
                    at,
                    docs::hint(host.engine(), &name),
                );
            } else if same.iter().all(|f| f.params.len() != call.args.len()) {
                let takes = same
                    .iter()
                    .map(|f| format!("({})", f.params.join(", ")))
                    .collect::<Vec<_>>()
                    .join(" or ");
                say(
                    format!("`{name}` takes {takes}, not {} arguments", call.args.len()),
                    at,
                    None,
                );
            }
        } else if call.name == "finding"
            && let Some(Expr::StringConstant(code, at)) = call.args.first()
            && catalogue.get(code).is_none()
        {
            let near = crate::data::nearest(code, catalogue.iter().map(|e| e.code.as_str()));
            let hint = near.map(|n| format!("did you mean `{n}`? a new code needs a file under `findings/`"));
            say(format!("finding code `{code}` is not in the catalogue"), *at, hint);
        }
    });
    if runbook.doc.trim().is_empty() {
        let hint = Some("`//!` lines at the top: symptom, when to use, what healthy looks like".into());
        say("no header".into(), Position::new(1, 1), hint);
    }
    if runbook.plan.is_empty() {
        say("no step: nothing would be asked".into(), Position::new(1, 1), None);
    }
    found
}

fn visit_calls(ast: &AST, visit: &mut impl FnMut(&FnCallExpr, Position)) {
    ast.walk(&mut |path| {
        if let Some(
            ASTNode::Expr(Expr::FnCall(call, at) | Expr::MethodCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at)),
        ) = path.last()
        {
            visit(call, *at);
        }
        true
    });
}

/// Alias to path of every `import "path" as alias`.
fn imports(ast: &AST) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, _))) = path.last()
            && let Expr::StringConstant(module, _) = &import.0
        {
            found.insert(import.1.name.to_string(), module.to_string());
        }
        true
    });
    found
}
