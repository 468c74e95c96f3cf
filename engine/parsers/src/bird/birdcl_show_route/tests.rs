use super::*;
use crate::bird::protocol_details::Detail;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn routes_share_the_network_above_them() {
    let text = "BIRD 1.6.8 ready.
10.65.74.192/26    via 198.18.0.2 on eth0 [Mesh_198_18_0_2 2026-11-24 16:30:58 from 198.18.0.9] * (100/-) [AS65001i]
\tBGP.as_path: 65001
                   unreachable [Mesh_2 16:30:58] ! (100/0) [?]
0.0.0.0/0          multipath [kernel1 16:30:56] * (10)
\tvia 192.0.2.1 on eth0 weight 1
\tvia 192.0.2.2 on eth1 weight 2
";
    let got = parse(text).unwrap();
    let routes: Vec<_> = got.routes.iter().collect();
    let [first, second, third] = routes[..] else {
        unreachable!("three routes")
    };
    assert_eq!(
        (first.since(), first.from()),
        ("2026-11-24 16:30:58", Some("198.18.0.9"))
    );
    assert_eq!((first.best(), first.preference(), first.metric()), (true, 100, None));
    assert_eq!((first.origin(), first.origin_as()), (Some("igp"), Some(65001)));
    let path = Detail {
        name: "BGP.as_path",
        value: "65001",
    };
    assert_eq!(first.attributes().collect::<Vec<_>>(), [path]);
    assert_eq!((second.network(), second.kind()), ("10.65.74.192/26", "unreachable"));
    assert!(second.sync_error() && !second.best() && second.attributes().next().is_none());
    assert_eq!(
        (third.kind(), third.via(), third.multipath().len()),
        ("multipath", Some("192.0.2.1"), 2)
    );
}

#[test]
fn two_lines_of_bird_2_are_one_route() {
    let text = "Table master4:\n10.0.0.0/26      unicast [kernel1 1:1] (10)\n\tvia 10.0.0.1 on vxlan.calico onlink\n";
    let got = parse(text).unwrap();
    let route = got.routes.iter().next().unwrap();
    assert_eq!(
        (route.kind(), route.dev(), route.table()),
        ("via", Some("vxlan.calico"), Some("master4"))
    );
    assert!(route.onlink() && route.multipath().is_empty());
    let text = format!("{text}\tvia 10.0.0.2 on eth0\n");
    let got = parse(&text).unwrap();
    let route = got.routes.iter().next().unwrap();
    assert_eq!((route.kind(), route.multipath().len()), ("multipath", 2));
}

#[test]
fn a_line_longer_than_its_places_can_say_is_an_error() {
    let text = format!("{}/24 via 192.0.2.1 on eth0 [a 1:1] (1)\n", "1".repeat(70_000));
    assert_eq!(parse(&text).unwrap_err().line, 1);
}

#[test]
fn counts_and_refusals_are_answers() {
    let got = parse("BIRD 2.0.12 ready.\n5 of 16 routes for 13 networks in table master4\n").unwrap();
    assert_eq!(got.counts[0].table, Some("master4"));
    assert!(
        parse("BIRD 1.6.8 ready.\nNetwork not in table\n")
            .unwrap()
            .refusal
            .is_some()
    );
    assert!(parse("").is_err() && parse("10.0.0.0/8 via\n").is_err());
}

proptest! {
    #[test]
    fn never_panics(text in "(?s).{0,200}", line in "[\t ]?(via|dev|[0-9./]{3,9})[ \\[\\]()*:/a-z0-9]{0,60}") {
        let _ = parse(&text);
        let _ = parse(&format!("BIRD 1.6.8 ready.\n0.0.0.0/0 dev x [a 1:1] (1)\n{line}\n"));
    }

    #[test]
    fn what_is_rendered_is_read_back(
        network in "[0-9]{1,3}\\.0\\.0\\.0/[0-9]", via in proptest::option::of("[0-9a-f:]{2,10}"), dev in "[a-z0-9.]{1,9}",
        best: bool, preference: u32, metric: Option<u32>, origin_as: Option<u32>,
    ) {
        let hop = via.as_ref().map_or(format!("dev {dev}"), |via| format!("via {via} on {dev}"));
        let metric_text = metric.map(|m| format!("/{m}")).unwrap_or_default();
        let path = origin_as.map(|a| format!("AS{a}")).unwrap_or_default();
        let mark = if best { " *" } else { "" };
        let line = format!("{network:18} {hop} [p1 10:11:12]{mark} ({preference}{metric_text}) [{path}i]\n");
        let expected = json!({
            "table": null, "network": network, "kind": if via.is_some() { "via" } else { "dev" }, "via": via, "dev": dev,
            "onlink": false, "multipath": [], "protocol": "p1", "since": "10:11:12", "from": null, "best": best,
            "sync_error": false, "preference": preference, "metric": metric, "origin": "igp", "origin_as": origin_as,
            "attributes": [], "other": null,
        });
        let got = parse(&line).unwrap();
        prop_assert_eq!(serde_json::to_value(got.routes.iter().next().unwrap()).unwrap(), expected);
    }
}
