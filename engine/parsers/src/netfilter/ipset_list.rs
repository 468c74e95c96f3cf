//! `ipset list`, with and without `-terse`.

use super::ipset::{Ipset, Ipsets};
use crate::ParseError;

const EXPECTED: &str = "`Name: SET`, a line of its header, or a member";

/// Reads the output of `ipset list [SET] [-terse]`.
///
/// Shape: sets in the kernel's order with their header; `members` is empty with `-terse`, `entries` still counts them.
/// Sizes in bytes. Nothing printed means that there are no sets.
pub fn parse(text: &str) -> Result<Ipsets<'_>, ParseError> {
    let mut sets: Vec<Ipset<'_>> = Vec::new();
    let mut in_members = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            in_members = false;
        } else if let Some(name) = line.strip_prefix("Name: ") {
            in_members = false;
            sets.push(Ipset {
                name,
                ..Ipset::default()
            });
        } else {
            let known = match sets.last_mut() {
                Some(set) if in_members => {
                    set.add_member(line);
                    Some(())
                }
                Some(_) if line == "Members:" => {
                    in_members = true;
                    Some(())
                }
                Some(set) => header(set, line),
                None => None,
            };
            known.ok_or_else(|| ParseError::new(number + 1, line, EXPECTED))?;
        }
    }
    Ok(Ipsets { sets })
}

fn header<'a>(set: &mut Ipset<'a>, line: &'a str) -> Option<()> {
    let (name, value) = line.split_once(':')?;
    let value = value.trim();
    match name {
        "Type" => set.kind = value,
        "Revision" => set.revision = Some(value.parse().ok()?),
        "Header" => set.set_options(value),
        "Size in memory" => set.size_bytes = Some(value.parse().ok()?),
        "References" => set.references = Some(value.parse().ok()?),
        "Number of entries" => set.entries = Some(value.parse().ok()?),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_without_members_still_counts_them() {
        let got = parse("Name: a\nType: hash:ip,port\nNumber of entries: 2\n\nName: b\nType: list:set\nMembers:\na\n")
            .unwrap();
        assert_eq!((got.sets[0].entries, got.sets[0].members.len()), (Some(2), 0));
        assert_eq!(got.sets[1].members, ["a"]);
        assert!(parse("Name: a\nColour: red\n").is_err() && parse("Type: x\n").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "((Name|Type|Header|Members): ?[a-z0-9: ]{0,8}\n|[a-z0-9 ]{0,4}\n){0,9}") {
            let _ = parse(&text);
        }
    }
}
