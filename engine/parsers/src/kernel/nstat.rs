//! `nstat`: the kernel's network counters.

use super::counters::{Counters, value};
use crate::ParseError;
use crate::text::{clean, is_json, json, lines};

/// Reads `nstat -az` (also with names, and with `-j`).
///
/// Shape: a map from the counter's name to its value. Without `-a` the values are since the last call of that user.
/// The third column, a rate, is passed over: it is 0 unless a collecting daemon runs.
pub fn parse(text: &str) -> Result<Counters, ParseError> {
    let text = clean(text);
    if is_json(&text) {
        #[derive(serde::Deserialize)]
        struct Whole {
            kernel: Counters,
        }
        return json::<Whole>(&text, "`{\"kernel\": {NAME: VALUE, ...}}`").map(|whole| whole.kernel);
    }
    let mut counters = Counters::new();
    for line in lines(&text).filter(|line| !line.text.starts_with('#')) {
        let mut words = line.words();
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(name), Some(count), rate, None) if rate.is_none_or(|r| r.parse::<f64>().is_ok()) => {
                counters.insert(name.to_owned(), value(line, count)?);
            }
            _ => return Err(line.error("`NAME VALUE RATE`")),
        }
    }
    Ok(counters)
}
