use super::*;
use proptest::prelude::*;

const RULESET: &str = r#"# Warning: table ip nat is managed by iptables-nft, do not touch!
table ip calico { # handle 7
	comment "a table"
	flags dormant
	map dispatch {
		type ifname : verdict
		elements = { "cali1" : goto fw-cali1,
			     "a : b" : drop }
	}
	set ports { # handle 2
		type ipv4_addr . inet_service
		flags interval,timeout
		size 100
		elements = { 10.0.0.1 . 80 timeout 1m expires 2s,
			     10.0.0.2 . 443 }
	}
	flowtable fast {
		hook ingress priority filter + 5
		devices = { eth0, "eth1" }
	}
	counter hits {
		packets 3 bytes 4
	}
	chain nat-POST { # handle 3
		type nat hook postrouting priority srcnat + 10; policy accept;
		tcp dport { 80, 443 } vmap { tcp : jump a, udp : drop }
		ct status dnat icmp type redirect counter packets 5 bytes 6 accept comment "cali:x; drop it { now" # handle 9
		counter packets 1 bytes 2 dnat to 10.0.0.1:80
	}
"#;

#[test]
fn reads_every_kind_of_block() {
    let got = parse(RULESET).unwrap();
    assert_eq!((got.warnings.len(), got.unparsed.len()), (1, 0));
    let table = &got.tables[0];
    assert_eq!((table.handle, table.complete, table.flags.len()), (Some(7), false, 1));
    assert_eq!(
        table.maps[0].elements[1],
        MapElement {
            key: "a : b".into(),
            value: "drop".into()
        }
    );
    assert_eq!(
        table.sets[0].elements,
        ["10.0.0.1 . 80 timeout 1m expires 2s", "10.0.0.2 . 443"]
    );
    assert_eq!(
        (table.flowtables[0].priority, table.flowtables[0].devices.len()),
        (Some(5), 2)
    );
    assert_eq!(table.objects[0].kind, "counter");
    let chain = &table.chains[0];
    assert_eq!(
        (chain.priority, chain.hook.as_deref()),
        (Some(110), Some("postrouting"))
    );
    let verdict = |i: usize| chain.rules[i].verdict.clone().unwrap();
    assert_eq!(verdict(0).target.as_deref(), Some("{ tcp : jump a, udp : drop }"));
    assert_eq!((verdict(1).kind.as_str(), chain.rules[1].handle), ("accept", Some(9)));
    assert_eq!(chain.rules[1].comment.as_deref(), Some("cali:x; drop it { now"));
    assert_eq!(
        verdict(2),
        Verdict {
            kind: "dnat".into(),
            target: Some("to 10.0.0.1:80".into())
        }
    );
}

#[test]
fn a_line_outside_of_tables_is_an_error() {
    assert_eq!(parse("\nError: no such thing\n").unwrap_err().line, 2);
    assert!(parse("}").is_err());
    assert_eq!(parse("").unwrap(), NftRuleset::default());
}

#[test]
fn both_forms_agree_on_what_counts() {
    let text = r#"table ip t { # handle 1
	set s { # handle 2
		type ipv4_addr
		flags interval
		elements = { 192.0.2.0/24, 198.51.100.1-198.51.100.9 }
	}
	chain c { # handle 3
		type nat hook postrouting priority 110; policy accept;
		counter packets 1 bytes 2 jump x comment "y" # handle 4
	}
}"#;
    let json = r#"{"nftables": [{"metainfo": {}}, {"table": {"family": "ip", "name": "t", "handle": 1}},
        {"set": {"family": "ip", "table": "t", "name": "s", "handle": 2, "type": "ipv4_addr", "flags": ["interval"],
          "elem": [{"prefix": {"addr": "192.0.2.0", "len": 24}}, {"range": ["198.51.100.1", "198.51.100.9"]}]}},
        {"chain": {"family": "ip", "table": "t", "name": "c", "handle": 3, "type": "nat", "hook": "postrouting", "prio": 110, "policy": "accept"}},
        {"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 4, "comment": "y",
          "expr": [{"counter": {"packets": 1, "bytes": 2}}, {"jump": {"target": "x"}}]}},
        {"rule": {"family": "ip", "table": "gone", "chain": "c", "expr": []}}]}"#;
    let (mut left, mut right) = (parse(text).unwrap(), parse(json).unwrap());
    assert_eq!(std::mem::take(&mut right.unparsed).len(), 1);
    left.tables[0].chains[0].priority_text = None;
    left.tables[0].chains[0].rules[0].text = None;
    right.tables[0].chains[0].rules[0].expr = None;
    assert_eq!(left, right);
}

proptest! {
    #[test]
    fn never_panics(lines in proptest::collection::vec(
        "(table ip x \\{|chain a \\{|map m \\{|elements = \\{|\\}|type|comment|counter|[a-z\"{}:,;# ]{0,12})", 0..20)) {
        let _ = parse(&lines.join("\n"));
    }
}
