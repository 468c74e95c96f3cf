//! What holds for any input: no panic, and no more time than the size asks for.

use crate::fixtures::outputs;
use crate::fuzz::{Dice, mutated};
use cpu_time::ThreadTime;
use proptest::prelude::*;
use runbook_parsers::{Parser, parsers};
use std::time::Duration;

/// Parsing is all that is asked; the answer may be an error.
pub(crate) fn survives(parser: &Parser, text: &str) {
    if let Err(e) = (parser.parse)(text) {
        let said = e.to_string();
        let unseen = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(
            said.chars().count() <= 800 && !said.contains(unseen),
            "{}: an error that quotes too much",
            parser.name
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        parsers().for_each(|p| survives(p, &text));
    }

    /// Words and marks that the formats are made of, in any order.
    #[test]
    fn any_words_never_panic(text in r#"([a-z]{1,6}|[0-9]{1,20}|-1|[0-9]\.[0-9]|::1|10\.0\.0\.1(/[0-9]{1,3})?|[ \t:=<>()\[\]{}"',@/\\#*;|%-]{1,3}|é|\n|\n    |\r\n|\x1b\[1m|RX:|TX:|inet|default|dev|;;|true|null){0,60}"#) {
        parsers().for_each(|p| survives(p, &text));
    }

    #[test]
    fn mutated_outputs_never_panic(seed in any::<u64>()) {
        for (parser, outputs) in all_outputs() {
            let mut dice = Dice(seed);
            let outputs: Vec<&String> = outputs.iter().filter(|t| !t.is_empty() && t.len() < 20_000).collect();
            for _ in 0..outputs.len().min(4) {
                let (text, other) = (outputs[dice.below(outputs.len())], outputs[dice.below(outputs.len())]);
                survives(parser, &mutated(text, other, &mut dice));
            }
        }
    }
}

/// Read once: the outputs of each parser.
fn all_outputs() -> &'static [(&'static Parser, Vec<String>)] {
    static ALL: std::sync::LazyLock<Vec<(&'static Parser, Vec<String>)>> = std::sync::LazyLock::new(|| {
        parsers()
            .map(|p| (p, outputs(p.name).into_values().collect()))
            .collect()
    });
    &ALL
}

/// Four times the size may take about four times the time; sixteen times would be quadratic. What counts is the time of
/// this thread on a processor, the best of several runs, and again before it is a failure: a busy machine does not
/// matter, a parser that is quadratic is slow always.
#[test]
fn time_grows_with_size() {
    const SIZE: usize = 1 << 14;
    let mut slow = Vec::new();
    for parser in parsers() {
        for (shape, unit) in shapes(parser) {
            let (small, large) = (repeated(&unit, SIZE), repeated(&unit, 4 * SIZE));
            let growths = (0..5).map(|_| {
                // What takes less than a millisecond says more about caches than about the parser.
                let long = best(parser, &large).saturating_sub(Duration::from_millis(1));
                long.as_secs_f64() / best(parser, &small).as_secs_f64().max(1e-6)
            });
            // Stops at the first that is fine.
            let too_slow: Vec<f64> = growths.take_while(|growth| *growth > 7.0).collect();
            if too_slow.len() == 5 {
                slow.push(format!(
                    "{}: four times {shape} takes {too_slow:.1?} times as long",
                    parser.name
                ));
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// What is repeated: the parser's own outputs, and lines that ask for trouble.
fn shapes(parser: &Parser) -> Vec<(&'static str, String)> {
    let outputs = outputs(parser.name);
    let readable = outputs.into_values().filter(|t| (parser.parse)(t).is_ok());
    let longest = readable.max_by_key(|t| t.len().min(8_000)).unwrap_or_default();
    let mut shapes: Vec<(&'static str, String)> = [
        ("one word", "a"),
        ("words", "a "),
        ("brackets", "["),
        ("pairs", "a=b "),
        ("colons", "::"),
        ("lines", "x\n"),
    ]
    .map(|(shape, unit)| (shape, unit.to_owned()))
    .into();
    // The last line alone, over and over, keeps those busy that collect until something ends.
    let last = longest.lines().rfind(|l| !l.trim().is_empty()).unwrap_or_default();
    shapes.push(("its last line", format!("{last}\n")));
    shapes.push(("a whole output", longest));
    shapes
}

fn repeated(unit: &str, size: usize) -> String {
    unit.repeat(size / unit.len().max(1) + 1)
}

fn best(parser: &Parser, text: &str) -> Duration {
    let runs = (0..2).map(|_| {
        let start = ThreadTime::now();
        let result = (parser.parse)(text);
        let time = start.elapsed();
        drop(result);
        time
    });
    runs.min().unwrap_or_default()
}
