use super::{Operand, Rule, counter};
use std::borrow::Cow;

/// Which columns a listing has. They cannot be cut at fixed places: names longer than a column push the others to the right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    numbers: bool,
    counters: bool,
}

impl Columns {
    /// `num   pkts bytes target     prot opt in     out     source               destination`
    pub(super) fn new(header: &str) -> Option<Self> {
        let mut words = header.split_ascii_whitespace().peekable();
        let numbers = words.next_if_eq(&"num").is_some();
        let counters = words.next_if_eq(&"pkts").is_some();
        let rest: &[&str] = match counters {
            true => &["bytes", "target", "prot", "opt", "in", "out", "source", "destination"],
            false => &["target", "prot", "opt", "source", "destination"],
        };
        words.eq(rest.iter().copied()).then_some(Columns { numbers, counters })
    }

    pub(super) fn rule<'a>(&self, line: &'a str) -> Option<Rule<'a>> {
        let mut words = Words { rest: line };
        let mut rule = Rule::default();
        if self.numbers {
            rule.number = Some(words.next()?.parse().ok()?);
        }
        if self.counters {
            rule.counter = Some(counter(words.next()?, words.next()?)?);
        }
        // A rule without target leaves its column blank, and ip6tables leaves `opt` blank.
        let ahead = words.ahead();
        let opt = ahead.iter().take(3).position(|w| is_opt(w));
        let has_target = match opt {
            Some(at) => at == 2,
            None => is_address(ahead[if self.counters { 5 } else { 3 }]),
        };
        if has_target {
            rule.target = words.next();
        }
        rule.protocol = operand(words.next()?, &["0", "all"]);
        if opt.is_some() {
            rule.fragment = words.next().filter(|opt| *opt != "--");
        }
        if self.counters {
            rule.in_interface = operand(words.next()?, &["*", "any"]);
            rule.out_interface = operand(words.next()?, &["*", "any"]);
        }
        rule.source = operand(words.next()?, &["0.0.0.0/0", "::/0", "anywhere"]);
        rule.destination = operand(words.next()?, &["0.0.0.0/0", "::/0", "anywhere"]);
        details(&mut rule, words.rest.trim_ascii_start());
        Some(rule)
    }
}

fn is_opt(word: &str) -> bool {
    matches!(word, "--" | "-f" | "!f")
}

fn is_address(word: &str) -> bool {
    let address = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'/' | b'!');
    word == "anywhere" || (word.contains([':', '/']) && word.bytes().all(address))
}

fn operand<'a>(word: &'a str, any: &[&str]) -> Option<Operand<'a>> {
    let (value, negated) = word.strip_prefix('!').map_or((word, false), |value| (value, true));
    (negated || !any.contains(&value)).then_some(Operand { value, negated })
}

/// `[goto] /* cali:Cz_u1IQiXIMmKD4c */ ctstate NEW /* a second one */`
fn details<'a>(rule: &mut Rule<'a>, text: &'a str) {
    let mut rest = text;
    let mut found: Option<Cow<'a, str>> = None;
    let mut add = |part: &'a str| {
        let part = part.trim_ascii();
        if !part.is_empty() {
            found = Some(match found.take() {
                None => Cow::Borrowed(part),
                Some(before) => Cow::Owned(before.into_owned() + " " + part),
            });
        }
    };
    if let Some(after) = rest.strip_prefix("[goto]") {
        (rule.goto, rest) = (true, after);
    }
    while let Some((before, after)) = rest.split_once("/* ") {
        let Some((comment, after)) = after.split_once(" */") else {
            break;
        };
        add(before);
        rule.comments.push(comment);
        rest = after;
    }
    add(rest);
    rule.details = found;
}

struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_ascii_start();
        let end = text.bytes().position(|b| b == b' ').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        Some(word).filter(|w| !w.is_empty())
    }

    /// The next words, without taking them.
    fn ahead(&self) -> [&'a str; 6] {
        let mut words = Words { rest: self.rest };
        std::array::from_fn(|_| words.next().unwrap_or_default())
    }
}
