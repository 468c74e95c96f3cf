use super::{Endpoint, ServiceRules, Wanted, place};
use runbook_parsers::netfilter::nft_ruleset::{Chain, Map, NftRuleset, Table};

const MAX_DEPTH: usize = 6;

/// kube-proxy's own table: a verdict map from address, protocol and port to the chain of a Service.
pub(crate) fn nft_service(ruleset: &NftRuleset, wanted: &Wanted) -> ServiceRules {
    let mut found = ServiceRules::default();
    let ipv6 = wanted.address.as_ref().is_some_and(|a| a.contains(':'));
    let family = if ipv6 { "ip6" } else { "ip" };
    let Some(table) = ruleset
        .tables
        .iter()
        .find(|t| t.name == "kube-proxy" && t.family == family)
    else {
        return found;
    };
    found.mode = Some("nftables");
    found.hooked = table
        .chains
        .iter()
        .any(|c| c.hook.as_deref() == Some("prerouting") && c.kind.as_deref() == Some("nat"));
    let (services, empty) = match wanted.address {
        Some(_) => ("service-ips", "no-endpoint-services"),
        None => ("service-nodeports", "no-endpoint-nodeports"),
    };
    found.known = map(table, "service-ips").map_or(0, |m| m.elements.len());
    if let Some((key, verdict)) = map(table, services).and_then(|m| element(m, wanted)) {
        found.found = true;
        found.rule = Some(format!("{key} : {verdict}"));
        follow(table, target(verdict), 0, &mut found);
    }
    if let Some((key, verdict)) = map(table, empty).and_then(|m| element(m, wanted)) {
        (found.found, found.rejected) = (true, true);
        found.rule = Some(format!("{key} : {verdict}"));
    }
    found
}

fn map<'a>(table: &'a Table, name: &str) -> Option<&'a Map> {
    table.maps.iter().find(|m| m.name == name)
}

/// `10.96.0.10 . udp . 53 comment "kube-system/kube-dns:dns"`, or `tcp . 30080`
fn element<'a>(map: &'a Map, wanted: &Wanted) -> Option<(&'a str, &'a str)> {
    let fits = |key: &str| {
        let key = key.split(" comment ").next().unwrap_or(key);
        let parts = key.split(" . ").map(str::trim).collect::<Vec<_>>();
        let port = wanted.port.to_string();
        match (&wanted.address, &parts[..]) {
            (Some(address), [a, protocol, p]) => a == address && *protocol == wanted.protocol && *p == port,
            (None, [protocol, p]) => *protocol == wanted.protocol && *p == port,
            _ => false,
        }
    };
    let found = map.elements.iter().find(|e| fits(&e.key))?;
    Some((&found.key, &found.value))
}

fn target(verdict: &str) -> &str {
    verdict.split_whitespace().nth(1).unwrap_or_default()
}

fn follow(table: &Table, name: &str, depth: usize, found: &mut ServiceRules) {
    let Some(chain) = table
        .chains
        .iter()
        .find(|c| c.name == name)
        .filter(|_| depth < MAX_DEPTH)
    else {
        return;
    };
    if name.starts_with("endpoint-") {
        endpoint(chain, found);
        return;
    }
    for rule in &chain.rules {
        let text = rule.text.as_deref().unwrap_or_default();
        found.packets = found.packets.max(rule.counter.map(|c| c.packets));
        found.affinity |= text.contains("@affinity-");
        // A rule names one chain, or many in a verdict map.
        let mut words = text.split(|c: char| c.is_whitespace() || c == ',').peekable();
        while let Some(word) = words.next() {
            let next = matches!(word, "goto" | "jump").then(|| words.peek().copied()).flatten();
            if let Some(next) = next.filter(|n| {
                ["endpoint-", "service-", "external-", "local-"]
                    .iter()
                    .any(|p| n.starts_with(p))
            }) {
                follow(table, next, depth + 1, found);
            }
        }
    }
}

/// `ip saddr 10.244.1.7 jump mark-for-masquerade` and `meta l4proto tcp dnat to 10.244.1.7:8080`
fn endpoint(chain: &Chain, found: &mut ServiceRules) {
    let texts = || chain.rules.iter().filter_map(|r| r.text.as_deref());
    for text in texts() {
        let Some((_, to)) = text.split_once("dnat to ") else {
            continue;
        };
        let (address, port) = place(to.split_whitespace().next().unwrap_or_default());
        let itself = |t: &str| t.contains("jump mark-for-masquerade") && t.split_whitespace().any(|w| w == address);
        let hairpin = Some(texts().any(itself));
        found.add(Endpoint {
            address,
            port,
            packets: None,
            hairpin,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runbook_parsers::netfilter::nft_ruleset;

    const RULESET: &str = r#"table ip kube-proxy {
	map no-endpoint-services {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.96.0.9 . tcp . 80 comment "a/none:http" : goto reject-chain }
	}
	map service-ips {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.96.0.10 . udp . 53 : goto service-FY5PMXPG-kube-system/kube-dns/udp/dns,
			     10.96.71.5 . tcp . 80 : goto service-ITBI3OHK-shop/catalog/tcp/http }
	}
	chain endpoint-FFSPZ52P-shop/catalog/tcp/http__10.244.1.7/8080 {
		ip saddr 10.244.1.7 jump mark-for-masquerade
		meta l4proto tcp dnat to 10.244.1.7:8080
	}
	chain endpoint-GGSPZ52P-shop/catalog/tcp/http__10.244.2.7/8080 {
		meta l4proto tcp dnat to 10.244.2.7:8080
	}
	chain service-ITBI3OHK-shop/catalog/tcp/http {
		ip daddr 10.96.71.5 tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade
		numgen random mod 2 vmap { 0 : goto endpoint-FFSPZ52P-shop/catalog/tcp/http__10.244.1.7/8080, 1 : goto endpoint-GGSPZ52P-shop/catalog/tcp/http__10.244.2.7/8080 }
	}
	chain nat-prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		jump services
	}
}
"#;

    fn ask(address: &str) -> ServiceRules {
        let wanted = Wanted {
            address: Some(address.into()),
            port: 80,
            protocol: "tcp".into(),
        };
        nft_service(&nft_ruleset::parse(RULESET).unwrap(), &wanted)
    }

    #[test]
    fn endpoints_are_found_in_the_verdict_map() {
        let rules = ask("10.96.71.5");
        let seen = rules
            .endpoints
            .iter()
            .map(|e| (e.address.as_str(), e.port, e.hairpin))
            .collect::<Vec<_>>();
        assert_eq!(
            seen,
            [
                ("10.244.1.7", Some(8080), Some(true)),
                ("10.244.2.7", Some(8080), Some(false))
            ]
        );
        assert!(rules.hooked && rules.known == 2);
    }

    #[test]
    fn want_of_endpoints_is_a_refusal() {
        assert!(ask("10.96.0.9").rejected);
        assert!(!ask("10.96.0.8").found);
    }
}
