//! A rule as it is kept: its line, and where its columns are. 50 MB of rules would be 60 MB of pointers otherwise.

use super::{Counter, Fragment, Operand, Rule};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Where a word stands in the line of its rule; empty for what is not there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Word {
    start: u16,
    end: u16,
}

impl Word {
    /// `None` for a word so far to the right that 16 bits do not reach it: no rule is that long.
    pub(super) fn of((start, end): (usize, usize)) -> Option<Self> {
        Some(Word {
            start: u16::try_from(start).ok()?,
            end: u16::try_from(end).ok()?,
        })
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stored<'a> {
    pub(super) line: &'a str,
    packets: u64,
    bytes: u64,
    counted: bool,
    exact: bool,
    pub(super) fragment: Option<Fragment>,
    /// Counted from 1; 0 without numbers.
    pub(super) number: u32,
    pub(super) target: Word,
    pub(super) protocol: Word,
    pub(super) in_interface: Word,
    pub(super) out_interface: Word,
    pub(super) source: Word,
    pub(super) destination: Word,
    pub(super) columns_end: u16,
}

impl Stored<'_> {
    pub(super) fn count(&mut self, packets: (u64, bool), bytes: (u64, bool)) {
        (self.packets, self.bytes) = (packets.0, bytes.0);
        (self.counted, self.exact) = (true, packets.1 && bytes.1);
    }
}

/// The rules of a chain, in evaluation order.
#[derive(Clone, Default)]
pub struct Rules<'a> {
    all: Option<Arc<Vec<Stored<'a>>>>,
    start: u32,
    end: u32,
}

impl<'a> Rules<'a> {
    /// A part of a list that is still being filled; [`Rules::fill`] names the list when it is complete.
    pub(super) fn at(range: Range<usize>) -> Self {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Rules {
            all: None,
            start: narrow(range.start),
            end: narrow(range.end),
        }
    }

    pub(super) fn fill(&mut self, all: &Arc<Vec<Stored<'a>>>) {
        self.all = Some(Arc::clone(all));
    }

    pub fn len(&self) -> usize {
        self.stored().len()
    }

    pub fn is_empty(&self) -> bool {
        self.stored().is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = Rule<'_>> {
        self.stored().iter().map(|stored| Rule { stored })
    }

    fn stored(&self) -> &[Stored<'a>] {
        let all = self.all.as_deref().map(Vec::as_slice).unwrap_or_default();
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
    /// 1-based, with `--line-numbers`.
    pub fn number(&self) -> Option<u32> {
        (self.stored.number > 0).then_some(self.stored.number)
    }

    /// With `-v`.
    pub fn counter(&self) -> Option<Counter> {
        self.stored.counted.then_some(Counter {
            packets: self.stored.packets,
            bytes: self.stored.bytes,
            exact: self.stored.exact,
        })
    }

    /// `None` for a rule that only counts.
    pub fn target(&self) -> Option<&'a str> {
        self.word(self.stored.target)
    }

    /// As printed: a name, or a number since iptables 1.8.9 (6 is TCP, 17 UDP, 1 ICMP).
    pub fn protocol(&self) -> Option<Operand<'a>> {
        self.word(self.stored.protocol).map(Operand)
    }

    /// `-f` or `!f`: fragments only, or all but fragments.
    pub fn fragment(&self) -> Option<Fragment> {
        self.stored.fragment
    }

    /// With `-v`. A trailing `+` means "starts with".
    pub fn in_interface(&self) -> Option<Operand<'a>> {
        self.word(self.stored.in_interface).map(Operand)
    }

    pub fn out_interface(&self) -> Option<Operand<'a>> {
        self.word(self.stored.out_interface).map(Operand)
    }

    pub fn source(&self) -> Option<Operand<'a>> {
        self.word(self.stored.source).map(Operand)
    }

    pub fn destination(&self) -> Option<Operand<'a>> {
        self.word(self.stored.destination).map(Operand)
    }

    /// What stands behind the columns.
    pub fn options(&self) -> &'a str {
        let rest = self.stored.line.get(self.stored.columns_end.into()..);
        rest.unwrap_or_default().trim_ascii_start()
    }

    fn word(&self, word: Word) -> Option<&'a str> {
        (word.end > 0).then(|| {
            self.stored
                .line
                .get(word.start.into()..word.end.into())
                .unwrap_or_default()
        })
    }
}
