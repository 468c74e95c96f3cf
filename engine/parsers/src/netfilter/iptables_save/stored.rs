//! A rule as it is kept: its text, and where the parts of it are.
//!
//! A copy of each word, or a pointer to it, would take several times the memory of the text, and filling that memory more
//! time than reading: 100,000 rules stay below 12 MB this way.

use super::words::{Span, unquote};
use super::{Match, Operand, Rule, TargetOption};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

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

/// The rules of a chain, in evaluation order.
#[derive(Clone, Default)]
pub struct Rules<'a> {
    store: Option<Arc<Store<'a>>>,
    start: u32,
    end: u32,
}

impl<'a> Rules<'a> {
    /// A part of the rules of a table. A text with more than 2^32 rules does not fit any memory.
    pub(super) fn of(store: &Arc<Store<'a>>, range: Range<usize>) -> Self {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Rules {
            store: Some(Arc::clone(store)),
            start: narrow(range.start),
            end: narrow(range.end),
        }
    }

    pub fn len(&self) -> usize {
        self.stored().len()
    }

    pub fn is_empty(&self) -> bool {
        self.stored().is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = Rule<'_>> {
        let parts = self.store.as_deref().map(|s| s.parts.as_slice()).unwrap_or_default();
        self.stored().iter().map(|stored| Rule {
            stored,
            parts: parts
                .get(stored.parts.0 as usize..stored.parts.1 as usize)
                .unwrap_or_default(),
        })
    }

    fn stored(&self) -> &[Stored<'a>] {
        let all = self.store.as_deref().map(|s| s.rules.as_slice()).unwrap_or_default();
        all.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl PartialEq for Rules<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What a rule says. Parts that it does not name are `None`, which means "any".
impl<'a> Rule<'a> {
    pub fn chain(&self) -> &'a str {
        self.word(self.stored.chain).unwrap_or_default()
    }

    /// Packets that matched, with `-c` only.
    pub fn packets(&self) -> Option<u64> {
        self.stored.counted.then_some(self.stored.packets)
    }

    pub fn bytes(&self) -> Option<u64> {
        self.stored.counted.then_some(self.stored.bytes)
    }

    /// `-s`, a CIDR.
    pub fn source(&self) -> Option<Operand<'a>> {
        self.operand(b's', self.stored.source)
    }

    pub fn destination(&self) -> Option<Operand<'a>> {
        self.operand(b'd', self.stored.destination)
    }

    /// A name (`tcp`, `ipencap`) or a number.
    pub fn protocol(&self) -> Option<Operand<'a>> {
        self.operand(b'p', self.stored.protocol)
    }

    /// A name; a trailing `+` means "starts with".
    pub fn in_interface(&self) -> Option<Operand<'a>> {
        self.operand(b'i', self.stored.in_interface)
    }

    pub fn out_interface(&self) -> Option<Operand<'a>> {
        self.operand(b'o', self.stored.out_interface)
    }

    /// One entry per option of a match module, in order; all of them have to hold. Comments are not in here.
    pub fn matches(self) -> impl Iterator<Item = Match<'a>> {
        self.parts.iter().filter_map(move |part| match part.kind {
            Kind::Match => Some(Match {
                module: self.word(part.module).unwrap_or_default(),
                option: self.word(part.option),
                value: self.word(part.value).map(unquote),
                negated: part.negated,
            }),
            Kind::Fragment => Some(Match {
                module: "ip",
                option: Some("fragment"),
                value: None,
                negated: part.negated,
            }),
            Kind::Comment | Kind::TargetOption => None,
        })
    }

    pub fn comments(self) -> impl Iterator<Item = std::borrow::Cow<'a, str>> {
        let comments = self.parts.iter().filter(|part| part.kind == Kind::Comment);
        comments.filter_map(move |part| self.word(part.value).map(unquote))
    }

    /// `-j`: the target, or the chain that returns to here.
    pub fn jump(&self) -> Option<&'a str> {
        self.word(self.stored.jump)
    }

    /// `-g`: the chain that returns to the caller of this one.
    pub fn goto(&self) -> Option<&'a str> {
        self.word(self.stored.goto)
    }

    /// Options of the target: `set-xmark` `0x0/0x20000`.
    pub fn target_options(self) -> impl Iterator<Item = TargetOption<'a>> {
        let options = self.parts.iter().filter(|part| part.kind == Kind::TargetOption);
        options.map(move |part| TargetOption {
            option: self.word(part.option).unwrap_or_default(),
            value: self.word(part.value).map(unquote),
        })
    }

    /// The rule as printed, without counters.
    pub fn text(&self) -> &'a str {
        self.stored.text
    }

    fn word(&self, span: Span) -> Option<&'a str> {
        span.of(self.stored.text)
    }

    fn operand(&self, flag: u8, span: Span) -> Option<Operand<'a>> {
        let negated = self.stored.negated & bit(flag) != 0;
        self.word(span).map(|value| Operand { value, negated })
    }
}
