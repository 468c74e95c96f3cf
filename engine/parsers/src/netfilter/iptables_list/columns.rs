use super::stored::{Stored, Word};
use super::{Fragment, amount};

/// Which columns a listing has. They cannot be cut at fixed places: names longer than a column push the others to the right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    numbers: bool,
    counters: bool,
}

/// The most columns there are.
const MOST: usize = 10;

/// Where a word starts and ends.
type Place = (usize, usize);

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

    pub(super) fn rule<'a>(&self, line: &'a str, rule: &mut Stored<'a>) -> Option<()> {
        let places = words(line.as_bytes());
        let word = |at: usize| {
            places
                .get(at)
                .and_then(|(start, end)| line.as_bytes().get(*start..*end))
        };
        let mut at = 0;
        let mut next = || {
            at += 1;
            places.get(at - 1).copied().filter(|(start, end)| start < end)
        };
        if self.numbers {
            rule.number = number(line, next()?)?;
        }
        if self.counters {
            let text = |(start, end): Place| line.as_bytes().get(start..end);
            rule.count(amount(text(next()?)?)?, amount(text(next()?)?)?);
        }
        // A rule without target leaves its column blank, and ip6tables leaves `opt` blank.
        let first = usize::from(self.numbers) + 2 * usize::from(self.counters);
        let opt = (0..3).find(|at| word(first + at).is_some_and(is_opt));
        let destination = if self.counters { 5 } else { 3 };
        let has_target = match opt {
            Some(at) => at == 2,
            None => word(first + destination).is_some_and(is_address),
        };
        if has_target {
            rule.target = Word::of(next()?)?;
        }
        let operand = |place: Place, any: &[&[u8]]| {
            let said = line.as_bytes().get(place.0..place.1)?;
            if any.contains(&said) {
                Some(Word::default())
            } else {
                Word::of(place)
            }
        };
        rule.protocol = operand(next()?, &[b"0", b"all"])?;
        if opt.is_some() {
            let (start, end) = next()?;
            rule.fragment = match &line.as_bytes()[start..end] {
                b"-f" => Some(Fragment::Only),
                b"!f" => Some(Fragment::Not),
                _ => None,
            };
        }
        if self.counters {
            rule.in_interface = operand(next()?, &[b"*", b"any"])?;
            rule.out_interface = operand(next()?, &[b"*", b"any"])?;
        }
        const ANYWHERE: &[&[u8]] = &[b"0.0.0.0/0", b"::/0", b"anywhere"];
        rule.source = operand(next()?, ANYWHERE)?;
        let last = next()?;
        rule.destination = operand(last, ANYWHERE)?;
        rule.line = line;
        rule.columns_end = u16::try_from(last.1).ok()?;
        Some(())
    }
}

fn number(line: &str, (start, end): Place) -> Option<u32> {
    line.get(start..end)?.parse().ok()
}

fn is_opt(word: &[u8]) -> bool {
    matches!(word, b"--" | b"-f" | b"!f")
}

fn is_address(word: &[u8]) -> bool {
    let address = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'/' | b'!');
    word == b"anywhere" || (word.iter().any(|b| matches!(b, b':' | b'/')) && word.iter().all(address))
}

/// Where the first words of a line are; empty behind the last one.
fn words(bytes: &[u8]) -> [Place; MOST] {
    let mut places = [(bytes.len(), bytes.len()); MOST];
    let mut at = 0;
    for place in &mut places {
        while bytes.get(at) == Some(&b' ') {
            at += 1;
        }
        let start = at;
        at = crate::text::word_end(bytes, start);
        *place = (start, at);
    }
    places
}
