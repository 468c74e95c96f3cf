use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::object::read_list;

fn pool(name: &str, spec: Value) -> IpPool {
    IpPool::from_value(&json!({"metadata": {"name": name}, "spec": spec})).unwrap()
}

#[test]
fn defaults() {
    let pool = pool("p", json!({"cidr": "10.65.3.0/16", "vxlanMode": "CrossSubnet"}));
    assert_eq!(pool.cidr.to_string(), "10.65.0.0/16");
    assert_eq!(pool.encapsulation(), (Encapsulation::Vxlan, EncapMode::CrossSubnet));
    assert_eq!(
        (pool.block_size, pool.blocks(), pool.addresses(), pool.block_addresses()),
        (26, 1024, 65536, 64)
    );
    assert!(pool.allows(AllowedUse::Tunnel) && !pool.nat_outgoing && pool.namespace_selector.is_none());
    let six = self::pool("six", json!({"cidr": "fd00::/48"}));
    assert_eq!((six.block_size, six.blocks()), (122, 1 << 74));
    assert_eq!(self::pool("all", json!({"cidr": "::/0"})).addresses(), u128::MAX);
}

#[test]
fn one_bad_pool_does_not_spoil_the_list() {
    let list = json!({"kind": "IPPoolList", "items": [
        {"metadata": {"name": "a"}, "spec": {"cidr": "10.0.0.0/16"}},
        {"metadata": {"name": "b"}, "spec": {"cidr": "10.0.0/16"}},
        {"metadata": {"name": "c"}, "spec": {}},
        {"metadata": {"name": "d"}, "spec": {"cidr": "10.1.0.0/16", "nodeSelector": "zone = 'a'"}},
        {"metadata": {"name": "e"}, "spec": {"cidr": "10.1.0.0/28", "blockSize": 26}},
        {"metadata": {"name": "f"}, "spec": {"cidr": "10.1.0.0/16", "ipipMode": "Sometimes"}},
        7,
    ]});
    let read = read_list::<IpPool>(&list);
    assert_eq!(read.items.len(), 1);
    let paths: Vec<&str> = read.left_out.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "spec.cidr",
            "spec",
            "spec.nodeSelector",
            "spec.blockSize",
            "spec.ipipMode",
            "metadata"
        ]
    );
    assert!(
        read.left_out[2].to_string().contains("column 6"),
        "{}",
        read.left_out[2]
    );
}

#[test]
fn most_specific_pool_and_block() {
    let pools = [
        pool("wide", json!({"cidr": "10.0.0.0/8"})),
        pool("narrow", json!({"cidr": "10.65.0.0/16"})),
    ];
    let address = "10.65.228.67".parse().unwrap();
    assert_eq!(pool_for(&pools, address).map(|pool| pool.name.as_str()), Some("narrow"));
    assert_eq!(
        block_cidr_of(address, &pools[1]).unwrap().to_string(),
        "10.65.228.64/26"
    );
    assert_eq!(block_cidr_of("192.0.2.1".parse().unwrap(), &pools[1]), None);
    assert_eq!(pool_for(&pools, "fd00::1".parse().unwrap()), None);
}

proptest! {
    #[test]
    fn a_block_holds_its_address_and_lies_in_its_pool(address: u32, length in 8u8..=26, size in 26u8..=32) {
        let address = IpAddr::from(std::net::Ipv4Addr::from(address));
        let cidr = IpNet::new(address, length).unwrap().trunc();
        let pool = pool("p", json!({"cidr": cidr.to_string(), "blockSize": size}));
        let block = block_cidr_of(address, &pool).unwrap();
        prop_assert!(block.contains(&address) && pool.cidr.contains(&block));
        prop_assert_eq!(pool.blocks() * pool.block_addresses(), pool.addresses());
    }
}
