//! A rule as it is kept: its text, and where the parts of it are.
//!
//! A copy of each word, or a pointer to it, would take several times the memory of the text, and filling that memory more
//! time than reading: 100,000 rules stay below 12 MB this way.

use super::words::{Span, unquote};
use super::{Match, Operand, Rule, TargetOption};
use serde::{Serialize, Serializer};
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stored<'a> {
    pub(super) text: &'a str,
    packets: u64,
    bytes: u64,
    /// Where its parts are in the list of the table.
    pub(super) parts: (u32, u32),
    pub(super) chain: Span,
    source: Span,
    destination: Span,
    pub(super) protocol: Span,
    in_interface: Span,
    out_interface: Span,
    pub(super) jump: Span,
    pub(super) goto: Span,
    counted: bool,
    /// A bit for each letter of [`OPERANDS`].
    negated: u8,
}

const OPERANDS: &[u8] = b"sdpio";

impl Stored<'_> {
    pub(super) fn count(&mut self, packets: u64, bytes: u64) {
        (self.packets, self.bytes, self.counted) = (packets, bytes, true);
    }

    pub(super) fn operand(&mut self, flag: u8, value: Span, negated: bool) {
        let bit = bit(flag);
        self.negated = if negated {
            self.negated | bit
        } else {
            self.negated & !bit
        };
        match flag {
            b's' => self.source = value,
            b'd' => self.destination = value,
            b'p' => self.protocol = value,
            b'i' => self.in_interface = value,
            _ => self.out_interface = value,
        }
    }
}

fn bit(flag: u8) -> u8 {
    OPERANDS.iter().position(|f| *f == flag).map_or(0, |at| 1 << at)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    #[default]
    Match,
    /// `-f`, which names neither module nor option.
    Fragment,
    Comment,
    TargetOption,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) negated: bool,
    pub(super) module: Span,
    pub(super) option: Span,
    pub(super) value: Span,
}

/// All rules of a table, chain by chain.
#[derive(Debug, Default)]
pub(super) struct Store<'a> {
    pub(super) rules: Vec<Stored<'a>>,
    pub(super) parts: Vec<Part>,
}

impl<'a> Store<'a> {
    fn rule(&self, stored: &Stored<'a>) -> Rule<'a> {
        let text = stored.text;
        let operand = |flag: u8, span: Span| {
            let negated = stored.negated & bit(flag) != 0;
            span.of(text).map(|value| Operand { value, negated })
        };
        let mut rule = Rule {
            chain: stored.chain.of(text).unwrap_or_default(),
            packets: stored.counted.then_some(stored.packets),
            bytes: stored.counted.then_some(stored.bytes),
            source: operand(b's', stored.source),
            destination: operand(b'd', stored.destination),
            protocol: operand(b'p', stored.protocol),
            in_interface: operand(b'i', stored.in_interface),
            out_interface: operand(b'o', stored.out_interface),
            jump: stored.jump.of(text),
            goto: stored.goto.of(text),
            text,
            ..Rule::default()
        };
        let parts = stored.parts.0 as usize..stored.parts.1 as usize;
        for part in self.parts.get(parts).unwrap_or_default() {
            part.add_to(&mut rule);
        }
        rule
    }
}

impl Part {
    fn add_to(&self, rule: &mut Rule<'_>) {
        let (option, value) = (self.option.of(rule.text), self.value.of(rule.text).map(unquote));
        let negated = self.negated;
        match self.kind {
            Kind::Match => rule.matches.push(Match {
                module: self.module.of(rule.text).unwrap_or_default(),
                option,
                value,
                negated,
            }),
            Kind::Fragment => rule.matches.push(Match {
                module: "ip",
                option: Some("fragment"),
                value: None,
                negated,
            }),
            Kind::Comment => rule.comments.extend(value),
            Kind::TargetOption => rule.target_options.push(TargetOption {
                option: option.unwrap_or_default(),
                value,
            }),
        }
    }
}

/// The rules of a chain, in evaluation order; reads like a slice.
#[derive(Clone, Default)]
pub struct Rules<'a> {
    store: Option<Arc<Store<'a>>>,
    start: u32,
    end: u32,
    /// Made when somebody looks: most chains of a busy node are never looked at.
    made: OnceLock<Vec<Rule<'a>>>,
}

impl<'a> Rules<'a> {
    /// A part of the rules of a table. A text with more than 2^32 rules does not fit any memory.
    pub(super) fn of(store: &Arc<Store<'a>>, range: Range<usize>) -> Self {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Rules {
            store: Some(Arc::clone(store)),
            start: narrow(range.start),
            end: narrow(range.end),
            made: OnceLock::new(),
        }
    }

    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn make(&self) -> impl Iterator<Item = Rule<'a>> {
        let range = self.start as usize..self.end as usize;
        let stores = self.store.iter();
        stores.flat_map(move |store| {
            let stored = store.rules.get(range.clone()).unwrap_or_default();
            stored.iter().map(|stored| store.rule(stored))
        })
    }
}

impl<'a> Deref for Rules<'a> {
    type Target = [Rule<'a>];

    fn deref(&self) -> &[Rule<'a>] {
        self.made.get_or_init(|| self.make().collect())
    }
}

impl<'r, 'a> IntoIterator for &'r Rules<'a> {
    type Item = &'r Rule<'a>;
    type IntoIter = std::slice::Iter<'r, Rule<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Rules<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.make().eq(other.make())
    }
}

impl fmt::Debug for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.make()).finish()
    }
}

impl Serialize for Rules<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.make())
    }
}
