use super::words::{Words, counters, unquote};
use super::{Match, Operand, Rule, TargetOption};

/// `[11:868] -A cali-FORWARD -i cali+ -m comment --comment "cali:tAzw" -j cali-from-wl-dispatch`
pub(super) fn parse_rule(line: &str) -> Option<Rule<'_>> {
    let (found, text) = match line.strip_prefix('[') {
        Some(rest) => rest
            .split_once("] ")
            .and_then(|(c, text)| Some((Some(counters(c)?), text)))?,
        None => (None, line),
    };
    let mut words = Words::new(text);
    if !matches!(words.next()?, "-A" | "--append") {
        return None;
    }
    let mut rule = Rule {
        chain: words.next()?,
        text,
        ..Rule::default()
    };
    (rule.packets, rule.bytes) = found.unzip();
    let mut reader = Reader {
        words,
        module: None,
        module_used: true,
        negated: false,
    };
    while let Some(word) = reader.words.next() {
        reader.option(&mut rule, word)?;
    }
    reader.close_module(&mut rule);
    (!reader.words.unclosed).then_some(rule)
}

struct Reader<'a> {
    words: Words<'a>,
    /// The module that options belong to, until a target is named.
    module: Option<&'a str>,
    module_used: bool,
    /// A `!` was read and waits for its option.
    negated: bool,
}

impl<'a> Reader<'a> {
    fn option(&mut self, rule: &mut Rule<'a>, word: &'a str) -> Option<()> {
        match word {
            "!" => self.negated = true,
            "-m" | "--match" => {
                self.close_module(rule);
                self.module = Some(self.words.next()?);
                self.module_used = false;
            }
            "-s" | "--source" | "--src" => rule.source = self.operand(),
            "-d" | "--destination" | "--dst" => rule.destination = self.operand(),
            "-p" | "--protocol" => rule.protocol = self.operand(),
            "-i" | "--in-interface" => rule.in_interface = self.operand(),
            "-o" | "--out-interface" => rule.out_interface = self.operand(),
            "-j" | "--jump" => rule.jump = Some(self.target(rule)?),
            "-g" | "--goto" => rule.goto = Some(self.target(rule)?),
            // `iptables -S -v` prints the counters here.
            "-c" | "--set-counters" => {
                rule.packets = self.words.next()?.parse().ok();
                rule.bytes = self.words.next()?.parse().ok();
            }
            "-f" | "--fragment" => {
                let negated = std::mem::take(&mut self.negated);
                rule.matches.push(Match {
                    module: "ip",
                    option: Some("fragment"),
                    value: None,
                    negated,
                });
            }
            _ => self.long_option(rule, word.strip_prefix("--")?)?,
        }
        Some(())
    }

    fn long_option(&mut self, rule: &mut Rule<'a>, option: &'a str) -> Option<()> {
        if option == "comment" && self.module == Some("comment") {
            rule.comments.push(unquote(self.words.value(true)?));
            self.module_used = true;
            return Some(());
        }
        let free_text = matches!(option, "log-prefix" | "nflog-prefix" | "string" | "hex-string");
        let value = self.words.value(free_text).map(unquote);
        if rule.jump.is_some() || rule.goto.is_some() {
            rule.target_options.push(TargetOption { option, value });
            return Some(());
        }
        // Options of a protocol may stand without `-m`.
        let module = self.module.or(rule.protocol.map(|p| p.value))?;
        self.module_used = true;
        let negated = std::mem::take(&mut self.negated);
        rule.matches.push(Match {
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

    fn target(&mut self, rule: &mut Rule<'a>) -> Option<&'a str> {
        self.close_module(rule);
        self.words.next()
    }

    /// A module without options (`-m socket`) is a condition too.
    fn close_module(&mut self, rule: &mut Rule<'a>) {
        if let Some(module) = self.module.take()
            && !self.module_used
        {
            rule.matches.push(Match {
                module,
                option: None,
                value: None,
                negated: false,
            });
        }
        self.module_used = true;
    }
}
