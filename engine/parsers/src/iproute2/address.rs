//! Addresses and prefixes as iproute2 prints them.

use std::net::IpAddr;

/// An address, or an address with a prefix length.
pub(crate) fn is_address(word: &str) -> bool {
    split(word).is_some()
}

/// `default`, an address or a prefix as a prefix with its length. What is none of these comes back as it is.
pub(crate) fn prefix_of(dst: &str, ipv6: bool) -> String {
    match (dst, split(dst)) {
        ("default", _) if ipv6 => "::/0".into(),
        ("default", _) => "0.0.0.0/0".into(),
        (_, Some((address, None))) => format!("{address}/{}", bits(address)),
        _ => dst.to_owned(),
    }
}

/// The address and its prefix length, if `word` is one.
pub(crate) fn split(word: &str) -> Option<(IpAddr, Option<u8>)> {
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
        None => (word, None),
    };
    let address: IpAddr = address.parse().ok()?;
    length.is_none_or(|l| l <= bits(address)).then_some((address, length))
}

pub(crate) fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}
