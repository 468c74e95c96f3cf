use super::{Endpoint, ServiceRules, Wanted};
use runbook_parsers::netfilter::ipvsadm::Ipvs;

/// The kernel's table of virtual servers. A node port stands in it once for each address of the node.
pub(crate) fn ipvs_service(ipvs: &Ipvs, wanted: &Wanted) -> ServiceRules {
    let mut found = ServiceRules {
        mode: (!ipvs.services.is_empty()).then_some("ipvs"),
        hooked: true,
        known: ipvs.services.len(),
        ..ServiceRules::default()
    };
    for service in &ipvs.services {
        let here = wanted.address.as_ref().is_none_or(|a| *a == service.address);
        if !here || service.port != wanted.port || service.protocol != wanted.protocol {
            continue;
        }
        found.found = true;
        found.affinity |= service.persistent_s.is_some();
        found.rule.get_or_insert_with(|| {
            format!(
                "{} {}:{} {}",
                service.protocol, service.address, service.port, service.scheduler
            )
        });
        // A server that is being drained keeps its connections and gets no new ones.
        for server in service.servers.iter().filter(|s| s.weight > 0) {
            found.add(Endpoint {
                address: server.address.clone(),
                port: Some(server.port),
                packets: None,
                hairpin: None,
            });
        }
    }
    found.rejected = found.found && found.endpoints.is_empty();
    found
}
