use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::{
    index::PolicyIndex,
    matching::Side,
    types::{Port, Rule},
};
use crate::{
    selector::{Expr, Selector, nearest_values},
    workload::EndpointLabels,
};

/// A likely mistake behind a rule that does not match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// `DENY-SELECTOR-TYPO` or `DENY-NAMED-PORT`.
    pub conclusion: &'static str,
    pub sentence: String,
    /// What was probably meant.
    pub nearest: Option<String>,
}

/// Every value that a label has anywhere: on endpoints, network sets and host endpoints.
#[derive(Debug, Clone, Default)]
pub(super) struct LabelValues(HashMap<String, BTreeSet<String>>);

impl LabelValues {
    pub(super) fn add(&mut self, labels: &EndpointLabels) {
        for (label, value) in labels.iter() {
            let values = match self.0.get_mut(label) {
                Some(values) => values,
                None => self.0.entry(label.to_owned()).or_default(),
            };
            if !values.contains(value) {
                values.insert(value.to_owned());
            }
        }
    }
}

impl PolicyIndex {
    /// Returns the first term of a selector that nothing in the cluster satisfies, with the nearest that exists.
    pub fn selector_typo(&self, selector: &Selector) -> Option<Hint> {
        required(selector.expr()).into_iter().find_map(|(label, wanted)| {
            let term = |value: &str| format!("{label}={value}");
            let told = |what: String, nearest: Option<String>| {
                let near = nearest
                    .as_ref()
                    .map_or_else(String::new, |near| format!("; the nearest is `{near}`"));
                Some(Hint {
                    conclusion: "DENY-SELECTOR-TYPO",
                    sentence: format!("nothing has {what}{near}"),
                    nearest,
                })
            };
            match self.label_values.0.get(label) {
                None => {
                    let known = self.label_values.0.keys().map(String::as_str);
                    told(format!("a label `{label}`"), nearest_values(label, known, 1).pop())
                }
                Some(known) if !wanted.iter().any(|value| known.contains(*value)) => {
                    let value = wanted.first().copied().unwrap_or("");
                    let nearest = nearest_values(value, known.iter().map(String::as_str), 1).pop();
                    told(format!("`{}`", term(value)), nearest.map(|near| term(&near)))
                }
                Some(_) => None,
            }
        })
    }

    pub(super) fn hint(&self, field: &str, rule: &Rule, side: &Side) -> Option<Hint> {
        let entity = if field.starts_with("source") {
            &rule.source
        } else {
            &rule.destination
        };
        if field.ends_with(".selector") {
            return self.selector_typo(entity.selector.as_ref()?);
        }
        if !field.ends_with(".ports") {
            return None;
        }
        let endpoint = &self.endpoints[side.workload?];
        let name = entity.ports.iter().find_map(|port| match port {
            Port::Named(name) if !endpoint.ports.iter().any(|known| known.name == *name) => Some(name),
            _ => None,
        })?;
        let known: Vec<String> = endpoint
            .ports
            .iter()
            .map(|port| format!("`{}` ({})", port.name, port.port))
            .collect();
        let has = if known.is_empty() {
            "it names none".to_owned()
        } else {
            format!("it names {}", known.join(", "))
        };
        Some(Hint {
            conclusion: "DENY-NAMED-PORT",
            sentence: format!(
                "pod `{}/{}` names no port `{name}`; {has}",
                endpoint.namespace, endpoint.pod
            ),
            nearest: nearest_values(name, endpoint.ports.iter().map(|port| port.name.as_str()), 1).pop(),
        })
    }
}

/// Labels and values of which every match must have one.
fn required(expr: &Expr) -> Vec<(&str, Vec<&str>)> {
    match expr {
        Expr::Eq(label, value) => vec![(label, vec![value])],
        Expr::In(label, values) => vec![(label, values.iter().map(String::as_str).collect())],
        Expr::And(terms) => terms.iter().flat_map(required).collect(),
        _ => Vec::new(),
    }
}
