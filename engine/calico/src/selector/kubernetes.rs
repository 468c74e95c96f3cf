use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Expr, Selector};
use crate::{
    labels::ORCHESTRATOR,
    object::{ObjectError, decode},
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LabelSelector {
    match_labels: Option<BTreeMap<String, String>>,
    match_expressions: Option<Vec<Requirement>>,
}

#[derive(Debug, Deserialize)]
struct Requirement {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// Converts a Kubernetes pod selector as Calico does: any workload of Kubernetes, then the terms.
///
/// `object` and `path` say where the selector is, for errors.
pub fn from_label_selector(value: &Value, object: &str, path: &str) -> Result<Selector, ObjectError> {
    let mut terms = vec![Expr::Eq(ORCHESTRATOR.to_owned(), "k8s".to_owned())];
    terms.extend(terms_of(value, object, path)?);
    Ok(joined(terms))
}

/// Converts a Kubernetes namespace selector; an empty one selects every namespace.
pub fn from_label_selector_unprefixed(value: &Value, object: &str, path: &str) -> Result<Selector, ObjectError> {
    Ok(joined(terms_of(value, object, path)?))
}

fn joined(mut terms: Vec<Expr>) -> Selector {
    match terms.pop() {
        None => Selector::all(),
        Some(only) if terms.is_empty() => Selector::from_expr(only),
        Some(last) => {
            terms.push(last);
            Selector::from_expr(Expr::And(terms))
        }
    }
}

fn terms_of(value: &Value, object: &str, path: &str) -> Result<Vec<Expr>, ObjectError> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let selector: LabelSelector = decode(value, object, path)?;
    let mut terms: Vec<Expr> = selector
        .match_labels
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| Expr::Eq(key, value))
        .collect();
    for requirement in selector.match_expressions.unwrap_or_default() {
        let mut values = requirement.values.unwrap_or_default();
        values.sort();
        values.dedup();
        terms.push(match requirement.operator {
            Operator::In => Expr::In(requirement.key, values),
            Operator::NotIn => Expr::NotIn(requirement.key, values),
            Operator::Exists => Expr::Has(requirement.key),
            Operator::DoesNotExist => Expr::Not(Box::new(Expr::Has(requirement.key))),
        });
    }
    Ok(terms)
}
