//! `calicoctl ipam show`, with `--show-blocks`, `--show-borrowed`, `--show-configuration` and `--ip`.

use super::table::{cells, is_border};
use crate::{ParseError, Unparsed};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was asked for is filled in; the rest is empty or `null`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct IpamShow<'a> {
    pub pools: Vec<Pool<'a>>,
    /// With `--show-borrowed`: addresses that a node took from a block of another one.
    pub borrowed: Vec<Borrowed<'a>>,
    /// With `--show-configuration`: `StrictAffinity`, `AutoAllocateBlocks`, `MaxBlocksPerHost`, ...; values as printed.
    pub configuration: BTreeMap<&'a str, &'a str>,
    /// With `--ip`.
    pub address: Option<Address<'a>>,
    pub unparsed: Vec<Unparsed>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Pool<'a> {
    #[serde(flatten)]
    pub usage: Usage<'a>,
    /// With `--show-blocks`.
    pub blocks: Vec<Usage<'a>>,
}

/// Numbers of addresses. Not whole numbers, as IPv6 pools have more addresses than those can count.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Usage<'a> {
    pub cidr: &'a str,
    pub total: f64,
    pub in_use: f64,
    /// `null` for versions that do not print it.
    pub reserved: Option<f64>,
    pub free: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Borrowed<'a> {
    pub address: &'a str,
    pub borrowing_node: &'a str,
    pub block: &'a str,
    pub block_owner: &'a str,
    /// `pod`, or a kind of tunnel address.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// `namespace/name`
    pub allocated_to: &'a str,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Address<'a> {
    pub address: &'a str,
    pub in_use: bool,
    pub handle: Option<&'a str>,
    /// `namespace`, `node`, `pod`, `timestamp`; `type` for tunnel addresses.
    pub attributes: BTreeMap<&'a str, &'a str>,
    /// Of the owner that takes over, while a virtual machine moves.
    pub alternate_attributes: BTreeMap<&'a str, &'a str>,
}

/// Reads the output of `calicoctl ipam show` with any of its flags.
pub fn parse(text: &str) -> Result<IpamShow<'_>, ParseError> {
    let mut show = IpamShow::default();
    let mut columns: Vec<&str> = Vec::new();
    let mut alternate = false;
    for (index, line) in text.lines().enumerate() {
        let body = line.trim();
        if body.is_empty() || is_border(body) {
            continue;
        }
        let error = |expected: String| ParseError::new(index + 1, line, expected);
        match cells(body) {
            Some(names)
                if names
                    .iter()
                    .all(|n| n.chars().all(|c| c.is_ascii_uppercase() || c == ' ' || c == '-')) =>
            {
                columns = names;
            }
            Some(cells) => show
                .row(&columns, &cells)
                .ok_or_else(|| error(format!("a row of the columns {columns:?}")))?,
            None if show.address_line(line, &mut alternate) => {}
            None => show.unparsed.push(Unparsed::new(index + 1, line)),
        }
    }
    if columns.is_empty() && show.address.is_none() {
        return Err(ParseError::new(
            1,
            text.lines().next().unwrap_or_default(),
            "a table, or `IP ADDRESS is in use`",
        ));
    }
    Ok(show)
}

impl<'a> IpamShow<'a> {
    fn row(&mut self, columns: &[&str], cells: &[&'a str]) -> Option<()> {
        let cell = |name: &str| cells.get(columns.iter().position(|c| *c == name)?).copied();
        if let Some(grouping) = cell("GROUPING") {
            let usage = Usage {
                cidr: cell("CIDR")?,
                total: count(cell("IPS TOTAL")?)?,
                in_use: count(cell("IPS IN USE")?)?,
                reserved: cell("IPS RESERVED").map(count).unwrap_or_default(),
                free: count(cell("IPS FREE")?)?,
            };
            match grouping {
                "IP Pool" => self.pools.push(Pool {
                    usage,
                    blocks: Vec::new(),
                }),
                "Block" => self.pools.last_mut()?.blocks.push(usage),
                _ => return None,
            }
        } else if let Some(property) = cell("PROPERTY") {
            self.configuration.insert(property, cell("VALUE")?);
        } else {
            self.borrowed.push(Borrowed {
                address: cell("IP")?,
                borrowing_node: cell("BORROWING-NODE")?,
                block: cell("BLOCK")?,
                block_owner: cell("BLOCK OWNER")?,
                kind: cell("TYPE")?,
                allocated_to: cell("ALLOCATED-TO")?,
            });
        }
        Some(())
    }

    /// Lines of `--ip`; `false` for others.
    fn address_line(&mut self, line: &'a str, alternate: &mut bool) -> bool {
        let body = line.trim();
        if let Some(address) = body.strip_prefix("IP ").and_then(|l| l.strip_suffix(" is in use")) {
            self.address = Some(Address {
                address,
                in_use: true,
                ..Address::default()
            });
            return true;
        }
        if let Some(address) = body.strip_suffix(" is not assigned") {
            self.address = Some(Address {
                address,
                ..Address::default()
            });
            return true;
        }
        let Some(address) = &mut self.address else { return false };
        match body.split_once(": ") {
            Some(("Handle ID", handle)) => address.handle = Some(handle),
            Some((name, value)) if line.starts_with(' ') => {
                let attributes = if *alternate {
                    &mut address.alternate_attributes
                } else {
                    &mut address.attributes
                };
                attributes.insert(name, value);
            }
            _ if body.ends_with("ttributes:") => *alternate = body.starts_with("Alternate"),
            _ => return body == "No attributes defined",
        }
        true
    }
}

/// `65532 (100%)`, `1.8447e+19`
fn count(cell: &str) -> Option<f64> {
    cell.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn older_tables_have_fewer_columns() {
        let got = parse("| GROUPING |      CIDR      | IPS TOTAL  | IPS IN USE | IPS FREE |\n| IP Pool | 2001:db8::/64 | 1.8447e+19 | 3 (0%) | 1.8447e+19 (100%) |\n").unwrap();
        assert_eq!((got.pools[0].usage.in_use, got.pools[0].usage.reserved), (3.0, None));
        assert!(got.pools[0].usage.total > 1e19);
    }

    #[test]
    fn an_address_may_have_two_owners() {
        let got = parse("IP 10.0.0.1 is in use\nHandle ID: h\nActive Owner Attributes:\n  pod: a\nAlternate Owner Attributes:\n  pod: b\n").unwrap();
        let address = got.address.unwrap();
        assert_eq!(
            (address.attributes["pod"], address.alternate_attributes["pod"]),
            ("a", "b")
        );
        assert!(!parse("10.0.0.9 is not assigned\n").unwrap().address.unwrap().in_use);
        assert!(parse("").is_err() && parse("| CIDR |\n| 1 |\n").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(\\| |GROUPING|CIDR|PROPERTY|VALUE|IP |is in use|: |[a-z0-9é]{1,4}|\n){0,24}") {
            let _ = parse(&text);
        }
    }
}
