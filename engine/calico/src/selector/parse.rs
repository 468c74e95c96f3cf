use serde::Serialize;

use super::Expr;

/// Parentheses deeper than this are refused; nobody writes them, and recursion must end.
const MAX_DEPTH: usize = 100;
/// Longest label that Calico takes.
const MAX_LABEL: usize = 512;

/// Why a selector does not parse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("selector `{text}`, column {column}: expected {expected}, found {found}")]
pub struct SelectorError {
    pub text: String,
    /// Counted in characters from 1.
    pub column: usize,
    pub expected: String,
    pub found: String,
}

pub(super) fn parse(text: &str) -> Result<Expr, SelectorError> {
    let mut parser = Parser { text, at: 0 };
    parser.blanks();
    if parser.rest().is_empty() {
        return Ok(Expr::All);
    }
    let expr = parser.or(0)?;
    parser.blanks();
    if parser.rest().is_empty() {
        Ok(expr)
    } else {
        Err(parser.error("`&&`, `||` or the end"))
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Byte offset, always on a character boundary.
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn error(&self, expected: &str) -> SelectorError {
        let column = self.text.get(..self.at).unwrap_or("").chars().count() + 1;
        let found = match self.rest().chars().take(12).collect::<String>() {
            rest if rest.is_empty() => "the end".to_owned(),
            rest => format!("`{rest}`"),
        };
        SelectorError {
            text: self.text.to_owned(),
            column,
            expected: expected.to_owned(),
            found,
        }
    }

    fn or(&mut self, depth: usize) -> Result<Expr, SelectorError> {
        self.chain("||", depth, Self::and, Expr::Or)
    }

    fn and(&mut self, depth: usize) -> Result<Expr, SelectorError> {
        self.chain("&&", depth, Self::unary, Expr::And)
    }

    fn chain(
        &mut self,
        op: &str,
        depth: usize,
        term: fn(&mut Self, usize) -> Result<Expr, SelectorError>,
        join: fn(Vec<Expr>) -> Expr,
    ) -> Result<Expr, SelectorError> {
        let first = term(self, depth)?;
        let mut terms = vec![first];
        loop {
            self.blanks();
            if !self.take(op) {
                break;
            }
            terms.push(term(self, depth)?);
        }
        Ok(match terms.pop() {
            Some(only) if terms.is_empty() => only,
            Some(last) => {
                terms.push(last);
                join(terms)
            }
            None => Expr::All,
        })
    }

    fn unary(&mut self, depth: usize) -> Result<Expr, SelectorError> {
        self.blanks();
        let mut negated = false;
        // `!=` belongs to a label, but none has been read here, so `!` is always a negation.
        while self.take("!") {
            negated = !negated;
            self.blanks();
        }
        let expr = self.operand(depth)?;
        Ok(if negated { Expr::Not(Box::new(expr)) } else { expr })
    }

    fn operand(&mut self, depth: usize) -> Result<Expr, SelectorError> {
        if self.rest().starts_with('(') {
            if depth >= MAX_DEPTH {
                return Err(self.error("fewer nested parentheses"));
            }
            self.at += 1;
            let inner = self.or(depth + 1)?;
            self.blanks();
            return if self.take(")") {
                Ok(inner)
            } else {
                Err(self.error("`)`"))
            };
        }
        if self.take("has(") {
            self.blanks();
            let label = self.label("a label")?;
            self.blanks();
            return if self.take(")") {
                Ok(Expr::Has(label))
            } else {
                Err(self.error("`)`"))
            };
        }
        for (word, expr) in [("all(", Expr::All), ("global(", Expr::Global)] {
            if self.take(word) {
                self.blanks();
                return if self.take(")") {
                    Ok(expr)
                } else {
                    Err(self.error("`)`"))
                };
            }
        }
        let label = self.label("a label, `has(`, `all()`, `global()` or `(`")?;
        self.comparison(label)
    }

    fn label(&mut self, expected: &str) -> Result<String, SelectorError> {
        let rest = self.rest();
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-'))
            .count();
        if length == 0 {
            return Err(self.error(expected));
        }
        if length > MAX_LABEL {
            return Err(self.error("a label of at most 512 characters"));
        }
        self.at += length;
        Ok(rest[..length].to_owned())
    }

    fn comparison(&mut self, label: String) -> Result<Expr, SelectorError> {
        self.blanks();
        let start = self.at;
        if self.take("==") {
            return Ok(Expr::Eq(label, self.string()?));
        }
        if self.take("!=") {
            return Ok(Expr::Ne(label, self.string()?));
        }
        if self.take("contains") {
            return Ok(Expr::Contains(label, self.string()?));
        }
        for (first, build) in [
            ("starts", Expr::StartsWith as fn(String, String) -> Expr),
            ("ends", Expr::EndsWith),
        ] {
            if self.take(first) {
                self.blanks();
                if self.take("with") {
                    return Ok(build(label, self.string()?));
                }
                return Err(self.error("`with`"));
            }
        }
        if self.take("not") {
            self.blanks();
            if self.take("in") {
                return Ok(Expr::NotIn(label, self.set()?));
            }
            return Err(self.error("`in`"));
        }
        if self.take("in") {
            return Ok(Expr::In(label, self.set()?));
        }
        self.at = start;
        Err(self.error("`==`, `!=`, `in`, `not in`, `contains`, `starts with` or `ends with`"))
    }

    fn string(&mut self) -> Result<String, SelectorError> {
        self.blanks();
        for quote in ['"', '\''] {
            let Some(body) = self.rest().strip_prefix(quote) else {
                continue;
            };
            let Some(end) = body.find(quote) else {
                return Err(self.error("a string that ends"));
            };
            self.at += end + 2;
            return Ok(body[..end].to_owned());
        }
        Err(self.error("a string in quotes"))
    }

    fn set(&mut self) -> Result<Vec<String>, SelectorError> {
        self.blanks();
        if !self.take("{") {
            return Err(self.error("`{`"));
        }
        let mut values = Vec::new();
        loop {
            self.blanks();
            if self.take("}") {
                break;
            }
            values.push(self.string()?);
            self.blanks();
            if !self.take(",") && !self.rest().starts_with('}') {
                return Err(self.error("`,` or `}`"));
            }
        }
        values.sort();
        values.dedup();
        Ok(values)
    }
}
