//! `/etc/resolv.conf`: whom a pod or node asks for names.

use crate::text::{clean, lines};
use crate::{ParseError, Unparsed};
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ResolvConf {
    /// In the order of the file; the C library asks the first three only.
    pub nameservers: Vec<String>,
    /// The last `search` or `domain` line counts.
    pub search: Vec<String>,
    /// Names with fewer dots are tried with the search list first; 1 when not given, 5 in pods.
    pub ndots: u32,
    /// Seconds; 5 when not given.
    pub timeout_s: u32,
    /// 2 when not given.
    pub attempts: u32,
    /// All options as written.
    pub options: Vec<String>,
    /// Lines that the C library would pass over.
    pub unparsed: Vec<Unparsed>,
}

/// Reads `/etc/resolv.conf`.
///
/// Shape: [`ResolvConf`], with the C library's defaults filled in.
pub fn parse(text: &str) -> Result<ResolvConf, ParseError> {
    let text = clean(text);
    let mut found = ResolvConf {
        ndots: 1,
        timeout_s: 5,
        attempts: 2,
        ..ResolvConf::default()
    };
    for line in lines(&text) {
        // A comment begins a line; later in a line `#` and `;` end it.
        let content = line.text.split(['#', ';']).next().unwrap_or_default();
        let mut words = content.split_whitespace();
        match words.next() {
            None => {}
            Some("nameserver") => found.nameservers.extend(words.next().map(str::to_owned)),
            Some("search" | "domain") => found.search = words.map(str::to_owned).collect(),
            Some("options") => {
                for option in words {
                    let number = option.split_once(':').and_then(|(_, n)| n.parse().ok());
                    match (option.split(':').next(), number) {
                        // The C library's own limits.
                        (Some("ndots"), Some(n)) => found.ndots = u32::min(n, 15),
                        (Some("timeout"), Some(n)) => found.timeout_s = u32::min(n, 30),
                        (Some("attempts"), Some(n)) => found.attempts = u32::min(n, 5),
                        _ => {}
                    }
                    found.options.push(option.to_owned());
                }
            }
            Some("sortlist") => {}
            Some(_) => found.unparsed.push(Unparsed::new(line.number, line.text)),
        }
    }
    Ok(found)
}
