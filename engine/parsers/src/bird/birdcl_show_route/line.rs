//! The line of a route: `10.65.74.192/26    via 198.18.0.2 on eth0 [Mesh_198_18_0_2 16:30:58 from 198.18.0.3] * (100/0) [AS65001i]`.

use super::NextHop;
use crate::text::{leading_number, word_end};

/// A place in a line; empty for what is not there. 16 bits, so that 100,000 routes stay in the processor's cache.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Span {
    pub(super) start: u16,
    pub(super) end: u16,
}

impl Span {
    pub(super) fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// The same place for a line that begins so much later; `None` where 16 bits do not reach.
    pub(super) fn moved(self, by: u16) -> Option<Self> {
        if self.is_empty() {
            return Some(self);
        }
        Some(Span {
            start: self.start.checked_add(by)?,
            end: self.end.checked_add(by)?,
        })
    }

    /// The word in a text, in which the line begins at `line`.
    pub(super) fn of(self, text: &str, line: usize) -> Option<&str> {
        let place = line + usize::from(self.start)..line + usize::from(self.end);
        (!self.is_empty()).then(|| text.get(place).unwrap_or_default())
    }
}

/// [`read`] and [`Cursor::new`] refuse lines that need more bits.
fn span(start: usize, end: usize) -> Span {
    Span {
        start: start as u16,
        end: end as u16,
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Hop {
    pub(super) via: Span,
    pub(super) dev: Span,
    pub(super) weight: Option<u32>,
    pub(super) onlink: bool,
}

impl Hop {
    pub(super) fn of<'a>(&self, text: &'a str) -> NextHop<'a> {
        NextHop {
            via: self.via.of(text, 0),
            dev: self.dev.of(text, 0),
            weight: self.weight,
            onlink: self.onlink,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    Via,
    Dev,
    #[default]
    Unicast,
    Multipath,
    Blackhole,
    Unreachable,
    Prohibited,
    Prohibit,
}

/// What a line says, and where.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    pub(super) network: Span,
    pub(super) kind: Kind,
    pub(super) via: Span,
    pub(super) dev: Span,
    pub(super) onlink: bool,
    pub(super) protocol: Span,
    pub(super) since: Span,
    pub(super) from: Span,
    pub(super) best: bool,
    pub(super) sync_error: bool,
    pub(super) preference: u32,
    pub(super) metric: Option<u32>,
    pub(super) origin: Option<Origin>,
    pub(super) origin_as: Option<u32>,
    pub(super) other: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Igp,
    Egp,
    Incomplete,
}

/// The words of a line.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// `None` for a line that is longer than a place in it can say: none of BIRD is.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        u16::try_from(text.len()).ok()?;
        let mut cursor = Cursor {
            bytes: text.as_bytes(),
            at: 0,
        };
        cursor.skip_blanks();
        Some(cursor)
    }

    /// The first byte of the next word.
    pub(super) fn ahead(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn next(&mut self) -> Option<Span> {
        let start = self.at;
        self.at = word_end(self.bytes, start);
        let word = span(start, self.at);
        self.skip_blanks();
        (!word.is_empty()).then_some(word)
    }

    fn skip_blanks(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn text(&self, place: Span) -> &'a [u8] {
        self.bytes.get(place.start.into()..place.end.into()).unwrap_or_default()
    }

    fn number(&self, place: Span) -> Option<u32> {
        let (number, rest) = leading_number(self.text(place))?;
        u32::try_from(number).ok().filter(|_| rest.is_empty())
    }

    /// Up to `[` or the end of the line: `via 198.18.0.2 on eth0 onlink weight 1`.
    pub(super) fn hop(&mut self) -> Option<Hop> {
        let mut hop = Hop::default();
        while self.ahead().is_some_and(|byte| byte != b'[') {
            let word = self.next()?;
            match self.text(word) {
                b"via" => hop.via = self.next()?,
                b"on" | b"dev" => hop.dev = self.next()?,
                b"weight" => {
                    let weight = self.next()?;
                    hop.weight = Some(self.number(weight)?);
                }
                b"onlink" => hop.onlink = true,
                _ => return None,
            }
        }
        Some(hop)
    }

    fn kind(&mut self, read: &mut Read) -> Option<()> {
        let before = self.at;
        let word = self.next()?;
        read.kind = match self.text(word) {
            b"via" | b"dev" => {
                self.at = before;
                let hop = self.hop()?;
                (read.via, read.dev, read.onlink) = (hop.via, hop.dev, hop.onlink);
                if hop.via.is_empty() { Kind::Dev } else { Kind::Via }
            }
            b"unicast" => Kind::Unicast,
            b"multipath" => Kind::Multipath,
            b"blackhole" => Kind::Blackhole,
            b"unreachable" => Kind::Unreachable,
            b"prohibited" => Kind::Prohibited,
            b"prohibit" => Kind::Prohibit,
            _ => return None,
        };
        Some(())
    }

    /// `[Mesh_198_18_0_2 16:30:58 from 198.18.0.3]`; the time may be a date, or a date and a time.
    fn source(&mut self, read: &mut Read) -> Option<()> {
        (self.ahead() == Some(b'[')).then_some(())?;
        let start = self.at + 1;
        let end = start + memchr::memchr(b']', self.bytes.get(start..)?)?;
        let mut inner = Cursor {
            bytes: self.bytes.get(..end)?,
            at: start,
        };
        inner.skip_blanks();
        read.protocol = inner.next()?;
        read.since = inner.next()?;
        let date = self.text(read.since);
        // Most are times: only a date can have a time behind it.
        if date.len() >= 8 && date[2..].contains(&b'-') && inner.ahead().is_some_and(|b| b.is_ascii_digit()) {
            read.since.end = inner.next()?.end;
        }
        if inner.ahead().is_some() {
            let word = inner.next()?;
            (self.text(word) == b"from").then_some(())?;
            read.from = inner.next()?;
            inner.ahead().is_none().then_some(())?;
        }
        self.at = end + 1;
        self.skip_blanks();
        Some(())
    }

    /// `* (100/0) [AS65001i]`
    fn rank(&mut self, read: &mut Read) -> Option<()> {
        match self.ahead()? {
            b'*' => read.best = true,
            b'!' => read.sync_error = true,
            _ => {}
        }
        if read.best || read.sync_error {
            self.at += 1;
            self.skip_blanks();
        }
        (self.ahead()? == b'(').then_some(())?;
        let start = self.at + 1;
        let end = start + memchr::memchr(b')', self.bytes.get(start..)?)?;
        let slash = memchr::memchr(b'/', self.bytes.get(start..end)?).map(|at| start + at);
        read.preference = self.number(span(start, slash.unwrap_or(end)))?;
        // A dash: the next hop cannot be reached.
        read.metric = slash.and_then(|at| self.number(span(at + 1, end)));
        self.at = end + 1;
        self.skip_blanks();
        let rest = span(self.at, self.at + self.bytes.get(self.at..)?.trim_ascii_end().len());
        if !rest.is_empty() && self.origin(read, rest).is_none() {
            read.other = rest;
        }
        Some(())
    }

    /// `[i]`, `[AS65001i]`, `[AS65001?]`
    fn origin(&self, read: &mut Read, place: Span) -> Option<()> {
        let inner = self.text(place).strip_prefix(b"[")?.strip_suffix(b"]")?;
        let (last, path) = inner.split_last()?;
        let origin = match last {
            b'i' => Origin::Igp,
            b'e' => Origin::Egp,
            b'?' => Origin::Incomplete,
            _ => return None,
        };
        if !path.is_empty() {
            path.strip_prefix(b"AS")?;
            read.origin_as = Some(self.number(span(usize::from(place.start) + 3, usize::from(place.end) - 2))?);
        }
        read.origin = Some(origin);
        Some(())
    }
}

/// A line that is a next hop and nothing else.
pub(super) fn hop(line: &str) -> Option<Hop> {
    let mut cursor = Cursor::new(line)?;
    let hop = cursor.hop()?;
    cursor.ahead().is_none().then_some(hop)
}

/// Whether the line is that of a route. One that begins with a blank is one more route to the network above it.
pub(super) fn read(line: &str, read: &mut Read) -> Option<()> {
    let mut cursor = Cursor::new(line)?;
    if cursor.at == 0 {
        read.network = cursor.next()?;
    }
    cursor.kind(read)?;
    cursor.source(read)?;
    cursor.rank(read)
}
