use std::fmt;

/// A selector's syntax tree. Its `Display` is the canonical text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    All,
    Global,
    Has(String),
    Eq(String, String),
    Ne(String, String),
    Contains(String, String),
    StartsWith(String, String),
    EndsWith(String, String),
    /// Sorted, without duplicates.
    In(String, Vec<String>),
    /// Sorted, without duplicates.
    NotIn(String, Vec<String>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
}

impl Expr {
    /// The expression with `prefix` before each label, as Calico asks namespaces and service accounts.
    pub fn prefixed(&self, prefix: &str) -> Self {
        let p = |label: &String| format!("{prefix}{label}");
        match self {
            Self::All => Self::All,
            Self::Global => Self::Global,
            Self::Has(label) => Self::Has(p(label)),
            Self::Eq(label, value) => Self::Eq(p(label), value.clone()),
            Self::Ne(label, value) => Self::Ne(p(label), value.clone()),
            Self::Contains(label, value) => Self::Contains(p(label), value.clone()),
            Self::StartsWith(label, value) => Self::StartsWith(p(label), value.clone()),
            Self::EndsWith(label, value) => Self::EndsWith(p(label), value.clone()),
            Self::In(label, values) => Self::In(p(label), values.clone()),
            Self::NotIn(label, values) => Self::NotIn(p(label), values.clone()),
            Self::Not(inner) => Self::Not(Box::new(inner.prefixed(prefix))),
            Self::And(terms) => Self::And(terms.iter().map(|term| term.prefixed(prefix)).collect()),
            Self::Or(terms) => Self::Or(terms.iter().map(|term| term.prefixed(prefix)).collect()),
        }
    }

    /// `all()` of a namespace selector means any namespace, `global()` none at all.
    pub fn for_namespaces(&self) -> Self {
        let has = || Self::Has(crate::labels::NAMESPACE.to_owned());
        match self {
            Self::All => has(),
            Self::Global => Self::Not(Box::new(has())),
            Self::Not(inner) => Self::Not(Box::new(inner.for_namespaces())),
            Self::And(terms) => Self::And(terms.iter().map(Self::for_namespaces).collect()),
            Self::Or(terms) => Self::Or(terms.iter().map(Self::for_namespaces).collect()),
            other => other.clone(),
        }
    }

    /// The label that a comparison asks for.
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Has(label)
            | Self::Eq(label, _)
            | Self::Ne(label, _)
            | Self::Contains(label, _)
            | Self::StartsWith(label, _)
            | Self::EndsWith(label, _)
            | Self::In(label, _)
            | Self::NotIn(label, _) => Some(label),
            _ => None,
        }
    }

    /// An equality that every match must satisfy, the key under which policies are indexed.
    pub fn required_equality(&self) -> Option<(&str, &str)> {
        match self {
            Self::Eq(label, value) => Some((label, value)),
            Self::In(label, values) if values.len() == 1 => {
                values.first().map(|value| (label.as_str(), value.as_str()))
            }
            // The last one is the most telling: conversions put the orchestrator's first.
            Self::And(terms) => terms.iter().rev().find_map(Self::required_equality),
            _ => None,
        }
    }
}

fn quoted(formatter: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    let quote = if value.contains('"') { '\'' } else { '"' };
    write!(formatter, "{quote}{value}{quote}")
}

fn set(formatter: &mut fmt::Formatter<'_>, label: &str, op: &str, values: &[String]) -> fmt::Result {
    write!(formatter, "{label} {op} {{")?;
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            formatter.write_str(", ")?;
        }
        quoted(formatter, value)?;
    }
    formatter.write_str("}")
}

fn joined(formatter: &mut fmt::Formatter<'_>, terms: &[Expr], op: &str) -> fmt::Result {
    formatter.write_str("(")?;
    for (index, term) in terms.iter().enumerate() {
        if index > 0 {
            write!(formatter, " {op} ")?;
        }
        write!(formatter, "{term}")?;
    }
    formatter.write_str(")")
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut compare = |label: &String, op: &str, value: &str| {
            write!(f, "{label} {op} ")?;
            quoted(f, value)
        };
        match self {
            Self::Eq(label, value) => compare(label, "==", value),
            Self::Ne(label, value) => compare(label, "!=", value),
            Self::Contains(label, value) => compare(label, "contains", value),
            Self::StartsWith(label, value) => compare(label, "starts with", value),
            Self::EndsWith(label, value) => compare(label, "ends with", value),
            Self::All => f.write_str("all()"),
            Self::Global => f.write_str("global()"),
            Self::Has(label) => write!(f, "has({label})"),
            Self::In(label, values) => set(f, label, "in", values),
            Self::NotIn(label, values) => set(f, label, "not in", values),
            Self::Not(inner) => write!(f, "!{inner}"),
            Self::And(terms) => joined(f, terms, "&&"),
            Self::Or(terms) => joined(f, terms, "||"),
        }
    }
}
