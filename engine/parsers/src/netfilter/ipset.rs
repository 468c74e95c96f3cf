//! What `ipset save` and `ipset list` have in common: the sets.

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ipsets<'a> {
    pub sets: Vec<Ipset<'a>>,
}

/// A set. What only `ipset list` prints is `null` after `ipset save`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Ipset<'a> {
    pub name: &'a str,
    /// `hash:ip`, `hash:net`, `hash:ip,port`, `list:set`, ...
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub revision: Option<u32>,
    /// `inet` or `inet6`; `null` for types without one, such as `list:set` and `bitmap:port`.
    pub family: Option<&'a str>,
    /// The set is full at this number of members.
    pub max_entries: Option<u64>,
    /// All options of the set, the two above among them.
    pub options: Vec<SetOption<'a>>,
    pub size_bytes: Option<u64>,
    /// How many rules and other sets use it.
    pub references: Option<u64>,
    /// The number of members that the header names; more than there are members where the output was cut off.
    pub entries: Option<u64>,
    /// In the kernel's order, which means nothing.
    pub members: Vec<&'a str>,
    /// Members with options of their own: `nomatch`, `timeout 30`, `comment "x"`.
    pub annotations: Vec<Annotation<'a>>,
}

/// `maxelem` `1048576`; `null` for a flag such as `counters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SetOption<'a> {
    pub name: &'a str,
    pub value: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Annotation<'a> {
    pub member: &'a str,
    pub options: &'a str,
}

impl<'a> Ipset<'a> {
    /// `family inet hashsize 1024 maxelem 1048576 counters`
    pub(super) fn set_options(&mut self, text: &'a str) {
        let mut words = text.split_ascii_whitespace();
        while let Some(name) = words.next() {
            let flag = matches!(name, "counters" | "comment" | "skbinfo" | "forceadd" | "wildcard");
            let value = if flag { None } else { words.next() };
            match name {
                "family" => self.family = value,
                "maxelem" => self.max_entries = value.and_then(|v| v.parse().ok()),
                _ => {}
            }
            self.options.push(SetOption { name, value });
        }
    }

    /// `10.65.0.0/16`, `10.65.0.1,tcp:80 timeout 30`
    pub(super) fn add_member(&mut self, text: &'a str) {
        let (member, options) = text.split_once(' ').unwrap_or((text, ""));
        self.members.push(member);
        if !options.trim().is_empty() {
            self.annotations.push(Annotation {
                member,
                options: options.trim(),
            });
        }
    }
}
