use super::stored::{Kind, Part, Stored};
use super::words::{Span, Words, counters};

/// Reads the line `[11:868] -A cali-FORWARD -i cali+ -m comment --comment "cali:tAzw" -j cali-from-wl-dispatch`, which
/// `text` begins with, into `rule`; gives the text behind it.
///
/// The rule is filled where it stays: moving it would take longer than reading some of its words.
pub(super) fn parse_rule<'a>(text: &'a str, rule: &mut Stored<'a>, parts: &mut Vec<Part>) -> Option<&'a str> {
    let mut text = text;
    if text.starts_with('[') {
        let (packets, bytes, rest) = counters(text)?;
        rule.count(packets, bytes);
        text = rest.strip_prefix(' ')?;
    }
    let mut words = Words::new(text);
    if !text.starts_with('-') || !words.accept(b"-A ") {
        return None;
    }
    rule.chain = words.next()?;
    let start = parts.len();
    let mut reader = Reader {
        words,
        parts,
        module: Span::default(),
        module_used: true,
        negated: false,
    };
    reader.options(rule)?;
    let (length, next) = reader.words.finish()?;
    rule.parts = (u32::try_from(start).ok()?, u32::try_from(reader.parts.len()).ok()?);
    rule.text = text.get(..length)?;
    text.get(next..)
}

struct Reader<'a, 'p> {
    words: Words<'a>,
    parts: &'p mut Vec<Part>,
    /// The module that options belong to, until a target is named.
    module: Span,
    module_used: bool,
    /// A `!` was read and waits for its option.
    negated: bool,
}

impl Reader<'_, '_> {
    /// `None` for what is no rule.
    fn options(&mut self, rule: &mut Stored<'_>) -> Option<()> {
        loop {
            match self.words.ahead() {
                // Every rule of Calico has one.
                [b'-', b'm', b' ', b'c', ..] if self.words.accept(b"-m comment --comment ") => {
                    self.close_module();
                    let value = self.words.next()?;
                    self.add(Kind::Comment, Span::default(), value);
                }
                [b'-', b'-', ..] => self.long_option(rule)?,
                [b'-', flag, b' ', ..] => {
                    let flag = *flag;
                    self.words.skip(3);
                    self.flag(rule, flag)?;
                }
                [b'-', flag, ..] => {
                    let (flag, length) = (*flag, self.words.next()?.length());
                    (length == 2).then_some(())?;
                    self.flag(rule, flag)?;
                }
                [b'!', ..] => {
                    (self.words.next()?.length() == 1).then_some(())?;
                    self.negated = true;
                }
                [] | [b'\n', ..] => break,
                _ => return None,
            }
        }
        self.close_module();
        (!self.words.unclosed).then_some(())
    }

    fn flag(&mut self, rule: &mut Stored<'_>, flag: u8) -> Option<()> {
        match flag {
            b'm' => {
                self.close_module();
                self.module = self.words.next()?;
                self.module_used = false;
            }
            b'j' => rule.jump = self.target()?,
            b'g' => rule.goto = self.target()?,
            b's' | b'd' | b'p' | b'i' | b'o' => {
                let value = self.words.next()?;
                rule.operand(flag, value, std::mem::take(&mut self.negated));
            }
            // `iptables -S -v` prints the counters here.
            b'c' => rule.count(self.words.number()?, self.words.number()?),
            b'f' => {
                let negated = std::mem::take(&mut self.negated);
                self.parts.push(Part {
                    kind: Kind::Fragment,
                    negated,
                    ..Part::default()
                });
            }
            _ => return None,
        }
        Some(())
    }

    fn long_option(&mut self, rule: &Stored<'_>) -> Option<()> {
        let word = self.words.ahead();
        let option = self.words.next()?.without_dashes()?;
        let name = word.get(2..2 + option.length())?;
        if name == b"comment" && self.words.says(self.module, b"comment") {
            let value = self.words.next()?;
            self.add(Kind::Comment, Span::default(), value);
            self.module_used = true;
            return Some(());
        }
        let free_text = matches!(name, b"log-prefix" | b"nflog-prefix" | b"string" | b"hex-string");
        let value = self.words.value(free_text).unwrap_or_default();
        if rule.jump.is_some() || rule.goto.is_some() {
            self.add(Kind::TargetOption, option, value);
            return Some(());
        }
        // Options of a protocol may stand without `-m`.
        if !self.module.is_some() && !rule.protocol.is_some() {
            return None;
        }
        let module = if self.module.is_some() {
            self.module
        } else {
            rule.protocol
        };
        self.module_used = true;
        self.parts.push(Part {
            kind: Kind::Match,
            negated: std::mem::take(&mut self.negated),
            module,
            option,
            value,
        });
        Some(())
    }

    fn add(&mut self, kind: Kind, option: Span, value: Span) {
        self.parts.push(Part {
            kind,
            option,
            value,
            ..Part::default()
        });
    }

    fn target(&mut self) -> Option<Span> {
        self.close_module();
        self.words.next()
    }

    /// A module without options (`-m socket`) is a condition too.
    fn close_module(&mut self) {
        let module = std::mem::take(&mut self.module);
        if module.is_some() && !self.module_used {
            self.parts.push(Part {
                module,
                ..Part::default()
            });
        }
        self.module_used = true;
    }
}
