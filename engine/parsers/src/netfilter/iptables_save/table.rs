use super::rule::parse_rule;
use super::stored::{Rules, Store, Stored};
use super::{Chain, Table, words};
use std::collections::HashMap;
use std::sync::Arc;

/// A table being read.
pub(super) struct OpenTable<'a> {
    name: &'a str,
    chains: Vec<Chain<'a>>,
    store: Store<'a>,
    /// The rules from `start` on are of the chain, up to where the next run starts.
    runs: Vec<Run>,
    /// Made when the order of chains does not help.
    index: Option<HashMap<&'a str, usize>>,
}

struct Run {
    chain: usize,
    start: usize,
}

/// How many chains without rules may stand between two with rules before names are looked up.
const AHEAD: usize = 16;

impl<'a> OpenTable<'a> {
    pub(super) fn new(name: &'a str) -> Self {
        OpenTable {
            name,
            chains: Vec::new(),
            store: Store::default(),
            runs: Vec::new(),
            index: None,
        }
    }

    /// Takes the rule that `text` begins with and gives what follows it; `None` if the line is no rule.
    pub(super) fn rule(&mut self, text: &'a str) -> Option<&'a str> {
        let Store { rules, parts } = &mut self.store;
        let (start, before) = (rules.len(), parts.len());
        rules.push(Stored::default());
        let rule = rules.last_mut()?;
        let Some(rest) = parse_rule(text, rule, parts) else {
            rules.truncate(start);
            parts.truncate(before);
            return None;
        };
        let name = rule.chain.of(rule.text).unwrap_or_default();
        let last = self.runs.last().and_then(|run| self.chains.get(run.chain));
        if last.is_none_or(|chain| chain.name != name) {
            let chain = self.chain(name);
            self.runs.push(Run { chain, start });
        }
        Some(rest)
    }

    /// Takes `:FORWARD ACCEPT [0:0]` or `:cali-FORWARD - [0:0]`.
    pub(super) fn declare(&mut self, line: &'a str) -> Option<()> {
        let mut words = line.strip_prefix(':')?.split_ascii_whitespace();
        let (name, policy) = (words.next()?, words.next()?);
        let counters = match words.next() {
            Some(word) => Some(words::counters(word).filter(|c| c.2.is_empty())?),
            None => None,
        };
        // The command declares all chains, each once, before the first rule.
        let at = if self.runs.is_empty() && self.index.is_none() {
            self.add(name)
        } else {
            self.find(name)
        };
        let chain = self.chains.get_mut(at)?;
        chain.policy = (policy != "-").then_some(policy);
        (chain.packets, chain.bytes) = counters.map(|(packets, bytes, _)| (packets, bytes)).unzip();
        Some(())
    }

    fn add(&mut self, name: &'a str) -> usize {
        self.chains.push(Chain {
            name,
            ..Chain::default()
        });
        self.chains.len() - 1
    }

    /// The place of a chain: nearly always soon after that of the last rule, as rules come in the order of chains.
    fn chain(&mut self, name: &'a str) -> usize {
        let next = self.runs.last().map_or(0, |run| run.chain + 1);
        let ahead = self.chains.iter().enumerate().skip(next).take(AHEAD);
        let found = ahead
            .into_iter()
            .find(|(_, chain)| chain.name == name)
            .map(|(at, _)| at);
        found.unwrap_or_else(|| self.find(name))
    }

    fn find(&mut self, name: &'a str) -> usize {
        let index = self.index.get_or_insert_with(|| {
            let named = self.chains.iter().enumerate().map(|(at, chain)| (chain.name, at));
            named.rev().collect()
        });
        if let Some(at) = index.get(name) {
            return *at;
        }
        index.insert(name, self.chains.len());
        self.add(name)
    }

    /// Gives each chain its rules.
    pub(super) fn close(mut self, committed: bool) -> Table<'a> {
        if !self.runs.is_sorted_by(|a, b| a.chain < b.chain) {
            self.sort();
        }
        let store = Arc::new(self.store);
        let ends = self.runs.iter().skip(1).map(|run| run.start).chain([store.rules.len()]);
        for (run, end) in self.runs.iter().zip(ends) {
            if let Some(chain) = self.chains.get_mut(run.chain) {
                chain.rules = Rules::of(&store, run.start..end);
            }
        }
        Table {
            name: self.name,
            committed,
            chains: self.chains,
        }
    }

    /// Brings the rules of each chain together, in a dump that was put together by hand.
    fn sort(&mut self) {
        let ends = self
            .runs
            .iter()
            .skip(1)
            .map(|run| run.start)
            .chain([self.store.rules.len()]);
        let mut runs: Vec<_> = self
            .runs
            .iter()
            .zip(ends)
            .map(|(run, end)| (run.chain, run.start..end))
            .collect();
        runs.sort_by_key(|(chain, _)| *chain);
        let mut rules = Vec::with_capacity(self.store.rules.len());
        self.runs.clear();
        for (chain, range) in runs {
            if self.runs.last().is_none_or(|run| run.chain != chain) {
                let start = rules.len();
                self.runs.push(Run { chain, start });
            }
            rules.extend_from_slice(self.store.rules.get(range).unwrap_or_default());
        }
        self.store.rules = rules;
    }
}
