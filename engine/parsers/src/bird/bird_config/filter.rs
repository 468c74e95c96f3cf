use super::syntax::Statement;
use crate::ParseError;
use serde::Serialize;

/// A filter or a function.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Filter {
    /// Without quotes.
    pub name: String,
    /// `filter` or `function`.
    pub kind: String,
    /// Of a function, as written: `bool internal_peer`.
    pub arguments: Option<String>,
    /// In order; the first that holds and has an action ends the filter.
    pub rules: Vec<Rule>,
}

/// A decision, or what is done on the way to one.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Rule {
    /// Conditions that all have to hold, the outermost first; empty for what is always done.
    pub conditions: Vec<String>,
    /// The network of the innermost condition of the form `net ~ NETWORK` or `net = NETWORK`.
    pub network: Option<String>,
    /// `=`: only this very network, not the ones within.
    pub exact: bool,
    /// `accept` or `reject`; `null` for a step that decides nothing.
    pub action: Option<String>,
    /// What is done before: assignments (`krt_metric = 1024`) and calls (`calico_aggr()`).
    pub steps: Vec<String>,
    /// The comment behind it, where confd says why: `BGP export is disabled.`
    pub comment: Option<String>,
}

impl Filter {
    pub(super) fn new(statement: &Statement) -> Result<Self, ParseError> {
        let (kind, rest) = statement.text.split_once(' ').unwrap_or((&statement.text, ""));
        let (name, arguments) = rest
            .split_once('(')
            .map_or((rest, None), |(name, a)| (name, a.rsplit_once(')')));
        Ok(Filter {
            name: name.trim().trim_matches('\'').to_owned(),
            kind: kind.to_owned(),
            arguments: arguments.map(|(a, _)| a.trim().to_owned()).filter(|a| !a.is_empty()),
            rules: rules(statement.block.as_deref().unwrap_or_default())?,
        })
    }
}

/// The rules of a filter's block, flattened.
pub(super) fn rules(block: &[Statement]) -> Result<Vec<Rule>, ParseError> {
    let mut found = Vec::new();
    Scope {
        conditions: Vec::new(),
        comment: None,
    }
    .block(block, &mut found)?;
    Ok(found)
}

/// What holds where a block is read.
struct Scope<'a> {
    conditions: Vec<String>,
    /// The comment behind the block.
    comment: Option<&'a str>,
}

/// Every rule repeats the conditions it stands under, so they are bounded. confd renders less than a tenth of it.
const MAX_CONDITIONS: usize = 2_000;

impl<'a> Scope<'a> {
    fn block(&self, block: &'a [Statement], found: &mut Vec<Rule>) -> Result<(), ParseError> {
        let mut steps = Vec::new();
        // What an `else` denies: the `if` before it, and each `else if` in between.
        let mut denied: Vec<String> = Vec::new();
        for statement in block {
            let otherwise = statement.text.strip_prefix("else").map(str::trim);
            let (condition, rest) = split_condition(otherwise.unwrap_or(&statement.text));
            if otherwise.is_none() {
                denied.clear();
                if condition.is_none() {
                    self.step(rest, statement.comment.as_deref(), &mut steps, found);
                    continue;
                }
            }
            self.flush(&mut steps, found);
            let inner = self.inside(&denied, condition, statement)?;
            denied.extend(condition.map(|c| format!("!({c})")));
            match &statement.block {
                Some(block) => inner.block(block, found)?,
                None => {
                    let mut steps = Vec::new();
                    inner.step(rest, None, &mut steps, found);
                    inner.flush(&mut steps, found);
                }
            }
        }
        self.flush(&mut steps, found);
        Ok(())
    }

    fn inside(&self, denied: &[String], condition: Option<&str>, statement: &'a Statement) -> Result<Self, ParseError> {
        let conditions = [&self.conditions, denied]
            .concat()
            .into_iter()
            .chain(condition.map(str::to_owned));
        let conditions: Vec<String> = conditions.collect();
        if conditions.iter().map(String::len).sum::<usize>() > MAX_CONDITIONS {
            let expected = format!("conditions of less than {MAX_CONDITIONS} characters");
            return Err(ParseError::new(statement.line, &statement.text, expected));
        }
        Ok(Scope {
            conditions,
            comment: statement.comment.as_deref(),
        })
    }

    fn step(&self, text: &str, comment: Option<&str>, steps: &mut Vec<String>, found: &mut Vec<Rule>) {
        match text {
            "" => {}
            "accept" | "reject" => found.push(self.rule(Some(text), std::mem::take(steps), comment)),
            _ => steps.push(text.to_owned()),
        }
    }

    fn flush(&self, steps: &mut Vec<String>, found: &mut Vec<Rule>) {
        if !steps.is_empty() {
            found.push(self.rule(None, std::mem::take(steps), None));
        }
    }

    fn rule(&self, action: Option<&str>, steps: Vec<String>, comment: Option<&str>) -> Rule {
        let asked = self.conditions.iter().rev().filter(|c| !c.starts_with("!("));
        let network = asked.into_iter().find_map(|c| network(c));
        Rule {
            conditions: self.conditions.clone(),
            network: network.map(|(n, _)| n.to_owned()),
            exact: network.is_some_and(|(_, exact)| exact),
            action: action.map(str::to_owned),
            steps,
            comment: comment.or(self.comment).map(str::to_owned),
        }
    }
}

/// `if COND then REST`
fn split_condition(text: &str) -> (Option<&str>, &str) {
    let condition = text.strip_prefix("if").and_then(|rest| {
        let then = rest.rfind(" then")?;
        rest.starts_with([' ', '('])
            .then_some((&rest[..then], rest[then + " then".len()..].trim()))
    });
    match condition {
        Some((condition, rest)) => (Some(outer_parentheses(condition.trim())), rest),
        None => (None, text),
    }
}

/// `((net ~ 10.0.0.0/8))` without the parentheses around it, where they belong together. Two levels, as each reads the
/// text again.
fn outer_parentheses(mut text: &str) -> &str {
    for _ in 0..2 {
        let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) else {
            break;
        };
        let mut depth = 0i64;
        let closes_early = inner.bytes().any(|byte| {
            depth += i64::from(byte == b'(') - i64::from(byte == b')');
            depth < 0
        });
        if closes_early {
            break;
        }
        text = inner.trim();
    }
    text
}

/// The network in `net ~ 10.65.0.0/16 && krt_metric < 1024` or `net ~ [ 10.65.0.0/16{24,32} ]`, and whether it is `=`.
fn network(condition: &str) -> Option<(&str, bool)> {
    let at = condition.find("net ~ ").or_else(|| condition.find("net = "))?;
    let rest = condition[at + "net ~ ".len()..].trim_start_matches(['[', ' ']);
    let end = rest
        .find(|c: char| !c.is_ascii_hexdigit() && !matches!(c, '.' | ':' | '/'))
        .unwrap_or(rest.len());
    let exact = condition.as_bytes().get(at + 4) == Some(&b'=');
    rest[..end].contains('/').then_some((&rest[..end], exact))
}
