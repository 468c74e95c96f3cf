use std::collections::BTreeSet;

use runbook_calico::{names, object::items, workload};
use serde_json::Value;

use crate::data::{Recorded, recorded};

fn objects<'a>(world: &'a Recorded, kind: &str) -> Vec<&'a Value> {
    let list = world.lists.iter().filter(|list| list["kind"] == format!("{kind}List"));
    list.flat_map(items).collect()
}

#[test]
fn objects_are_called_what_the_model_says() {
    for world in recorded(|_| true) {
        let cluster = world.cluster();
        let names_of = |kind: &str| -> BTreeSet<String> {
            objects(&world, kind)
                .iter()
                .map(|object| object["metadata"]["name"].as_str().unwrap().to_owned())
                .collect()
        };
        let blocks: BTreeSet<String> = cluster
            .blocks
            .iter()
            .map(|block| names::block_name(block.cidr))
            .collect();
        assert_eq!(blocks, names_of("IPAMBlock"), "{}", world.name);
        let affinities: BTreeSet<String> = cluster
            .affinities
            .iter()
            .map(|affinity| names::affinity_name(&affinity.node, affinity.cidr))
            .collect();
        assert_eq!(affinities, names_of("BlockAffinity"), "{}", world.name);
        let handles: BTreeSet<String> = cluster
            .handles
            .iter()
            .map(|handle| names::handle_name(&handle.handle_id))
            .collect();
        assert_eq!(handles, names_of("IPAMHandle"), "{}", world.name);
    }
}

#[test]
fn handles_of_pods_hold_their_addresses() {
    for world in recorded(crate::data::healthy) {
        let cluster = world.cluster();
        let inherited = workload::Inherited::new(&cluster.namespaces, &cluster.service_accounts);
        let mut seen = 0;
        for endpoint in cluster
            .pods
            .iter()
            .filter_map(|pod| workload::endpoint_of(pod, &inherited, "cali"))
        {
            let handle = names::workload_handle("k8s-pod-network", endpoint.container_id.as_deref().unwrap());
            let block = cluster
                .blocks
                .iter()
                .find(|block| block.cidr.contains(&endpoint.addresses[0]))
                .unwrap();
            let owner = block.allocation_of(endpoint.addresses[0]).unwrap();
            assert_eq!(owner.handle_id.as_deref(), Some(handle.as_str()));
            seen += 1;
        }
        assert_eq!(seen, 10);
        for node in &cluster.nodes {
            let address = node.vxlan_tunnel_address.unwrap();
            let block = cluster
                .blocks
                .iter()
                .find(|block| block.cidr.contains(&address))
                .unwrap();
            let owner = block.allocation_of(address).unwrap();
            assert_eq!(
                owner.handle_id.as_deref(),
                Some(names::tunnel_handle("vxlan", &node.name).as_str())
            );
        }
    }
}
