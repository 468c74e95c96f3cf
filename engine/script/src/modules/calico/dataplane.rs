use super::{Cluster, address, script};
use crate::{data::fail, host::Result};
use rhai::{Dynamic, plugin::*};
use runbook_calico as model;

/// What Calico should have programmed on a node.
#[export_module]
pub(crate) mod dataplane {
    /// Returns the path that should carry packets from one node to an address on another: encapsulation, route,
    /// neighbour, forwarding entry, tunnel device, MTU, and what goes over the wire.
    ///
    /// Shape: `#{ encapsulation, mode, same_subnet, programmers, route: #{ dst, via, dev, .. }, neigh, fdb, tunnel_device,
    /// tunnel_address, underlay: #{ protocol, port }, mtu, missing, .. }`. Effect: none. Errors: unknown node, address outside pools.
    /// ```rhai
    /// let path = calico::path(calico::cluster(), "kworker-1", "kworker-2", "10.65.74.193");
    /// assert(path.tunnel_device == "vxlan.calico" && path.fdb.dst == "198.18.0.2");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn path(cluster: Cluster, from: &str, to: &str, address: &str) -> Result<Dynamic> {
        let objects = &cluster.0;
        let wanted = super::address(address)?;
        let outside = || fail(format!("`{address}` is in no IP pool"));
        let pool = model::pool::pool_for(&objects.model.pools, wanted).ok_or_else(outside)?;
        let block = model::pool::block_cidr_of(wanted, pool).ok_or_else(outside)?;
        let (source, destination) = (objects.node(from)?, objects.node(to)?);
        let expected = model::path::expected(source, destination, block, pool, &objects.options(from)?);
        script(
            &expected,
            &[objects.evidence_of("nodes"), objects.evidence_of("ippools")],
        )
    }
}
