//! `pgrep -a`: processes by name.

use crate::ParseError;
use crate::text::{clean, lines};
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Match {
    pub pid: u32,
    /// Name and arguments (`-a`), the name (`-l`), or `None`.
    pub command: Option<String>,
}

/// Reads `pgrep`, with or without `-a` or `-l`; `pidof` on one line too.
///
/// Shape: a list of [`Match`]. No process of that name gives an empty list (and exit code 1).
pub fn parse(text: &str) -> Result<Vec<Match>, ParseError> {
    let text = clean(text);
    let mut found = Vec::new();
    for line in lines(&text) {
        let rest = line.text.trim_start();
        if rest
            .split_whitespace()
            .all(|word| word.bytes().all(|b| b.is_ascii_digit()))
        {
            for word in rest.split_whitespace() {
                found.push(Match {
                    pid: line.number(word, "PID")?,
                    command: None,
                });
            }
            continue;
        }
        let (pid, command) = rest.split_once(' ').ok_or_else(|| line.error("`PID COMMAND`"))?;
        found.push(Match {
            pid: line.number(pid, "PID")?,
            command: Some(command.trim_start().to_owned()),
        });
    }
    Ok(found)
}
