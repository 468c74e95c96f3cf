//! Every parser, fed for as long as asked with what nobody prints: `FUZZ_SECONDS=60` spends that long in all, as
//! `cargo xtask test` does.
//!
//! The corpus is the fixtures, and `tests/fixtures/fuzz.jsonl.zst`: inputs that made a parser answer as nothing before them
//! did. `FUZZ_CORPUS=keep` writes that file again with what a long run found. A panic names the input: put it into the
//! fixtures.

use crate::fixtures::{outputs, root};
use crate::properties::survives;
use runbook_parsers::{ParseError, Parser, parsers};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn stored() -> PathBuf {
    root().join("../fuzz.jsonl.zst")
}

/// Small inputs find as much, in less time.
const LONGEST: usize = 6_000;

#[test]
fn fuzz_for_as_long_as_asked() {
    let Some(seconds) = std::env::var("FUZZ_SECONDS").ok().and_then(|s| s.parse::<f64>().ok()) else {
        return;
    };
    let mut kept = read_stored();
    let all: Vec<&Parser> = parsers().collect();
    let each = Duration::from_secs_f64(seconds / all.len() as f64);
    let (mut inputs, mut answers, mut corpus) = (0, 0, 0);
    for parser in &all {
        let mut run = Run::new(parser, kept.remove(parser.name).unwrap_or_default());
        corpus += run.corpus.len();
        run.search(each);
        inputs += run.inputs;
        answers += run.seen.len();
        kept.insert(parser.name.to_owned(), run.found);
    }
    if std::env::var("FUZZ_CORPUS").is_ok_and(|v| v == "keep") {
        write_stored(&kept);
    }
    println!(
        "fuzz: {inputs} inputs made of {corpus} showed {answers} features of {} parsers, no finding",
        all.len()
    );
}

#[test]
fn the_stored_corpus_does_no_harm_and_every_parser_is_in_it() {
    let kept = read_stored();
    for parser in parsers() {
        let texts = kept.get(parser.name).map(Vec::as_slice).unwrap_or_default();
        assert!(!texts.is_empty(), "{} has no stored corpus", parser.name);
        texts.iter().for_each(|text| survives(parser, text));
    }
}

struct Run<'p> {
    parser: &'p Parser,
    corpus: Vec<String>,
    /// Names of fields, from the fixtures: other keys come from the text, and there is no end of them.
    names: HashSet<String>,
    /// Features of answers.
    seen: HashSet<u64>,
    /// What is in the stored corpus, or should be.
    found: Vec<String>,
    inputs: usize,
}

impl<'p> Run<'p> {
    fn new(parser: &'p Parser, stored: Vec<String>) -> Self {
        let mut run = Run {
            parser,
            corpus: vec![String::new()],
            names: HashSet::new(),
            seen: HashSet::new(),
            found: vec![],
            inputs: 0,
        };
        let fixtures: Vec<String> = outputs(parser.name)
            .into_values()
            .filter(|t| t.len() <= LONGEST)
            .collect();
        for text in &fixtures {
            names((parser.parse)(text).unwrap_or_default(), &mut run.names);
        }
        for text in &fixtures {
            run.try_out(text);
        }
        run.corpus.extend(fixtures);
        for text in stored {
            if run.try_out(&text) {
                run.keep(text);
            }
        }
        run
    }

    fn search(&mut self, time: Duration) {
        // Another seed each time, so that many short runs are worth a long one; a panic prints the input, not the seed.
        let seed = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        let mut dice = Dice(seed | 1);
        let start = Instant::now();
        let mut last = String::new();
        while start.elapsed() < time {
            let (text, other) = (self.any(&mut dice), self.any(&mut dice));
            let text = mutated(&text, &other, &mut dice);
            if text.len() <= LONGEST && self.try_out(&text) {
                self.keep(text.clone());
            }
            last = text;
        }
        // Where the fixtures show all there is, one input stands for the rest.
        if self.found.is_empty() {
            self.found.push(last);
        }
    }

    fn any(&self, dice: &mut Dice) -> String {
        self.corpus[dice.below(self.corpus.len())].clone()
    }

