//! `calicoctl get KIND` and `calicoctl get KIND -o wide`: a table. `-o yaml` says more; see `calicoctl_get`.

use crate::ParseError;
use crate::text::{clean, lines};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Table {
    /// As printed: `NAME`, `CIDR`, ...
    pub columns: Vec<String>,
    /// By column, as printed; `null` where a cell is empty.
    pub rows: Vec<BTreeMap<String, Option<String>>>,
}

/// Reads the output of `calicoctl get KIND [-o wide]`.
///
/// Shape: one row per object, with the columns of its kind. No rows: there are no such objects.
pub fn parse(text: &str) -> Result<Table, ParseError> {
    let text = clean(text);
    let mut lines = lines(&text);
    let header = lines
        .next()
        .ok_or_else(|| ParseError::new(1, "", "columns: `NAME   CIDR   ...`"))?;
    let columns = columns(header.text);
    if columns
        .first()
        .is_none_or(|(_, name)| !matches!(*name, "NAME" | "NAMESPACE" | "WORKLOAD" | "NODE"))
    {
        return Err(header.error("columns: `NAME   CIDR   ...`"));
    }
    let mut table = Table {
        columns: columns.iter().map(|(_, name)| (*name).to_owned()).collect(),
        rows: vec![],
    };
    for line in lines {
        let row = row(line.text, &columns).ok_or_else(|| line.error("cells below the columns"))?;
        table.rows.push(row);
    }
    Ok(table)
}

/// Where each column begins, in characters, and its name.
fn columns(header: &str) -> Vec<(usize, &str)> {
    let names = header.split_whitespace();
    let mut from = 0;
    let place = |name| {
        let at = from + header.get(from..).and_then(|rest| rest.find(name)).unwrap_or_default();
        from = at + str::len(name);
        // The names are ASCII, so that bytes are characters.
        (at, name)
    };
    names.map(place).collect()
}

/// `None` where something stands across the border of two columns.
fn row(line: &str, columns: &[(usize, &str)]) -> Option<BTreeMap<String, Option<String>>> {
    let chars: Vec<char> = line.chars().collect();
    let ends = columns.iter().skip(1).map(|(start, _)| *start).chain([chars.len()]);
    let mut row = BTreeMap::new();
    for ((start, name), end) in columns.iter().zip(ends) {
        let begins = start
            .checked_sub(1)
            .is_none_or(|before| chars.get(before).is_none_or(|c| *c == ' '));
        begins.then_some(())?;
        let cell: String = chars.iter().take(end).skip(*start).collect();
        let cell = cell.trim();
        row.insert((*name).to_owned(), (!cell.is_empty()).then(|| cell.to_owned()));
    }
    Some(row)
}
