//! `ipset save`.

use super::ipset::{Ipset, Ipsets};
use crate::ParseError;
use std::collections::HashMap;

const EXPECTED: &str = "`create SET TYPE OPTIONS` or `add SET MEMBER`, the set created before";

/// Reads the output of `ipset save [SET]`.
///
/// Shape: sets in the order of their creation, with their members. Nothing printed means that there are no sets.
pub fn parse(text: &str) -> Result<Ipsets<'_>, ParseError> {
    let mut sets: Vec<Ipset<'_>> = Vec::new();
    let mut index = HashMap::new();
    let mut last = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let error = || ParseError::new(number + 1, line, EXPECTED);
        let (command, rest) = line.split_once(' ').ok_or_else(error)?;
        let (name, rest) = rest.split_once(' ').ok_or_else(error)?;
        match command {
            "create" => {
                let (kind, options) = rest.split_once(' ').unwrap_or((rest, ""));
                let mut set = Ipset {
                    name,
                    kind,
                    ..Ipset::default()
                };
                set.set_options(options);
                last = sets.len();
                index.insert(name, last);
                sets.push(set);
            }
            "add" => {
                // Members follow their set, so that the index is needed only where sets were merged by hand.
                if sets.get(last).is_none_or(|s| s.name != name) {
                    last = *index.get(name).ok_or_else(error)?;
                }
                sets.get_mut(last).ok_or_else(error)?.add_member(rest);
            }
            _ => return Err(error()),
        }
    }
    Ok(Ipsets { sets })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_keep_their_options() {
        let got =
            parse("create a hash:net family inet counters maxelem 5\nadd a 10.0.0.0/8 nomatch timeout 3\n").unwrap();
        let set = &got.sets[0];
        assert_eq!(
            (set.family, set.max_entries, set.options.len()),
            (Some("inet"), Some(5), 3)
        );
        assert_eq!(
            (set.members[0], set.annotations[0].options),
            ("10.0.0.0/8", "nomatch timeout 3")
        );
        assert_eq!(parse("create a hash:ip\nadd b 1\n").unwrap_err().line, 2);
    }

    proptest! {
        #[test]
        fn never_panics(text in "((create|add|-) ?[a-z]{0,3} ?[a-z0-9:]{0,8} ?\n?){0,9}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_rendered_is_read_back(sets in proptest::collection::hash_map(
            "[a-zA-Z0-9:_-]{1,31}", proptest::collection::vec("[0-9a-f.:/,]{1,20}", 0..5), 0..5)) {
            let mut text = String::new();
            for (name, members) in &sets {
                text += &format!("create {name} hash:net family inet6 maxelem 9\n");
                text.extend(members.iter().map(|m| format!("add {name} {m}\n")));
            }
            let got = parse(&text).unwrap();
            prop_assert_eq!(got.sets.len(), sets.len());
            for set in got.sets {
                prop_assert_eq!(set.members, sets[set.name].clone());
            }
        }
    }
}