    fn keep(&mut self, text: String) {
        self.corpus.push(text.clone());
        self.found.push(text);
    }

    /// Whether the answer has something that none had before.
    fn try_out(&mut self, text: &str) -> bool {
        self.inputs += 1;
        let answer = std::panic::catch_unwind(|| {
            survives(self.parser, text);
            features((self.parser.parse)(text), &self.names)
        });
        let features = answer.unwrap_or_else(|_| panic!("{} with {text:?}", self.parser.name));
        features
            .into_iter()
            .filter(|feature| self.seen.insert(*feature))
            .count()
            > 0
    }
}

/// What there is in an answer: fields, the kinds of their values, and what was expected of a line; not the words and
/// numbers themselves.
fn features(answer: Result<Value, ParseError>, names: &HashSet<String>) -> Vec<u64> {
    let mut found = vec![];
    match answer {
        Err(error) => {
            // How it begins: what follows may be words of the text.
            let said: String = error.expected.chars().filter(|c| c.is_alphabetic()).take(10).collect();
            found.push(hash((said, 9)));
        }
        Ok(value) => shape(&value, "", names, &mut found),
    }
    found
}

fn shape(value: &Value, name: &str, names: &HashSet<String>, found: &mut Vec<u64>) {
    let kind = match value {
        Value::Null => 0,
        Value::Bool(no) => 1 + u8::from(*no),
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Array(items) => {
            items.iter().for_each(|item| shape(item, name, names, found));
            5 + u8::from(items.is_empty())
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = names.get(key).map_or("", String::as_str);
                shape(value, name, names, found);
            }
            7
        }
    };
    found.push(hash((name, kind)));
}

fn names(value: Value, found: &mut HashSet<String>) {
    match value {
        Value::Array(items) => items.into_iter().for_each(|item| names(item, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                found.insert(key);
                names(value, found);
            }
        }
        _ => {}
    }
}

fn hash(feature: impl Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    feature.hash(&mut hash);
    hash.finish()
}

fn read_stored() -> BTreeMap<String, Vec<String>> {
    let bytes = std::fs::read(stored()).unwrap_or_default();
    let text = zstd::decode_all(bytes.as_slice()).unwrap_or_default();
    let mut kept: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8(text).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        kept.entry(text("parser")).or_default().push(text("text"));
    }
    kept
}

/// At most so many of each parser, the short ones: the file stays small.
const KEPT: usize = 150;

fn write_stored(kept: &BTreeMap<String, Vec<String>>) {
    let mut lines = String::new();
    for (parser, texts) in kept {
        let mut texts: Vec<&String> = texts.iter().collect();
        texts.sort_by_key(|text| text.len());
        for text in texts.into_iter().take(KEPT) {
            lines += &format!("{}\n", json!({ "parser": parser, "text": text }));
        }
    }
    let packed = zstd::encode_all(lines.as_bytes(), 19).unwrap();
    std::fs::write(stored(), packed).unwrap();
}

/// A small generator of its own, so that one seed from proptest drives many choices (xorshift).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= (self.0 << 13) | 1;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

pub(crate) fn mutated(text: &str, other: &str, dice: &mut Dice) -> String {
    const MARKS: &[char] = &[
        '\u{0}', '\n', ' ', ':', '[', '"', '-', '9', '(', '\u{1b}', 'é', '\u{2028}', '\u{202e}', ',', '.',
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=dice.below(4) {
        if chars.is_empty() {
            break;
        }
        let at = dice.below(chars.len());
        let to = (at + 1 + dice.below(30)).min(chars.len());
        match dice.below(6) {
            0 => drop(chars.drain(at..to)),
            1 => chars[at] = MARKS[dice.below(MARKS.len())],
            2 => chars.insert(at, MARKS[dice.below(MARKS.len())]),
            3 => chars.truncate(at),
            4 => {
                let part: Vec<char> = chars[at..to].to_vec();
                chars.splice(at..at, part);
            }
            _ => {
                let foreign: Vec<char> = other.chars().skip(at).take(60).collect();
                chars.splice(at..at, foreign);
            }
        }
    }
    chars.into_iter().collect()
}
