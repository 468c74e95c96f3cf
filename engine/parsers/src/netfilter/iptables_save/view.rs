//! Rules as scripts see them.

use super::{Match, Operand, Rule, Rules, TargetOption};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

#[derive(Debug, PartialEq, Serialize)]
struct View<'a> {
    chain: &'a str,
    packets: Option<u64>,
    bytes: Option<u64>,
    source: Option<Operand<'a>>,
    destination: Option<Operand<'a>>,
    protocol: Option<Operand<'a>>,
    in_interface: Option<Operand<'a>>,
    out_interface: Option<Operand<'a>>,
    matches: Vec<Match<'a>>,
    comments: Vec<Cow<'a, str>>,
    jump: Option<&'a str>,
    goto: Option<&'a str>,
    target_options: Vec<TargetOption<'a>>,
    text: &'a str,
}

impl<'a> From<Rule<'a>> for View<'a> {
    fn from(rule: Rule<'a>) -> Self {
        View {
            chain: rule.chain(),
            packets: rule.packets(),
            bytes: rule.bytes(),
            source: rule.source(),
            destination: rule.destination(),
            protocol: rule.protocol(),
            in_interface: rule.in_interface(),
            out_interface: rule.out_interface(),
            matches: rule.matches().collect(),
            comments: rule.comments().collect(),
            jump: rule.jump(),
            goto: rule.goto(),
            target_options: rule.target_options().collect(),
            text: rule.text(),
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
