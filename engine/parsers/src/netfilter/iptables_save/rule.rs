use super::Run;
use super::words::{Words, counters, unquote};
use super::{Match, Operand, Rule, TargetOption};
use std::borrow::Cow;

/// The lists that the rules of a table share.
#[derive(Default)]
pub(super) struct Lists<'a> {
    pub(super) matches: Vec<Match<'a>>,
    pub(super) comments: Vec<Cow<'a, str>>,
    pub(super) target_options: Vec<TargetOption<'a>>,
}

/// Reads the line `[11:868] -A cali-FORWARD -i cali+ -m comment --comment "cali:tAzw" -j cali-from-wl-dispatch`, which
/// `text` begins with, into `rule`; gives the text behind it.
///
/// The rule is filled where it stays, as it is large.
pub(super) fn parse_rule<'a>(text: &'a str, rule: &mut Rule<'a>, lists: &mut Lists<'a>) -> Option<&'a str> {
    let mut text = text;
    if text.starts_with('[') {
        let (packets, bytes, rest) = counters(text)?;
        (rule.packets, rule.bytes) = (Some(packets), Some(bytes));
        text = rest.strip_prefix(' ')?;
    }
    let mut words = Words::new(text);
    if words.next()? != "-A" {
        return None;
    }
    rule.chain = words.next()?;
    let starts = (lists.matches.len(), lists.comments.len(), lists.target_options.len());
    let mut reader = Reader {
        words,
        lists,
        module: None,
        module_used: true,
        negated: false,
    };
    while let Some(word) = reader.words.next() {
        reader.option(rule, word)?;
    }
    reader.close_module();
    rule.matches = Run::at(starts.0, reader.lists.matches.len());
    rule.comments = Run::at(starts.1, reader.lists.comments.len());
    rule.target_options = Run::at(starts.2, reader.lists.target_options.len());
    if reader.words.unclosed {
        return None;
    }
    let (line, rest) = reader.words.finish();
    rule.text = line;
    Some(rest)
}

struct Reader<'a, 'l> {
    words: Words<'a>,
    lists: &'l mut Lists<'a>,
    /// The module that options belong to, until a target is named.
    module: Option<&'a str>,
    module_used: bool,
    /// A `!` was read and waits for its option.
    negated: bool,
}

impl<'a> Reader<'a, '_> {
    fn option(&mut self, rule: &mut Rule<'a>, word: &'a str) -> Option<()> {
        match word.as_bytes() {
            [b'!'] => self.negated = true,
            [b'-', flag] => self.flag(rule, *flag)?,
            [b'-', b'-', _, ..] => self.long_option(rule, &word[2..])?,
            _ => return None,
        }
        Some(())
    }

    fn flag(&mut self, rule: &mut Rule<'a>, flag: u8) -> Option<()> {
        match flag {
            b'm' => {
                self.close_module();
                self.module = Some(self.words.next()?);
                self.module_used = false;
            }
            b'j' => rule.jump = Some(self.target()?),
            b'g' => rule.goto = Some(self.target()?),
            b's' => rule.source = Some(self.operand()?),
            b'd' => rule.destination = Some(self.operand()?),
            b'p' => rule.protocol = Some(self.operand()?),
            b'i' => rule.in_interface = Some(self.operand()?),
            b'o' => rule.out_interface = Some(self.operand()?),
            // `iptables -S -v` prints the counters here.
            b'c' => {
                rule.packets = Some(self.words.next()?.parse().ok()?);
                rule.bytes = Some(self.words.next()?.parse().ok()?);
            }
            b'f' => {
                let negated = std::mem::take(&mut self.negated);
                self.lists.matches.push(Match {
                    module: "ip",
                    option: Some("fragment"),
                    value: None,
                    negated,
                });
            }
            _ => return None,
        }
        Some(())
    }

    fn long_option(&mut self, rule: &Rule<'a>, option: &'a str) -> Option<()> {
        if option == "comment" && self.module == Some("comment") {
            let comment = unquote(self.words.value(true)?);
            self.lists.comments.push(comment);
            self.module_used = true;
            return Some(());
        }
        let free_text = matches!(option, "log-prefix" | "nflog-prefix" | "string" | "hex-string");
        let value = self.words.value(free_text).map(unquote);
        if rule.jump.is_some() || rule.goto.is_some() {
            self.lists.target_options.push(TargetOption { option, value });
            return Some(());
        }
        // Options of a protocol may stand without `-m`.
        let module = self.module.or(rule.protocol.map(|p| p.value))?;
        self.module_used = true;
        let negated = std::mem::take(&mut self.negated);
        self.lists.matches.push(Match {
            module,
            option: Some(option),
            value,
            negated,
        });
        Some(())
    }

    fn operand(&mut self) -> Option<Operand<'a>> {
        let negated = std::mem::take(&mut self.negated);
        Some(Operand {
            value: self.words.next()?,
            negated,
        })
    }

    fn target(&mut self) -> Option<&'a str> {
        self.close_module();
        self.words.next()
    }

    /// A module without options (`-m socket`) is a condition too.
    fn close_module(&mut self) {
        if let Some(module) = self.module.take()
            && !self.module_used
        {
            self.lists.matches.push(Match {
                module,
                option: None,
                value: None,
                negated: false,
            });
        }
        self.module_used = true;
    }
}
