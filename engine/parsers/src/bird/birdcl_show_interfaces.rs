//! `birdcl show interfaces` and `birdcl show interfaces summary` of BIRD 1.6 and 2.

use super::reply::{Refusal, Reply};
use crate::ParseError;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowInterfaces<'a> {
    pub bird_version: Option<&'a str>,
    pub refusal: Option<Refusal<'a>>,
    pub interfaces: Vec<Interface<'a>>,
}

/// An interface as BIRD sees it. The summary has neither index nor flags nor MTU.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Interface<'a> {
    pub name: &'a str,
    /// Whether BIRD would use it: up, with a link and with an address.
    pub up: bool,
    pub index: Option<u32>,
    /// `MultiAccess`, `AdminUp`, `LinkUp`, `Ignored`, ...
    pub flags: Vec<&'a str>,
    pub mtu_bytes: Option<u32>,
    pub addresses: Vec<Address<'a>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Address<'a> {
    /// With the prefix length.
    pub address: &'a str,
    /// The words in parentheses: `Primary`, `Preferred`, `scope univ`, `opposite 192.0.2.1`.
    pub attributes: Vec<&'a str>,
}

const EXPECTED: &str = "name, state, then addresses or `(index=N)`; or an indented line about it";

/// Reads the output of `birdcl show interfaces [summary]`.
pub fn parse(text: &str) -> Result<ShowInterfaces<'_>, ParseError> {
    let mut reply = Reply::new(text);
    let mut interfaces: Vec<Interface<'_>> = Vec::new();
    while let Some((number, line)) = reply.next() {
        let mut words = line.split_ascii_whitespace().map(str::to_ascii_lowercase);
        let header = words.next().as_deref() == Some("interface") && words.next().as_deref() == Some("state");
        if line.trim().is_empty() || header || reply.refuses(line) {
            continue;
        }
        let known = if line.starts_with('\t') {
            interfaces.last_mut().and_then(|i| i.detail(line.trim()))
        } else {
            interface(line).map(|i| interfaces.push(i))
        };
        known.ok_or_else(|| ParseError::new(number, line, EXPECTED))?;
    }
    if interfaces.is_empty() && !reply.answered() {
        return Err(ParseError::new(
            1,
            text.lines().next().unwrap_or_default(),
            "`BIRD VERSION ready.`",
        ));
    }
    Ok(ShowInterfaces {
        bird_version: reply.version,
        refusal: reply.refusal,
        interfaces,
    })
}

/// `eth0      up    198.18.0.1/24`, `eth0 up (index=2)`, `eth0 DOWN (index=2 master=br0)`
fn interface(line: &str) -> Option<Interface<'_>> {
    let mut words = line.split_ascii_whitespace();
    let (name, state) = (words.next()?, words.next()?);
    let up = match state {
        "up" => true,
        "DOWN" | "down" => false,
        _ => return None,
    };
    let mut interface = Interface {
        name,
        up,
        ..Interface::default()
    };
    for word in words {
        let word = word.trim_matches(['(', ')']);
        match word.split_once('=') {
            Some(("index", index)) => interface.index = Some(index.parse().ok()?),
            Some(_) => interface.flags.push(word),
            None => interface.addresses.push(Address {
                address: word,
                attributes: Vec::new(),
            }),
        }
    }
    Some(interface)
}

impl<'a> Interface<'a> {
    /// `MultiAccess AdminUp LinkUp MTU=1500` or `198.18.0.1/24 (Primary, scope univ)`
    fn detail(&mut self, line: &'a str) -> Option<()> {
        if let Some((address, attributes)) = line.split_once(" (") {
            let attributes = attributes.strip_suffix(')')?.split(',').map(str::trim).collect();
            self.addresses.push(Address { address, attributes });
            return Some(());
        }
        for word in line.split_ascii_whitespace() {
            match word.strip_prefix("MTU=") {
                Some(mtu) => self.mtu_bytes = Some(mtu.parse().ok()?),
                None => self.flags.push(word),
            }
        }
        Some(())
    }
}
