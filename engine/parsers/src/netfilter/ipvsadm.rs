//! `ipvsadm -Ln` and `ipvsadm -Sn`: the Services that the kernel balances itself, as kube-proxy uses them in its IPVS mode.

use crate::ParseError;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Ipvs {
    pub services: Vec<VirtualService>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct VirtualService {
    /// `tcp`, `udp`, `sctp`.
    pub protocol: String,
    pub address: String,
    pub port: u16,
    /// `rr`, `lc`, `sh`, ...
    pub scheduler: String,
    /// How long a client stays with one server.
    pub persistent_s: Option<u32>,
    pub servers: Vec<RealServer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RealServer {
    pub address: String,
    pub port: u16,
    /// A server with weight 0 gets no new connections.
    pub weight: u32,
    /// Connections; only the list prints them.
    pub active: Option<u64>,
    pub inactive: Option<u64>,
}

const EXPECTED: &str =
    "`TCP ADDRESS:PORT SCHEDULER`, `-> ADDRESS:PORT Masq WEIGHT ...`, or the options that `ipvsadm -R` takes";

/// Reads the output of `ipvsadm -Ln` or `ipvsadm -Sn`.
///
/// Shape: services in the kernel's order with their servers. Nothing printed means that there are none.
pub fn parse(text: &str) -> Result<Ipvs, ParseError> {
    let mut ipvs = Ipvs::default();
    for (index, line) in text.lines().enumerate() {
        let words = line.split_whitespace().collect::<Vec<_>>();
        let known = match words[..] {
            [] | ["IP", "Virtual", ..] | ["Prot", ..] | ["->", "RemoteAddress:Port", ..] => Some(()),
            ["->", ..] => listed_server(&words).and_then(|server| ipvs.add_server(server)),
            ["-A" | "-a", ..] => ipvs.saved(&words),
            [protocol, ..] if protocol.bytes().all(|b| b.is_ascii_uppercase()) => {
                listed_service(&words).map(|service| ipvs.services.push(service))
            }
            _ => None,
        };
        known.ok_or_else(|| ParseError::new(index + 1, line, EXPECTED))?;
    }
    Ok(ipvs)
}

/// `10.96.0.1:443` or `[fd00::1]:443`.
fn place(text: &str) -> Option<(String, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let known: std::net::IpAddr = address.parse().ok()?;
    Some((known.to_string(), port.parse().ok()?))
}

/// `TCP  10.96.0.1:443 rr persistent 10800`
fn listed_service(words: &[&str]) -> Option<VirtualService> {
    let [protocol, at, scheduler, flags @ ..] = words else {
        return None;
    };
    let (address, port) = place(at)?;
    let persistent = flags.iter().position(|f| *f == "persistent");
    Some(VirtualService {
        protocol: protocol.to_lowercase(),
        address,
        port,
        scheduler: (*scheduler).to_owned(),
        persistent_s: persistent.and_then(|i| flags.get(i + 1)?.parse().ok()),
        servers: vec![],
    })
}

/// `-> 198.18.0.250:6443            Masq    1      3          0`
fn listed_server(words: &[&str]) -> Option<RealServer> {
    let ["->", at, _forward, weight, counts @ ..] = words else {
        return None;
    };
    let (address, port) = place(at)?;
    let count = |i: usize| counts.get(i).and_then(|c| c.parse().ok());
    Some(RealServer {
        address,
        port,
        weight: weight.parse().ok()?,
        active: count(0),
        inactive: count(1),
    })
}

impl Ipvs {
    fn add_server(&mut self, server: RealServer) -> Option<()> {
        self.services.last_mut()?.servers.push(server);
        Some(())
    }

    /// `-A -t 10.96.0.1:443 -s rr -p 10800`, `-a -t 10.96.0.1:443 -r 198.18.0.250:6443 -m -w 1`
    fn saved(&mut self, words: &[&str]) -> Option<()> {
        let value = |option: &str| {
            let at = words.iter().position(|w| *w == option)?;
            words.get(at + 1).copied()
        };
        let kinds = [("-t", "tcp"), ("-u", "udp"), ("--sctp-service", "sctp")];
        let (protocol, at) = kinds.iter().find_map(|(option, name)| Some((*name, value(option)?)))?;
        let (address, port) = place(at)?;
        let same = |s: &VirtualService| s.protocol == protocol && s.address == address && s.port == port;
        if words.first() == Some(&"-A") {
            self.services.push(VirtualService {
                protocol: protocol.to_owned(),
                address,
                port,
                scheduler: value("-s")?.to_owned(),
                persistent_s: value("-p").and_then(|p| p.parse().ok()),
                servers: vec![],
            });
            return Some(());
        }
        let service = self.services.iter_mut().find(|s| same(s))?;
        let (address, port) = place(value("-r")?)?;
        let weight = value("-w")?.parse().ok()?;
        service.servers.push(RealServer {
            address,
            port,
            weight,
            ..RealServer::default()
        });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_say_the_same() {
        let listed =
            "TCP  10.96.0.1:443 rr persistent 10800\n  -> 198.18.0.250:6443            Masq    1      0          0\n";
        let saved = "-A -t 10.96.0.1:443 -s rr -p 10800\n-a -t 10.96.0.1:443 -r 198.18.0.250:6443 -m -w 1\n";
        let mut listed = parse(listed).unwrap();
        for server in listed.services.iter_mut().flat_map(|s| &mut s.servers) {
            (server.active, server.inactive) = (None, None);
        }
        assert_eq!(listed, parse(saved).unwrap());
    }

    #[test]
    fn a_server_belongs_to_a_service() {
        assert!(parse("  -> 198.18.0.250:6443 Masq 1 0 0\n").is_err());
        assert!(parse("-a -t 10.96.0.1:443 -r 198.18.0.250:6443 -m -w 1\n").is_err());
    }

    proptest! {
        #[test]
        fn odd_input_never_panics(text in "(TCP|UDP|->|-A|-a|-t|\\[|10\\.0\\.0\\.1:80|rr|Masq|\n| |[0-9]){0,40}") {
            let _ = parse(&text);
        }
    }
}
