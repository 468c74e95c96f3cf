use std::collections::{BTreeMap, HashMap};

use super::Expr;

/// Anything that selectors can be asked of.
pub trait Labels {
    fn get(&self, label: &str) -> Option<&str>;
}

impl Labels for BTreeMap<String, String> {
    fn get(&self, label: &str) -> Option<&str> {
        BTreeMap::get(self, label).map(String::as_str)
    }
}

impl Labels for HashMap<String, String> {
    fn get(&self, label: &str) -> Option<&str> {
        HashMap::get(self, label).map(String::as_str)
    }
}

impl Labels for [(&str, &str)] {
    fn get(&self, label: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == label).map(|(_, value)| *value)
    }
}

impl Expr {
    /// Tells whether the labels satisfy the expression.
    ///
    /// A missing label fails every comparison but `!=` and `not in`, which it satisfies.
    pub fn matches<L: Labels + ?Sized>(&self, labels: &L) -> bool {
        match self {
            Self::All | Self::Global => true,
            Self::Has(label) => labels.get(label).is_some(),
            Self::Eq(label, value) => labels.get(label) == Some(value),
            Self::Ne(label, value) => labels.get(label) != Some(value),
            Self::Contains(label, value) => labels.get(label).is_some_and(|found| found.contains(value.as_str())),
            Self::StartsWith(label, value) => labels.get(label).is_some_and(|found| found.starts_with(value.as_str())),
            Self::EndsWith(label, value) => labels.get(label).is_some_and(|found| found.ends_with(value.as_str())),
            Self::In(label, values) => labels.get(label).is_some_and(|found| contains(values, found)),
            Self::NotIn(label, values) => !labels.get(label).is_some_and(|found| contains(values, found)),
            Self::Not(inner) => !inner.matches(labels),
            Self::And(terms) => terms.iter().all(|term| term.matches(labels)),
            Self::Or(terms) => terms.iter().any(|term| term.matches(labels)),
        }
    }
}

fn contains(values: &[String], found: &str) -> bool {
    values.binary_search_by(|value| value.as_str().cmp(found)).is_ok()
}
