use super::{Counter, Fragment, Rule};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

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
        self.options.starts_with(GOTO)
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
        let mut rest = self.options.strip_prefix(GOTO).unwrap_or(self.options);
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

/// What scripts see.
#[derive(Serialize)]
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

impl Serialize for Rule<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (comments, details) = self.parts();
        let Rule {
            number,
            counter,
            target,
            protocol,
            fragment,
            in_interface,
            out_interface,
            source,
            destination,
            ..
        } = *self;
        let goto = self.goto();
        View {
            number,
            counter,
            target,
            goto,
            protocol,
            fragment,
            in_interface,
            out_interface,
            source,
            destination,
            comments,
            details,
        }
        .serialize(serializer)
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
