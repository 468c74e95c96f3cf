use std::collections::BTreeMap;

use serde::Serialize;

use super::{Expr, Labels, Selector};

/// One term that keeps a selector from matching.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedTerm {
    /// The term, in canonical text.
    pub term: String,
    pub label: Option<String>,
    /// The value that the label has; none where the label is missing.
    pub has: Option<String>,
    /// The value the term asks for that is most like the one found.
    pub wants: Option<String>,
    /// A label of the object whose key looks like the one asked for.
    pub similar_label: Option<String>,
}

/// Returns the terms that fail, none where the selector matches.
///
/// Of alternatives (`||`) only the one with the fewest failing terms is told.
pub fn explain(selector: &Selector, labels: &BTreeMap<String, String>) -> Vec<FailedTerm> {
    failing(selector.expr(), labels, true)
}

fn failing(expr: &Expr, labels: &BTreeMap<String, String>, wanted: bool) -> Vec<FailedTerm> {
    if expr.matches(labels) == wanted {
        return Vec::new();
    }
    let every = |terms: &[Expr]| terms.iter().flat_map(|term| failing(term, labels, wanted)).collect();
    let cheapest = |terms: &[Expr]| {
        terms
            .iter()
            .map(|term| failing(term, labels, wanted))
            .min_by_key(Vec::len)
            .unwrap_or_default()
    };
    match expr {
        Expr::Not(inner) => failing(inner, labels, !wanted),
        Expr::And(terms) if wanted => every(terms),
        Expr::Or(terms) if wanted => cheapest(terms),
        // Negated: one term of a conjunction must fail, every one of a disjunction.
        Expr::And(terms) => cheapest(terms),
        Expr::Or(terms) => every(terms),
        _ => vec![describe(expr, labels, wanted)],
    }
}

fn describe(expr: &Expr, labels: &BTreeMap<String, String>, wanted: bool) -> FailedTerm {
    let label = expr.label();
    let has = label.and_then(|label| Labels::get(labels, label));
    let wants = match expr {
        Expr::Eq(_, value) | Expr::Contains(_, value) | Expr::StartsWith(_, value) | Expr::EndsWith(_, value)
            if wanted =>
        {
            Some(value.clone())
        }
        Expr::In(_, values) if wanted => nearest_values(has.unwrap_or(""), values.iter().map(String::as_str), 1).pop(),
        _ => None,
    };
    let similar_label = match (label, has) {
        (Some(label), None) => nearest_values(label, labels.keys().map(String::as_str), 1)
            .pop()
            .filter(|near| distance(near, label) <= label.chars().count() / 3 || near.ends_with(&format!("/{label}"))),
        _ => None,
    };
    FailedTerm {
        term: if wanted { expr.to_string() } else { format!("!{expr}") },
        label: label.map(str::to_owned),
        has: has.map(str::to_owned),
        wants,
        similar_label,
    }
}

/// Returns the `count` candidates that are most like `text`, the most alike first.
pub fn nearest_values<'a>(text: &str, candidates: impl Iterator<Item = &'a str>, count: usize) -> Vec<String> {
    let mut ranked: Vec<(usize, &str)> = candidates
        .map(|candidate| (distance(candidate, text), candidate))
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked
        .into_iter()
        .take(count)
        .map(|(_, candidate)| candidate.to_owned())
        .collect()
}

/// Edit distance over the first 64 characters; labels are short, hostile input is not.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, left) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = substitute.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[b.len()]
}
