//! Calico's selector language over labels.
//!
//! ```text
//! expr  := and ( "||" and )*           and := unary ( "&&" unary )*
//! unary := "!"* ( "(" expr ")" | "has(" label ")" | "all()" | "global()" | label op )
//! op    := "==" | "!=" | "contains" | "starts with" | "ends with" str  |  "in" | "not in" set
//! ```

mod eval;
mod expr;
mod kubernetes;
mod nearest;
mod parse;

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use eval::Labels;
pub use expr::Expr;
pub use kubernetes::{from_label_selector, from_label_selector_unprefixed};
pub use nearest::{FailedTerm, explain, nearest_values};
pub use parse::SelectorError;

/// A parsed selector, with the text it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    text: Arc<str>,
    expr: Arc<Expr>,
}

impl Selector {
    /// Parses a selector; the empty text selects everything.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Ok(Self {
            text: text.into(),
            expr: Arc::new(parse::parse(text)?),
        })
    }

    /// Selects everything.
    pub fn all() -> Self {
        Self::from_expr(Expr::All)
    }

    pub fn from_expr(expr: Expr) -> Self {
        Self {
            text: expr.to_string().into(),
            expr: Arc::new(expr),
        }
    }

    /// Tells whether the labels satisfy the selector.
    pub fn matches<L: Labels + ?Sized>(&self, labels: &L) -> bool {
        self.expr.matches(labels)
    }

    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text that Felix hashes into set ids: double quotes, single blanks, sorted sets.
    pub fn canonical(&self) -> String {
        self.expr.to_string()
    }

    /// Both must match.
    pub fn and(&self, other: &Self) -> Self {
        Self::from_expr(Expr::And(vec![self.expr.as_ref().clone(), other.expr.as_ref().clone()]))
    }

    /// The selector as it is asked of endpoints' inherited labels, e.g. with `pcns.` before each label.
    pub fn prefixed(&self, prefix: &str) -> Self {
        Self::from_expr(self.expr.prefixed(prefix))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
