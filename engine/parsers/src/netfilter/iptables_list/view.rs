//! Rules as scripts see them, with what stands behind the columns taken apart.

use super::{Counter, Fragment, Rule, Rules};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A value of the packet header that a rule asks for, or asks not to be: `cali+`, `!cali+`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand<'a>(pub(super) &'a str);

impl<'a> Operand<'a> {
    pub fn value(&self) -> &'a str {
        self.0.strip_prefix('!').unwrap_or(self.0)
    }

    pub fn negated(&self) -> bool {
        self.0.starts_with('!')
    }
}

const GOTO: &str = "[goto]";

impl<'a> Rule<'a> {
    /// Whether the target does not return to this chain.
    pub fn goto(&self) -> bool {
        self.options().starts_with(GOTO)
    }

    pub fn comments(&self) -> Vec<&'a str> {
        self.parts().0
    }

    /// Matches and options of the target as printed, without the comments: `ctstate NEW MARK or 0x10000`.
    pub fn details(&self) -> Option<Cow<'a, str>> {
        self.parts().1
    }

    /// Takes `[goto] /* cali:Cz_u1IQiXIMmKD4c */ ctstate NEW /* a second one */` apart.
    fn parts(&self) -> (Vec<&'a str>, Option<Cow<'a, str>>) {
        let mut comments = Vec::new();
        let mut details: Option<Cow<'a, str>> = None;
        let mut add = |part: &'a str| {
            let part = part.trim_ascii();
            match &mut details {
                _ if part.is_empty() => {}
                None => details = Some(Cow::Borrowed(part)),
                Some(before) => before.to_mut().extend([" ", part]),
            }
        };
        let mut rest = self.options().strip_prefix(GOTO).unwrap_or(self.options());
        while let Some((before, after)) = rest.split_once("/* ") {
            let Some((comment, after)) = after.split_once(" */") else {
                break;
            };
            add(before);
            comments.push(comment);
            rest = after;
        }
        add(rest);
        (comments, details)
    }
}

#[derive(Debug, PartialEq, Serialize)]
struct View<'a> {
    number: Option<u32>,
    counter: Option<Counter>,
    target: Option<&'a str>,
    goto: bool,
    protocol: Option<Operand<'a>>,
    fragment: Option<Fragment>,
    in_interface: Option<Operand<'a>>,
    out_interface: Option<Operand<'a>>,
    source: Option<Operand<'a>>,
    destination: Option<Operand<'a>>,
    comments: Vec<&'a str>,
    details: Option<Cow<'a, str>>,
}

impl<'a> From<Rule<'a>> for View<'a> {
    fn from(rule: Rule<'a>) -> Self {
        let (comments, details) = rule.parts();
        View {
            number: rule.number(),
            counter: rule.counter(),
            target: rule.target(),
            goto: rule.goto(),
            protocol: rule.protocol(),
            fragment: rule.fragment(),
            in_interface: rule.in_interface(),
            out_interface: rule.out_interface(),
            source: rule.source(),
            destination: rule.destination(),
            comments,
            details,
        }
    }
}

impl Serialize for Rule<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        View::from(*self).serialize(serializer)
    }
}

impl fmt::Debug for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        View::from(*self).fmt(f)
    }
}

impl PartialEq for Rule<'_> {
    fn eq(&self, other: &Self) -> bool {
        View::from(*self) == View::from(*other)
    }
}

impl Serialize for Rules<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Serialize for Operand<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::netfilter::iptables_save::Operand {
            value: self.value(),
            negated: self.negated(),
        }
        .serialize(serializer)
    }
}
