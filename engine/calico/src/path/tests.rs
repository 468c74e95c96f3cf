use serde_json::json;

use super::*;
use crate::object::Object;

fn node(name: &str, address: &str, vtep: Option<&str>) -> Node {
    Node {
        name: name.to_owned(),
        ipv4: address.parse().ok(),
        vxlan_tunnel_address: vtep.map(|address| address.parse().unwrap()),
        interfaces: vec![crate::node::NodeInterface {
            name: "eth0".to_owned(),
            addresses: vec![address.parse::<IpNet>().unwrap().addr()],
        }],
        ..Node::default()
    }
}

fn pool(ipip: &str, vxlan: &str) -> IpPool {
    let spec = json!({"cidr": "10.65.0.0/16", "ipipMode": ipip, "vxlanMode": vxlan});
    IpPool::from_value(&json!({"metadata": {"name": "p"}, "spec": spec})).unwrap()
}

fn options(version: Option<&str>) -> PathOptions {
    PathOptions {
        version: version.and_then(Version::parse),
        ..PathOptions::default()
    }
}

fn path(pool: &IpPool, destination: &str, options: &PathOptions) -> ExpectedPath {
    let a = node("a", "198.18.0.1/24", Some("10.65.1.0"));
    let b = node("b", destination, Some("10.65.2.0"));
    expected(&a, &b, "10.65.2.0/26".parse().unwrap(), pool, options)
}

/// `10.65.2.0/26 via .. dev .. proto .. onlink`.
fn text(path: &ExpectedPath) -> String {
    let route = path.route.as_ref().unwrap();
    let mut text = format!(
        "via {} dev {} proto {}",
        route.via.map(|via| via.to_string()).unwrap_or_default(),
        route.dev.as_deref().unwrap_or(""),
        route.protos.join("|"),
    );
    match route.onlink {
        Some(true) => text.push_str(" onlink"),
        Some(false) => {}
        None => text.push_str(" onlink?"),
    }
    text
}

#[test]
fn routes_of_every_mode() {
    let (near, far) = ("198.18.0.2/24", "198.18.1.2/24");
    for (ipip, vxlan, other, version, expected) in [
        (
            "Never",
            "Always",
            near,
            None,
            "via 10.65.2.0 dev vxlan.calico proto boot|80 onlink",
        ),
        (
            "Never",
            "CrossSubnet",
            near,
            None,
            "via 198.18.0.2 dev eth0 proto 80 onlink",
        ),
        (
            "Never",
            "CrossSubnet",
            far,
            None,
            "via 10.65.2.0 dev vxlan.calico proto boot|80 onlink",
        ),
        (
            "Always",
            "Never",
            near,
            Some("v3.30.1"),
            "via 198.18.0.2 dev tunl0 proto bird onlink",
        ),
        (
            "Always",
            "Never",
            near,
            Some("v3.33.0"),
            "via 198.18.0.2 dev tunl0 proto 80 onlink",
        ),
        (
            "Always",
            "Never",
            near,
            None,
            "via 198.18.0.2 dev tunl0 proto 80|bird onlink",
        ),
        (
            "CrossSubnet",
            "Never",
            near,
            Some("v3.30.1"),
            "via 198.18.0.2 dev eth0 proto bird",
        ),
        (
            "CrossSubnet",
            "Never",
            far,
            Some("v3.30.1"),
            "via 198.18.1.2 dev tunl0 proto bird onlink",
        ),
        (
            "Never",
            "Never",
            near,
            Some("v3.34.0"),
            "via 198.18.0.2 dev eth0 proto bird",
        ),
        ("Never", "Never", near, None, "via 198.18.0.2 dev eth0 proto bird"),
        ("Never", "Never", far, Some("v3.34.0"), "via  dev  proto bird onlink?"),
    ] {
        assert_eq!(
            text(&path(&pool(ipip, vxlan), other, &options(version))),
            expected,
            "{ipip} {vxlan} {other}"
        );
    }
}

#[test]
fn own_block_is_a_blackhole() {
    let a = node("a", "198.18.0.1/24", Some("10.65.1.0"));
    let block = "10.65.1.0/26".parse().unwrap();
    let path = expected(&a, &a, block, &pool("Never", "Always"), &options(None));
    let route = path.route.unwrap();
    assert_eq!(
        (route.kind, route.protos, route.via),
        (RouteKind::Blackhole, vec!["80"], None)
    );
    let route = expected(&a, &a, block, &pool("Never", "Never"), &options(None))
        .route
        .unwrap();
    assert_eq!((route.kind, route.protos), (RouteKind::Blackhole, vec!["bird"]));
}

#[test]
fn gaps_and_doubles_of_who_programmes() {
    let mut options = options(Some("v3.34.0"));
    options.bird = Some(false);
    let path = path(&pool("Never", "Never"), "198.18.0.2/24", &options);
    assert!(path.programmers.is_empty() && path.missing[0].contains("neither Felix nor BIRD"));
    options.bird = None;
    options.felix.program_cluster_routes = Some(ProgramClusterRoutes::Enabled);
    let path = self::path(&pool("Never", "Never"), "198.18.0.2/24", &options);
    assert_eq!(path.programmers, [Programmer::Felix, Programmer::Bird]);
}

#[test]
fn vtep_missing_and_wireguard() {
    let a = node("a", "198.18.0.1/24", Some("10.65.1.0"));
    let b = node("b", "198.18.0.2/24", None);
    let block = "10.65.2.0/26".parse().unwrap();
    let path = expected(&a, &b, block, &pool("Never", "Always"), &options(None));
    assert_eq!(path.route, None);
    assert_eq!(
        path.missing,
        ["node `b` has no annotation `projectcalico.org/IPv4VXLANTunnelAddr`"]
    );
    let wireguard = |node: &Node| Node {
        wireguard_public_key: Some("k".to_owned()),
        ..node.clone()
    };
    let felix = FelixConfig {
        wireguard_enabled: Some(true),
        ..FelixConfig::default()
    };
    let options = PathOptions {
        felix,
        ..PathOptions::default()
    };
    let path = expected(&wireguard(&a), &wireguard(&b), block, &pool("Never", "Never"), &options);
    assert!(path.wireguard);
    assert_eq!(path.underlay.capture_filter, "udp port 51820");
}
