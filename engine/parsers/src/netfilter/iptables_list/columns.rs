use super::{Fragment, Operand, Rule, counter};

/// Which columns a listing has. They cannot be cut at fixed places: names longer than a column push the others to the right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    numbers: bool,
    counters: bool,
}

/// The most columns there are.
const MOST: usize = 10;

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
        let (words, ends) = words(line);
        let mut at = 0;
        let mut next = || {
            at += 1;
            words.get(at - 1).copied().filter(|w| !w.is_empty())
        };
        let mut rule = Rule::default();
        if self.numbers {
            rule.number = Some(next()?.parse().ok()?);
        }
        if self.counters {
            rule.counter = Some(counter(next()?, next()?)?);
        }
        // A rule without target leaves its column blank, and ip6tables leaves `opt` blank.
        let first = usize::from(self.numbers) + 2 * usize::from(self.counters);
        let ahead = &words[first..];
        let opt = ahead.iter().take(3).position(|w| is_opt(w));
        let destination = if self.counters { 5 } else { 3 };
        let has_target = match opt {
            Some(at) => at == 2,
            None => ahead.get(destination).is_some_and(|w| is_address(w)),
        };
        if has_target {
            rule.target = next();
        }
        rule.protocol = operand(next()?, &["0", "all"]);
        if opt.is_some() {
            rule.fragment = match next()? {
                "-f" => Some(Fragment::Only),
                "!f" => Some(Fragment::Not),
                _ => None,
            };
        }
        if self.counters {
            rule.in_interface = operand(next()?, &["*", "any"]);
            rule.out_interface = operand(next()?, &["*", "any"]);
        }
        rule.source = operand(next()?, &["0.0.0.0/0", "::/0", "anywhere"]);
        rule.destination = operand(next()?, &["0.0.0.0/0", "::/0", "anywhere"]);
        rule.options = line[ends[at - 1]..].trim_ascii_start();
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
    (!any.contains(&word)).then_some(Operand(word))
}

/// The first words of a line, and where each ends.
fn words(line: &str) -> ([&str; MOST], [usize; MOST]) {
    let bytes = line.as_bytes();
    let (mut words, mut ends) = ([""; MOST], [line.len(); MOST]);
    let mut at = 0;
    for (word, end) in words.iter_mut().zip(&mut ends) {
        while bytes.get(at) == Some(&b' ') {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && bytes[at] != b' ' {
            at += 1;
        }
        (*word, *end) = (&line[start..at], at);
    }
    (words, ends)
}
