use super::syntax::Statement;
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
    pub(super) fn new(statement: &Statement) -> Self {
        let (kind, rest) = statement.text.split_once(' ').unwrap_or((&statement.text, ""));
        let (name, arguments) = rest
            .split_once('(')
            .map_or((rest, None), |(name, a)| (name, a.rsplit_once(')')));
        let mut filter = Filter {
            name: name.trim().trim_matches('\'').to_owned(),
            kind: kind.to_owned(),
            arguments: arguments.map(|(a, _)| a.trim().to_owned()).filter(|a| !a.is_empty()),
            rules: Vec::new(),
        };
        rules(
            statement.block.as_deref().unwrap_or_default(),
            &[],
            None,
            &mut filter.rules,
        );
        filter
    }
}

/// Adds the rules of a block whose `conditions` hold.
pub(super) fn rules(block: &[Statement], conditions: &[String], comment: Option<&str>, found: &mut Vec<Rule>) {
    let mut steps = Vec::new();
    // The conditions that an `else` denies: those of the `if` before it, and of the `else if` in between.
    let mut denied: Vec<String> = Vec::new();
    for statement in block {
        let (otherwise, text) = match statement.text.strip_prefix("else") {
            Some(rest) => (true, rest.trim()),
            None => (false, statement.text.as_str()),
        };
        let (condition, rest) = split_condition(text);
        if !otherwise {
            denied.clear();
        }
        if condition.is_none() && !otherwise {
            step(
                text,
                statement.comment.as_deref().or(comment),
                conditions,
                &mut steps,
                found,
            );
            continue;
        }
        flush(&mut steps, conditions, comment, found);
        let mut inner = conditions.to_vec();
        inner.extend(denied.iter().map(|c| format!("!({c})")));
        inner.extend(condition.map(str::to_owned));
        // Each `else if` repeats all that is denied above it; a chain of thousands must not grow with its square.
        denied.extend(condition.map(str::to_owned).filter(|_| denied.len() < MAX_DENIED));
        let comment = statement.comment.as_deref();
        match &statement.block {
            Some(block) => rules(block, &inner, comment, found),
            None => {
                let mut steps = Vec::new();
                step(rest, comment, &inner, &mut steps, found);
                flush(&mut steps, &inner, comment, found);
            }
        }
    }
    flush(&mut steps, conditions, comment, found);
}

const MAX_DENIED: usize = 20;

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

/// `((net ~ 10.0.0.0/8))` without the parentheses around it, where they belong together.
fn outer_parentheses(mut text: &str) -> &str {
    while let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        let mut depth = 0i64;
        let closes_early = inner.bytes().any(|byte| {
            depth += i64::from(byte == b'(') - i64::from(byte == b')');
            depth < 0
        });
        // A hostile `((((...` is left as it is: each level reads the whole text again.
        if closes_early || inner.len() > MAX_CONDITION {
            break;
        }
        text = inner.trim();
    }
    text
}

/// Longer than any that confd renders.
const MAX_CONDITION: usize = 10_000;

fn step(text: &str, comment: Option<&str>, conditions: &[String], steps: &mut Vec<String>, found: &mut Vec<Rule>) {
    match text {
        "" => {}
        "accept" | "reject" => {
            let rule = rule(conditions, Some(text.to_owned()), std::mem::take(steps), comment);
            found.push(rule);
        }
        _ => steps.push(text.to_owned()),
    }
}

fn flush(steps: &mut Vec<String>, conditions: &[String], comment: Option<&str>, found: &mut Vec<Rule>) {
    if !steps.is_empty() {
        found.push(rule(conditions, None, std::mem::take(steps), comment));
    }
}

fn rule(conditions: &[String], action: Option<String>, steps: Vec<String>, comment: Option<&str>) -> Rule {
    let network = conditions
        .iter()
        .rev()
        .filter(|c| !c.starts_with("!("))
        .find_map(|c| network(c));
    Rule {
        conditions: conditions.to_vec(),
        network: network.map(|(n, _)| n.to_owned()),
        exact: network.is_some_and(|(_, exact)| exact),
        action,
        steps,
        comment: comment.map(str::to_owned),
    }
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
