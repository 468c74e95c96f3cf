use super::{ask, name_of};
use crate::{
    data::{fail, from_dynamic},
    facts,
    host::{Hand, Result, to_script},
};
use rhai::{Dynamic, NativeCallContext, plugin::*};
use runbook_core::{Answer, Effect, Outcome, Output, Question, Raw, Target, Via};
use serde_json::Value;
use std::net::IpAddr;

/// What a node says about its links, routes and settings.
#[export_module]
pub(crate) mod network {
    /// Returns the routes of a node, all tables, in kernel order.
    ///
    /// Shape: `#{ kind, dst, prefix, via, dev, proto, scope, src, metric, mtu, table, onlink, .. }`; absent parts are `()`; `mtu` in bytes.
    /// Source: `ip route show table all`. Effect: read, no root. Errors: unreachable node, failing command, unknown format.
    /// ```rhai
    /// assert(node::routes("kworker-1").some(|r| r.dev == "vxlan.calico"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn routes(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "routes", &node)
    }

    /// Returns the route that a node would use towards an address: the longest prefix of its main table, the lowest
    /// metric among equals. `()` where nothing matches. *Derived* from the routes; policy rules are not followed.
    ///
    /// Shape: as `node::routes`. Source: `node::routes`. Effect: read. Errors: as `node::routes`; not an address.
    /// ```rhai
    /// assert(node::route_to("kworker-1", "10.65.74.193").dev == "vxlan.calico");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn route_to(cx: NativeCallContext<'_>, node: Dynamic, address: &str) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let target = Target::Node(name_of(&node)?);
        route_lookup(&hand, target, address)
    }

    /// Returns the addresses of a node, by interface.
    ///
    /// Shape: `#{ name, ifindex, parent, admin_up, mtu, address, addresses: [#{ family, address, prefix_len, scope, .. }], .. }`.
    /// Source: `ip addr`. Effect: read, no root. Errors: unreachable node, failing command, unknown format.
    /// ```rhai
    /// assert(node::addresses("kworker-1").some(|i| i.name == "lo"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn addresses(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "addresses", &node)
    }

    /// Returns the links of a node, with details and counters where the tool gives them.
    ///
    /// Shape: `#{ name, admin_up, lower_up, operstate, mtu, address, link_kind, vxlan, ipip, stats, .. }`. State `UNKNOWN` is
    /// normal for tunnels: `admin_up` decides. Source: `ip -d -s link`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::links("kworker-1").find(|l| l.name == "vxlan.calico").admin_up);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn links(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "links", &node)
    }

    /// Returns the neighbour table of a node.
    ///
    /// Shape: `#{ address, dev, lladdr, state, .. }`. Source: `ip neigh`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::neighbours("kworker-1").some(|n| n.dev == "vxlan.calico"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn neighbours(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "neighbours", &node)
    }

    /// Returns the forwarding database of a node's bridges and VXLAN devices.
    ///
    /// Shape: `#{ mac, dev, dst, state, self, .. }`. Source: `bridge fdb show`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::fdb("kworker-1").some(|f| f.dev == "vxlan.calico"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn fdb(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "fdb", &node)
    }

    /// Returns the policy routing rules of a node.
    ///
    /// Shape: as the parser `ip_rule`. Source: `ip rule`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::rules("kworker-1").len() > 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn rules(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "rules", &node)
    }

    /// Returns the sysctls that a packet's way depends on, as an object from key to text.
    ///
    /// Source: `sysctl -a`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::sysctls("kworker-1")["net.ipv4.ip_forward"] == "1");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn sysctls(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "sysctls", &node)
    }

    /// Returns the sockets that listen on a node. Shape: as the parser `ss`; `netid` is `()` where only TCP was asked.
    ///
    /// Source: `ss -tulnp`, else `ss -tlnp`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::sockets("kworker-1").some(|s| s.local_port == 179));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn sockets(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "sockets", &node)
    }

    /// Returns whom a node asks for names: `#{ nameservers, search, ndots, options, .. }`.
    ///
    /// Source: `/etc/resolv.conf` on the node. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::resolv_conf("kworker-1").nameservers.len() == 1);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn resolv_conf(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "resolv_conf", &node)
    }

    /// Returns the CNI configuration that install-cni wrote on a node.
    ///
    /// Shape: as the parser `cni_conflist`. Source: `/etc/cni/net.d/10-calico.conflist`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::cni_config("kworker-1").plugins[0].ipam == "calico-ipam");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn cni_config(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "cni_config", &node)
    }

    /// Returns the names of the CNI configurations of a node, one a line. The container runtime takes the first.
    ///
    /// Source: `ls /etc/cni/net.d`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// let files = "";
    /// try { files = node::cni_files("kworker-1"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(files == "" || files.contains("calico"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn cni_files(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "cni_files", &node)
    }

    /// Returns what NetworkManager says about the devices of a node, one `DEVICE:STATE` a line.
    ///
    /// Source: `nmcli device`. Effect: read, no root. Errors: as `node::routes`; where there is no NetworkManager there is no `nmcli`.
    /// ```rhai
    /// let devices = "";
    /// try { devices = node::nm_devices("kworker-1"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(!devices.contains("cali"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn nm_devices(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "nm_devices", &node)
    }
}

/// The route towards an address, computed from the routes and kept as evidence of its own.
pub(in crate::modules) fn route_lookup(hand: &Hand, target: Target, address: &str) -> Result<Dynamic> {
    let wanted: IpAddr = address
        .parse()
        .map_err(|_| fail(format!("`{address}` is not an address")))?;
    let fact = facts::by_name("routes").ok_or_else(|| fail("no fact `routes`"))?;
    let source = hand.ask_one(fact.question(target.clone()))?;
    let routes = from_dynamic(&fact.ask(hand, target.clone())?).map_err(fail)?;
    let best = routes
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|r| Some((rank(r, wanted)?, r)))
        .max_by_key(|(rank, _)| *rank);
    let route = best.map(|(_, r)| r.clone()).unwrap_or(Value::Null);
    let question = facts::command(
        target,
        vec![["ip", "route", "get", address].map(String::from).to_vec()],
        Effect::Read,
        std::time::Duration::from_secs(5),
    );
    let known = match &source.question {
        Question::Command(_) => format!("from {}: {route}", source.id),
        _ => String::new(),
    };
    let output = Output {
        stdout: Raw::from(known),
        stderr: Raw::default(),
        exit: 0,
        cut_bytes: 0,
    };
    let derived = hand.session.derive(
        question,
        Answer::new(Outcome::Output(output), Via::Derived, source.answer.at),
    );
    Ok(to_script(route, true, &[source.id, derived.id]))
}

/// How well a route fits: prefix length, then the lower metric. Only what the main table decides.
fn rank(route: &Value, wanted: IpAddr) -> Option<(u8, i64)> {
    if !matches!(route["table"].as_str(), Some("main") | None) {
        return None;
    }
    let (address, length) = route["prefix"].as_str()?.split_once('/')?;
    let (address, length): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
    let metric = route["metric"].as_i64().unwrap_or(0);
    contains(address, length, wanted).then_some((length, -metric))
}

pub(super) fn contains(network: IpAddr, length: u8, wanted: IpAddr) -> bool {
    let same = |a: u128, b: u128, bits: u32| {
        let shift = bits.saturating_sub(length.into());
        shift >= bits || a >> shift == b >> shift
    };
    match (network, wanted) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}
