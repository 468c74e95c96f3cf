use sha2::{Digest, Sha224};

use super::base64url;

/// ipset names end here; the kernel takes no more.
const SET_MAX: usize = 31;

/// Returns `<kind>:<hash>`, Felix's id of a set that is computed from `content`.
pub fn unique_id(kind: &str, content: &str) -> String {
    let digest = Sha224::digest(format!("{kind}:{content}").as_bytes());
    format!("{kind}:{}", base64url(&digest))
}

/// Returns the id of the set that holds what a selector matches; `canonical` is its canonical text.
pub fn selector_set_id(canonical: &str) -> String {
    unique_id("s", canonical)
}

/// Returns the id of the set that holds `address,protocol:port` of a named port.
///
/// `canonical` is the selector that the rule combines it with, `all()` where it has none.
pub fn named_port_set_id(canonical: &str, protocol: &str, port: &str) -> String {
    unique_id(
        "n",
        &format!("{},{},{port}", selector_set_id(canonical), protocol.to_lowercase()),
    )
}

/// Returns the id of the set that holds the endpoints of a service.
pub fn service_set_id(namespace: &str, name: &str, with_ports: bool) -> String {
    unique_id(
        if with_ports { "svc" } else { "svcnoport" },
        &format!("{namespace}/{name}"),
    )
}

/// Returns the ipset's name: `cali40` or `cali60` and the id, cut to 31 characters.
pub fn set_name(id: &str, ipv6: bool) -> String {
    let mut name = format!("cali{}0{id}", if ipv6 { 6 } else { 4 });
    let end = name
        .char_indices()
        .map(|(at, char)| at + char.len_utf8())
        .take_while(|end| *end <= SET_MAX)
        .last();
    name.truncate(end.unwrap_or(0));
    name
}

/// Returns the nftables set's name: the ipset's, without colons.
pub fn nft_set(id: &str, ipv6: bool) -> String {
    set_name(id, ipv6).replace(':', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors() {
        assert_eq!(
            set_name(&selector_set_id("app == \"web\""), false),
            "cali40s:oy593DLyi5BRwxLRqXScOfE"
        );
        assert_eq!(
            set_name(&selector_set_id("role == \"blocked\""), false),
            "cali40s:z49UPXHfUPB-CEsFD3LheI_"
        );
        assert_eq!(
            nft_set(&selector_set_id("role == \"blocked\""), false),
            "cali40s-z49UPXHfUPB-CEsFD3LheI_"
        );
        assert_eq!(
            set_name(&named_port_set_id("all()", "TCP", "http"), false),
            "cali40n:cl9_Kgeu4H0OGLbhovVR3NB"
        );
        let orders = "(projectcalico.org/namespace == \"shop\" && app == \"orders\")";
        assert_eq!(
            set_name(&named_port_set_id(orders, "TCP", "http"), false),
            "cali40n:YmYBwmna4mUmt0USBcUpOuR"
        );
        assert_eq!(set_name("masq-ipam-pools", true), "cali60masq-ipam-pools");
    }
}
