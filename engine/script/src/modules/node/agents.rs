use super::ask;
use crate::host::Result;
use rhai::{Dynamic, NativeCallContext, plugin::*};

/// What runs on a node: BIRD, Felix, and the names that they go by.
#[export_module]
pub(crate) mod agents {
    /// Returns what Felix says about its readiness. Readiness alone proves little: a Felix that is cut off stays ready.
    ///
    /// Shape: as the parser `felix_readiness`. Source: `127.0.0.1:9099/readiness` on the node. Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::felix_readiness("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn felix_readiness(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "felix_readiness", &node)
    }

    /// Returns Felix's metrics. They are off unless the cluster turned them on: a failing command is then normal.
    ///
    /// Shape: as the parser `prometheus`. Source: `127.0.0.1:9091/metrics` on the node. Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::felix_metrics("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn felix_metrics(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "felix_metrics", &node)
    }

    /// Returns the processes of a node.
    ///
    /// Shape: as the parser `ps`. Source: `ps aux`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::processes("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn processes(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "processes", &node)
    }

    /// Returns the name that the node's kernel carries.
    ///
    /// Source: `hostname`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::hostname("kworker-1") == "kworker-1");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn hostname(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "hostname", &node)
    }

    /// Returns the name under which calico-node registered on a node.
    ///
    /// Source: `/var/lib/calico/nodename`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::calico_nodename("kworker-1") == "kworker-1");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn calico_nodename(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "calico_nodename", &node)
    }

    /// Returns the MTU that calico-node chose for new pods, as text.
    ///
    /// Source: `/var/lib/calico/mtu`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::calico_mtu("kworker-1") == "1450");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn calico_mtu(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "calico_mtu", &node)
    }
}
