use super::*;
use proptest::prelude::*;

#[test]
fn a_protocol_has_what_its_template_gives() {
    let config = parse(
        r#"router id 192.0.2.1; /* two
        lines */ listen bgp port 1790;
        template bgp base { local as 64512; multihop; hold time 90; }
        template bgp t from base { graceful restart; ttl security on; }
        protocol bgp Node_1 from t {
          neighbor 192.0.2.2 port 1790 as 65001; # a peer
          password "se{cr;et"; passive; next hop self; rr client; local as 64513;
          ipv4 { import all; export filter 'x y'; };
        }"#,
    )
    .unwrap();
    assert_eq!(
        (config.router_id.as_deref(), config.options.len()),
        (Some("192.0.2.1"), 1)
    );
    let protocol = &config.protocols[0];
    let bgp = protocol.bgp.as_ref().unwrap();
    assert_eq!(
        (bgp.local_as, bgp.neighbor_as, bgp.neighbor_port),
        (Some(64513), Some(65001), Some(1790))
    );
    assert!(bgp.multihop && bgp.passive && bgp.password && bgp.ttl_security && bgp.route_reflector_client);
    assert_eq!((bgp.hold_time_s, bgp.next_hop.as_deref()), (Some(90), Some("self")));
    assert_eq!(
        (protocol.import.as_deref(), protocol.export.as_deref()),
        (Some("all"), Some("x y"))
    );
    assert!(protocol.graceful_restart && protocol.settings.contains(&"password ****".to_owned()));
}

#[test]
fn rules_keep_order_network_and_reason() {
    let config = parse(
        "function f(bool internal_peer) {
          if (internal_peer) then { if (ifname ~ \"*.cali\") then { reject; } }
          calico_aggr();
          if ( net = 10.0.0.0/26 ) then { accept; }
          if (net ~ 10.1.0.0/16) then { reject; } # BGP export is disabled.
          if (x) then krt_metric = 5; else { y = 1; accept; }
          reject;
        }",
    )
    .unwrap();
    let filter = &config.filters[0];
    assert_eq!(
        (filter.name.as_str(), filter.arguments.as_deref()),
        ("f", Some("bool internal_peer"))
    );
    let got: Vec<_> = filter
        .rules
        .iter()
        .map(|r| (r.network.as_deref(), r.action.as_deref(), r.steps.len()))
        .collect();
    assert_eq!(
        got,
        [
            (None, Some("reject"), 0),
            (None, None, 1),
            (Some("10.0.0.0/26"), Some("accept"), 0),
            (Some("10.1.0.0/16"), Some("reject"), 0),
            (None, None, 1),
            (None, Some("accept"), 1),
            (None, Some("reject"), 0),
        ]
    );
    assert_eq!(filter.rules[0].conditions.len(), 2);
    assert!(filter.rules[2].exact && !filter.rules[3].exact);
    assert_eq!(filter.rules[3].comment.as_deref(), Some("BGP export is disabled."));
    assert_eq!(filter.rules[5].conditions, ["!(x)"]);
}

#[test]
fn braces_have_to_match() {
    assert_eq!(parse("filter a {\n reject;\n").unwrap_err().line, 2);
    assert_eq!(parse("\n}\n").unwrap_err().line, 2);
    assert!(parse(&"{".repeat(1_000_000)).is_err());
}

proptest! {
    #[test]
    fn never_panics(text in "(if|else| then|[a-z(){};#'\"/* \n=~.0-9]|protocol bgp a|template bgp a from a){0,60}") {
        let _ = parse(&text);
    }
}
