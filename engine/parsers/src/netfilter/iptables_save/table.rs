use super::Run;
use super::rule::{Lists, parse_rule};
use super::{Chain, Rule, Table, words};
use std::collections::HashMap;
use std::sync::Arc;

/// A table being read.
pub(super) struct OpenTable<'a> {
    name: &'a str,
    chains: Vec<Chain<'a>>,
    index: HashMap<&'a str, usize>,
    last: usize,
    /// All rules, each with its chain.
    rules: Vec<Rule<'a>>,
    homes: Vec<usize>,
    lists: Lists<'a>,
}

impl<'a> OpenTable<'a> {
    pub(super) fn new(name: &'a str) -> Self {
        OpenTable {
            name,
            chains: Vec::new(),
            index: HashMap::new(),
            last: 0,
            rules: Vec::new(),
            homes: Vec::new(),
            lists: Lists::default(),
        }
    }

    /// Takes the rule that `text` begins with and gives what follows it; `None` if the line is no rule.
    pub(super) fn rule(&mut self, text: &'a str) -> Option<&'a str> {
        self.rules.push(Rule::default());
        let read = self.rules.last_mut().and_then(|rule| {
            let rest = parse_rule(text, rule, &mut self.lists)?;
            Some((rule.chain, rest))
        });
        match read {
            Some((chain, _)) => {
                let home = self.chain(chain);
                self.homes.push(home);
            }
            None => _ = self.rules.pop(),
        }
        read.map(|(_, rest)| rest)
    }

    /// Takes `:FORWARD ACCEPT [0:0]` or `:cali-FORWARD - [0:0]`.
    pub(super) fn declare(&mut self, line: &'a str) -> Option<()> {
        let mut words = line.strip_prefix(':')?.split_ascii_whitespace();
        let (name, policy) = (words.next()?, words.next()?);
        let counters = match words.next() {
            Some(word) => Some(words::counters(word).filter(|c| c.2.is_empty())?),
            None => None,
        };
        let at = self.chain(name);
        let chain = self.chains.get_mut(at)?;
        chain.policy = (policy != "-").then_some(policy);
        (chain.packets, chain.bytes) = counters.map(|(packets, bytes, _)| (packets, bytes)).unzip();
        Some(())
    }

    /// The place of a chain: nearly always that of the last rule or the one after it, as rules come in the order of chains.
    fn chain(&mut self, name: &'a str) -> usize {
        let likely = [self.last, self.last + 1];
        let found = likely
            .into_iter()
            .find(|at| self.chains.get(*at).is_some_and(|c| c.name == name));
        self.last = found.unwrap_or_else(|| {
            *self.index.entry(name).or_insert_with(|| {
                self.chains.push(Chain {
                    name,
                    ..Chain::default()
                });
                self.chains.len() - 1
            })
        });
        self.last
    }

    /// Gives each chain its rules, and each rule its parts of the lists.
    pub(super) fn close(mut self, committed: bool) -> Table<'a> {
        if !self.homes.is_sorted() {
            let mut order: Vec<_> = self.homes.into_iter().zip(self.rules).collect();
            order.sort_by_key(|(home, _)| *home);
            (self.homes, self.rules) = order.into_iter().unzip();
        }
        let (matches, comments) = (Arc::new(self.lists.matches), Arc::new(self.lists.comments));
        let target_options = Arc::new(self.lists.target_options);
        for rule in &mut self.rules {
            rule.matches.of(&matches);
            rule.comments.of(&comments);
            rule.target_options.of(&target_options);
        }
        let rules = Arc::new(self.rules);
        let mut start = 0;
        for group in self.homes.chunk_by(|a, b| a == b) {
            let end = start + group.len();
            if let Some(chain) = group.first().and_then(|home| self.chains.get_mut(*home)) {
                chain.rules = Run::at(start, end);
                chain.rules.of(&rules);
            }
            start = end;
        }
        Table {
            name: self.name,
            committed,
            chains: self.chains,
        }
    }
}
