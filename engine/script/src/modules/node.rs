use super::cgroup;
use crate::firewall::{self, Hook, Packet};
use crate::translation::{self, Wanted};
use crate::{
    data::{fail, from_dynamic},
    facts::{self, Exit, Fact},
    host::{Hand, Result, to_script, unanswered},
};
use rhai::{Array, Dynamic, Map, NativeCallContext, plugin::*};
use runbook_core::{Answer, Effect, EvidenceId, Failure, Outcome, Output, Question, Raw, Target, Via};
use runbook_parsers::netfilter::{conntrack_list, ipset_save, iptables_save, ipvsadm, nft_ruleset};
use runbook_run::Evidence;
use serde_json::Value;
use std::net::IpAddr;

/// A node's name, from text or from anything with a `name` or `metadata.name`.
pub(super) fn name_of(node: &Dynamic) -> Result<String> {
    if let Ok(name) = node.clone().into_string() {
        return if name.is_empty() {
            Err(fail("the name of the node is empty"))
        } else {
            Ok(name)
        };
    }
    let value = from_dynamic(node).map_err(fail)?;
    let name = value["name"].as_str().or_else(|| value["metadata"]["name"].as_str());
    name.map(String::from)
        .ok_or_else(|| fail(format!("a node is its name or its object, not {}", node.type_name())))
}

pub(super) fn ask(cx: &NativeCallContext<'_>, fact: &str, node: &Dynamic) -> Result<Dynamic> {
    let fact = facts::by_name(fact).ok_or_else(|| fail(format!("no fact `{fact}`")))?;
    fact.ask(&Hand::of(cx)?, Target::Node(name_of(node)?))
}

/// Asks facts of many targets in one batch.
pub(super) fn observe_all(hand: &Hand, targets: Vec<Target>, facts: &[&'static Fact]) -> Result<()> {
    let ask = |target: &Target| facts.iter().map(|f| f.question(target.clone())).collect::<Vec<_>>();
    hand.ask(targets.iter().flat_map(ask).collect(), false).map(drop)
}

pub(super) fn words(list: Array) -> Result<Vec<String>> {
    list.into_iter()
        .map(|w| {
            w.into_string()
                .map_err(|kind| fail(format!("a list of words, not of {kind}")))
        })
        .collect()
}

/// What nodes say about themselves. Each function asks one fact; `observe` asks many of many nodes at once.
#[export_module]
pub(crate) mod node {
    /// Asks several facts of several nodes in one round trip each, at the same time.
    ///
    /// `facts` are names of functions of this module: `["routes", "links", "fdb"]`. What could not be asked is told when
    /// the fact is used. Effect: read. Errors: an unknown fact.
    /// ```rhai
    /// node::observe(["kworker-1", "kworker-2"], ["routes", "links"]);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn observe(cx: NativeCallContext<'_>, nodes: Array, facts: Array) -> Result<()> {
        let targets = nodes
            .iter()
            .map(|n| name_of(n).map(Target::Node))
            .collect::<Result<Vec<_>>>()?;
        observe_all(&Hand::of(&cx)?, targets, &facts::named(&words(facts)?)?)
    }

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

    /// Returns the kernel's network counters of a node, as an object from name to count since boot.
    ///
    /// Source: `nstat -az`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::counters("kworker-1").IpInReceives >= 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn counters(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "counters", &node)
    }

    /// Returns the kernel's IP, TCP and UDP counters of a node, as an object from name to count since boot.
    ///
    /// Source: `/proc/net/snmp`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::snmp("kworker-1").TcpOutSegs >= 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn snmp(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "snmp", &node)
    }

    /// Returns the kernel's further TCP and IP counters of a node, as an object from name to count since boot.
    ///
    /// Source: `/proc/net/netstat`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::netstat("kworker-1").TcpExtListenDrops >= 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn netstat(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "netstat", &node)
    }

    /// Returns the queues in front of a node's devices: what shapes, what delays, what waits.
    ///
    /// Shape: `#{ kind, handle, dev, parent, rate_bps, burst_bytes, latency_ms, delay_ms, loss_ratio, settings, stats: #{ bytes, packets, dropped,
    /// overlimits, backlog_bytes, backlog_packets, .. }, .. }`. Source: `tc -s qdisc`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::qdiscs("kworker-1").some(|q| q.dev == "vxlan.calico" && q.kind == "noqueue"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn qdiscs(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "qdiscs", &node)
    }

    /// Returns the TCP connections of a node with what the kernel knows about each: round trip time, retransmissions, MTU.
    ///
    /// Shape: as the parser `ss`; `tcp` has `rtt_ms`, `min_rtt_ms`, `retrans_total`, `pmtu_bytes`, `mss_bytes`, … A record may hold those of BGP only. Source: `ss -tin`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::tcp_sockets("kworker-1").some(|s| s.tcp.pmtu_bytes == 1500));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn tcp_sockets(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "tcp_sockets", &node)
    }

    /// Returns what each processor of a node did with received packets since boot.
    ///
    /// Shape: `#{ cpu, processed, dropped, time_squeeze, .. }`: `dropped` had no room in the backlog, `time_squeeze` no time. Source: `/proc/net/softnet_stat`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::softnet("kworker-1"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn softnet(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "softnet", &node)
    }

    /// Returns how often each interrupt of a node came, by processor, since boot.
    ///
    /// Shape: `#{ name, per_cpu, total, description }`. Source: `/proc/interrupts`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::interrupts("kworker-1"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn interrupts(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "interrupts", &node)
    }

    /// Returns what a node's processors did since boot, in ticks: of all, and of each.
    ///
    /// Shape: `#{ cpu, cpus: [#{ name, user_ticks, system_ticks, softirq_ticks, idle_ticks, steal_ticks, .. }], .. }`. Source: `/proc/stat`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::processors("kworker-1"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn processors(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "processors", &node)
    }

    /// Returns the load of a node: how many tasks ran or waited in the mean of 1, 5 and 15 minutes.
    ///
    /// Shape: `#{ load_1m, load_5m, load_15m, runnable, tasks, last_pid }`. Source: `/proc/loadavg`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::load("kworker-1"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn load(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "load", &node)
    }

    /// Returns for which share of the time tasks of a node waited for a processor.
    ///
    /// Shape: `#{ some: #{ avg10_ratio, avg60_ratio, avg300_ratio, total_us }, full }`. Source: `/proc/pressure/cpu`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::pressure("kworker-1"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn pressure(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "pressure", &node)
    }

    /// Returns the counters of connection tracking of a node since boot, by processor.
    ///
    /// Shape: `#{ cpus: [#{ cpu, insert_failed, drop, early_drop, .. }] }`. Source: `conntrack -S`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::conntrack_stats("kworker-1").cpus.all(|c| c.drop == 0));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn conntrack_stats(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "conntrack_stats", &node)
    }

    /// Returns `#{ entries }`, how many connections a node tracks now; the limit is a sysctl.
    ///
    /// Shape: `#{ entries }`. Source: `conntrack -C`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::conntrack_count("kworker-1").entries > 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn conntrack_count(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "conntrack_count", &node)
    }

    /// Returns the same counters from the kernel's file, where the tool is missing.
    ///
    /// Shape: `#{ entries, total: #{ insert_failed, drop, early_drop, .. }, per_cpu }`. Source: `/proc/net/stat/nf_conntrack`. Effect: read, no root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::conntrack_file("kworker-1").total.drop == 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn conntrack_file(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "conntrack_file", &node)
    }

    /// Returns the iptables rules of a node, with counters, of the backend that `iptables` is.
    ///
    /// Shape: as the parser `iptables_save`. Source: `iptables-save -c`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::iptables("kworker-1").tables.some(|t| t.name == "filter"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn iptables(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "iptables", &node)
    }

    /// Returns the ipsets of a node with their members.
    ///
    /// Shape: as the parser `ipset_save`. Source: `ipset save`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::ipsets("kworker-1").sets.some(|s| s.name == "cali40all-vxlan-net"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn ipsets(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "ipsets", &node)
    }

    /// Returns the connections that a node tracks.
    ///
    /// Shape: as the parser `conntrack_list`: `#{ entries: [#{ protocol, state, original: #{ source, destination, destination_port, .. }, reply,
    /// unreplied, assured, .. }] }`. Source: `conntrack -L`, else `/proc/net/nf_conntrack`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::conntrack("kworker-1").entries.some(|e| e.protocol == "udp"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn conntrack(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "conntrack", &node)
    }

    /// Returns the nftables rules of a node.
    ///
    /// Shape: as the parser `nft_ruleset`. Source: `nft list ruleset`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::nft("kworker-1").tables.len() > 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn nft(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "nft", &node)
    }

    /// Returns the Services that a node's kernel balances itself: kube-proxy's IPVS mode.
    ///
    /// Shape: as the parser `ipvsadm`. Source: `ipvsadm -Ln`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// let services = ();
    /// try { services = node::ipvs("kworker-1").services; } catch (err) { assert(err.kind == "not-recorded"); }
    /// ```
    #[rhai_fn(return_raw)]
    pub fn ipvs(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "ipvs", &node)
    }

    /// Returns the names of a node's nftables tables, one `table FAMILY NAME` a line.
    ///
    /// Source: `nft list tables`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::nft_tables("kworker-1").contains("table ip filter"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn nft_tables(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "nft_tables", &node)
    }

    /// Returns what BIRD says about itself.
    ///
    /// Shape: as the parser `birdcl_show_status`; a daemon that does not answer is part of the answer.
    /// Source: `birdcl show status`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_status("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_status(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_status", &node)
    }

    /// Returns BIRD's protocols, one line each.
    ///
    /// Shape: as the parser `birdcl_show_protocols`. Source: `birdcl show protocols`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_protocols("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_protocols(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_protocols", &node)
    }

    /// Returns BIRD's protocols with all details: neighbours, AS numbers, timers, route counts, last error.
    ///
    /// Shape: as the parser `birdcl_show_protocols_all`. Source: `birdcl show protocols all`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_protocols_all("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_protocols_all(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_protocols_all", &node)
    }

    /// Returns BIRD's routes.
    ///
    /// Shape: as the parser `birdcl_show_route`. Source: `birdcl show route all`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_routes("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_routes(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_routes", &node)
    }

    /// Returns the text of BIRD's export and kernel filters, as confd wrote them.
    ///
    /// Source: `bird_ipam.cfg`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_ipam_config("kworker-1").contains("calico_export_to_bgp_peers"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_ipam_config(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_ipam_config", &node)
    }

    /// Returns BIRD's configuration, as confd wrote it.
    ///
    /// Shape: as the parser `bird_config`. Source: `bird.cfg`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::bird_config("kworker-1") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bird_config(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        ask(&cx, "bird_config", &node)
    }

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

    /// Returns the rules of a node's firewall that would drop a packet, those of Calico and kube-proxy left out.
    ///
    /// `packet`: `#{ hook: "input"|"forward"|"output", protocol, port, source, destination, in_device, out_device }`, or
    /// `source_port` for what is sent back on a connection; without a protocol it stands for all traffic between two addresses. Shape: `#{ backend, table, chain, rule, packets, certain }`;
    /// `certain` means that every condition of the rule was understood and holds. Source: `iptables-save -c` and
    /// `nft list ruleset`. Effect: read, root. Errors: as `node::routes`; a missing `nft` is no error.
    /// ```rhai
    /// let vxlan = #{ hook: "input", protocol: "udp", port: 4789, source: "198.18.0.2" };
    /// assert(node::dropping_rules("kworker-1", vxlan).is_empty());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn dropping_rules(cx: NativeCallContext<'_>, node: Dynamic, packet: Map) -> Result<Array> {
        let packet = read_packet(&packet)?;
        drops(&Hand::of(&cx)?, Target::Node(name_of(&node)?), &packet)
    }

    /// Asks facts of devices, all at once, so that `node::offloads`, `node::driver`, … of each are answered.
    ///
    /// `devices`: maps `#{ node, device }`; `facts`: `offloads`, `driver`, `link_settings`, `driver_counters`, `tc_classes`. One round
    /// trip for each node. Effect: read. Errors: an unknown fact; what could not be asked is told when it is used.
    /// ```rhai
    /// node::observe_devices([#{ node: "kworker-1", device: "eth0" }, #{ node: "kworker-2", device: "eth0" }], ["offloads"]);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn observe_devices(cx: NativeCallContext<'_>, devices: Array, facts: Array) -> Result<()> {
        let facts = words(facts)?;
        let mut questions = vec![];
        for place in &devices {
            let place = place
                .read_lock::<Map>()
                .ok_or_else(|| fail("a device is a map: `#{ node, device }`"))?;
            let part = |key: &str| place.get(key).ok_or_else(|| fail(format!("a device needs `{key}`")));
            let node = name_of(part("node")?)?;
            let device = part("device")?.to_string();
            for fact in &facts {
                questions.push(device_question(fact, &node, &device)?);
            }
        }
        Hand::of(&cx)?.ask(questions, false).map(drop)
    }

    /// Asks facts of nodes anew, although they are known: what the functions of this module return from here on is the new
    /// answer. Counters tell little before they are read twice.
    ///
    /// Effect: read. Errors: an unknown fact.
    /// ```rhai
    /// let before = node::qdiscs("kworker-1");
    /// node::observe_again(["kworker-1"], ["qdiscs"]);
    /// assert(node::qdiscs("kworker-1").len() == before.len());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn observe_again(cx: NativeCallContext<'_>, nodes: Array, facts: Array) -> Result<()> {
        let facts = facts::named(&words(facts)?)?;
        let mut questions = vec![];
        for node in &nodes {
            let target = Target::Node(name_of(node)?);
            questions.extend(facts.iter().map(|f| f.question(target.clone())));
        }
        Hand::of(&cx)?.ask(questions, true).map(drop)
    }

    /// Returns the connections that a node tracks for one source address, as they were opened.
    ///
    /// Shape: `#{ protocol, state, timeout_s, original: #{ source, destination, source_port, destination_port, .. }, reply, unreplied,
    /// assured, .. }`; after translation `reply` is not the mirror of `original`. Source: `conntrack -L`. Effect: read, root.
    /// Errors: as `node::routes`; not an address.
    /// ```rhai
    /// let dns = node::flows("kworker-1", "10.66.37.192").filter(|f| f.original.destination == "10.96.0.10");
    /// assert(dns.all(|f| f.reply.source == "10.65.74.194"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn flows(cx: NativeCallContext<'_>, node: Dynamic, source: &str) -> Result<Array> {
        let source: IpAddr = source
            .parse()
            .map_err(|_| fail(format!("`{source}` is not an address")))?;
        tracked(&Hand::of(&cx)?, Target::Node(name_of(&node)?), source)
    }

    /// Returns what kube-proxy programmed on a node for a Service's port.
    ///
    /// `wanted`: `#{ address, port, protocol }`; without an address, a node port. Shape: `#{ mode:
    /// "iptables"|"ipvs"|"nftables"|(), hooked, known, found, rejected, packets, rule, affinity, endpoints: [#{ address, port,
    /// packets, hairpin }], unsure }`; `mode` is `()` where it left no rules, `known` counts the Service ports it has here,
    /// `unsure` says what could not be asked. Source: `iptables-save -c`, `nft list ruleset`, `ipvsadm -Ln`. Effect: read,
    /// root. Errors: as `node::routes`, where neither rules can be had.
    /// ```rhai
    /// let rules = node::service_rules("kworker-1", #{ address: "10.96.71.5", port: 80, protocol: "tcp" });
    /// assert(rules.mode == "iptables" && rules.endpoints[0].address == "10.65.74.193");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn service_rules(cx: NativeCallContext<'_>, node: Dynamic, wanted: Map) -> Result<Dynamic> {
        let wanted = read_wanted(&wanted)?;
        service(&Hand::of(&cx)?, Target::Node(name_of(&node)?), &wanted)
    }

    /// Returns how a node rewrites the IPv4 addresses of pods that leave the cluster, as Felix programmed it.
    ///
    /// Shape: `#{ dataplane: "iptables"|"nftables"|(), hooked, packets, rules: [#{ text, kind: "masquerade"|"snat", to, ports,
    /// out_device, protocol, packets, source_set, exempt_set }], sources, exempt, before }`: the prefixes that are rewritten,
    /// the destinations that are not (`()` where rules name no set), and foreign rules that come before. `dataplane` is `()`
    /// where Felix has no such chain. Source: `iptables-save -c` and `ipset save`, or `nft list ruleset`. Effect: read, root.
    /// Errors: as `node::routes`.
    /// ```rhai
    /// let nat = node::nat_outgoing("kworker-1");
    /// assert(nat.hooked && "10.65.0.0/16" in nat.sources);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn nat_outgoing(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Dynamic> {
        outgoing(&Hand::of(&cx)?, Target::Node(name_of(&node)?))
    }

    /// Returns the offload settings of a device on a node, as an object from feature to its line.
    ///
    /// Shape: as the parser `ethtool_k`. Source: `ethtool -k DEV`. Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::offloads("kworker-1", "vxlan.calico") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn offloads(cx: NativeCallContext<'_>, node: Dynamic, device: &str) -> Result<Dynamic> {
        ask_device(&cx, "offloads", &node, device)
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

    /// Returns where a node's kernel holds rules of Calico, one map for each set of rules that could be read.
    ///
    /// Shape: `#{ backend: "legacy"|"nft"|"iptables"|"nftables", calico, kube_proxy, endpoints, unhooked: [#{ table, chain, base }],
    /// unknown_interface, rpf_dropped }`: whether it has chains of Calico and rules of kube-proxy, the interfaces of pods that
    /// have chains, chains that no base chain leads to, and packets dropped by two rules of Calico's own. Source:
    /// `iptables-save -c` of both backends and `nft list ruleset`. Effect: read, root. Errors: as `node::routes`.
    /// ```rhai
    /// let with_calico = node::calico_rules("kworker-1").filter(|r| r.calico);
    /// assert(with_calico.len() == 1 && with_calico[0].unhooked.is_empty() && !with_calico[0].endpoints.is_empty());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn calico_rules(cx: NativeCallContext<'_>, node: Dynamic) -> Result<Array> {
        programmed(&Hand::of(&cx)?, Target::Node(name_of(&node)?))
    }

    /// Returns the driver of a device on a node.
    ///
    /// Shape: as the parser `ethtool_i`: `#{ driver, version, firmware_version, bus_info, .. }`. Source: `ethtool -i DEV`.
    /// Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::driver("kworker-1", "eth0"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn driver(cx: NativeCallContext<'_>, node: Dynamic, device: &str) -> Result<Dynamic> {
        ask_device(&cx, "driver", &node, device)
    }

    /// Returns the speed and duplex of a device on a node; virtual ones have none.
    ///
    /// Shape: as the parser `ethtool`: `#{ speed_mbps, duplex, .. }`. Source: `ethtool DEV`. Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::link_settings("kworker-1", "eth0"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn link_settings(cx: NativeCallContext<'_>, node: Dynamic, device: &str) -> Result<Dynamic> {
        ask_device(&cx, "link_settings", &node, device)
    }

    /// Returns the counters that a device's driver keeps, as an object from its own names to numbers.
    ///
    /// Shape: as the parser `ethtool_s`. Source: `ethtool -S DEV`. Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// assert(node::driver_counters("kworker-1", "eth0") != ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn driver_counters(cx: NativeCallContext<'_>, node: Dynamic, device: &str) -> Result<Dynamic> {
        ask_device(&cx, "driver_counters", &node, device)
    }

    /// Returns the classes of a shaping queue on a device of a node; `[]` where nothing is in classes.
    ///
    /// Shape: as the parser `tc_class`: `#{ kind, id, parent, rate_bps, ceil_bps, burst_bytes, stats }`. Source: `tc -s class show dev DEV`.
    /// Effect: read. Errors: as `node::routes`.
    /// ```rhai
    /// let seen = ();
    /// try { seen = node::tc_classes("kworker-1", "eth0"); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn tc_classes(cx: NativeCallContext<'_>, node: Dynamic, device: &str) -> Result<Dynamic> {
        ask_device(&cx, "tc_classes", &node, device)
    }

    /// Returns how often the processor limit of a container on this node put it to sleep, since it started.
    ///
    /// `pod`: `#{ uid, container_id, qos }` as the pod's object says it (`container_id` without its scheme). Shape: `#{ periods, throttled,
    /// throttled_s }`. Source: `cpu.stat` of its cgroup, version 1 or 2. Effect: read, root. Errors: as `node::routes`; no such file.
    /// ```rhai
    /// let seen = ();
    /// let pod = #{ uid: "0b1c", container_id: "77aa", qos: "Burstable" };
    /// try { seen = node::throttling("kworker-1", pod); } catch (err) { assert(err.kind == "not-recorded"); }
    /// assert(seen == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn throttling(cx: NativeCallContext<'_>, node: Dynamic, pod: Map) -> Result<Dynamic> {
        let part = |key: &str| pod.get(key).map(ToString::to_string).unwrap_or_default();
        let argv = cgroup::argv(&part("uid"), &part("container_id"), &part("qos")).map_err(fail)?;
        let target = Target::Node(name_of(&node)?);
        let timeout = std::time::Duration::from_secs(10);
        let evidence = Hand::of(&cx)?.ask_one(facts::command(target, vec![argv], Effect::Read, timeout))?;
        // `cat` of several places: most are not there.
        let text = facts::said(&evidence, "the processor limit", Exit::Answers)?;
        let read = cgroup::read(&text).ok_or_else(|| fail("no cpu.stat with a limit was found for the container"))?;
        Ok(to_script(read, true, &[evidence.id]))
    }
}

/// The facts of a device: word, parser, what is run before the device's name.
const DEVICE_FACTS: &[(&str, &str, &[&str])] = &[
    ("offloads", "ethtool_k", &["ethtool", "-k"]),
    ("driver", "ethtool_i", &["ethtool", "-i"]),
    ("link_settings", "ethtool", &["ethtool"]),
    ("driver_counters", "ethtool_s", &["ethtool", "-S"]),
    ("tc_classes", "tc_class", &["tc", "-s", "class", "show", "dev"]),
];

fn device_fact(word: &str) -> Result<(&'static str, &'static [&'static str])> {
    let known = DEVICE_FACTS.iter().find(|(name, ..)| *name == word);
    let known = known.map(|(_, parser, argv)| (*parser, *argv));
    known.ok_or_else(|| fail(format!("no fact `{word}` of a device")))
}

fn device_question(fact: &str, node: &str, device: &str) -> Result<Question> {
    let (_, start) = device_fact(fact)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:-_@".contains(c);
    if device.is_empty() || device.starts_with('-') || !device.chars().all(plain) {
        return Err(fail(format!("`{device}` is no name of a device")));
    }
    let argv = start.iter().copied().chain([device]).map(String::from).collect();
    let timeout = std::time::Duration::from_secs(10);
    Ok(facts::command(
        Target::Node(node.into()),
        vec![argv],
        Effect::Read,
        timeout,
    ))
}

fn ask_device(cx: &NativeCallContext<'_>, fact: &str, node: &Dynamic, device: &str) -> Result<Dynamic> {
    let (parser, _) = device_fact(fact)?;
    let evidence = Hand::of(cx)?.ask_one(device_question(fact, &name_of(node)?, device)?)?;
    let text = facts::said(&evidence, &format!("the {}", fact.replace('_', " ")), Exit::Fails)?;
    facts::read(parser, &text, &evidence)
}

fn read_packet(map: &Map) -> Result<Packet> {
    let text = |key: &str| map.get(key).and_then(|v| v.clone().into_string().ok());
    let address = |key: &str| {
        let address = text(key).map(|t| t.parse().map_err(|_| fail(format!("`{t}` is not an address"))));
        address.transpose()
    };
    let known = [
        "hook",
        "protocol",
        "port",
        "source_port",
        "source",
        "destination",
        "in_device",
        "out_device",
    ];
    if let Some(key) = map.keys().find(|k| !known.contains(&k.as_str())) {
        return Err(fail(format!("a packet has no `{key}`; it has {}", known.join(", "))));
    }
    let hook = text("hook").and_then(|h| Hook::read(&h));
    Ok(Packet {
        hook: hook.ok_or_else(|| fail("the hook of a packet is input, forward or output"))?,
        protocol: text("protocol"),
        port: map.get("port").and_then(|p| u16::try_from(p.as_int().ok()?).ok()),
        source_port: map
            .get("source_port")
            .and_then(|p| u16::try_from(p.as_int().ok()?).ok()),
        source: address("source")?,
        destination: address("destination")?,
        in_device: text("in_device"),
        out_device: text("out_device"),
    })
}

/// Both backends; each dump is asked once in a run and parsed here without going through script values.
fn drops(hand: &Hand, target: Target, packet: &Packet) -> Result<Array> {
    let fact = |name: &str| facts::by_name(name).ok_or_else(|| fail(format!("no fact `{name}`")));
    let (iptables, nft) = (
        fact("iptables")?.question(target.clone()),
        fact("nft")?.question(target.clone()),
    );
    let answers = hand.ask(vec![iptables, nft], false)?;
    let [iptables, nft] = &answers[..] else {
        return Err(fail("the world gave no answer"));
    };
    let mut found = dump_drops(hand, iptables, "the iptables rules", |text| {
        let dump = iptables_save::parse(text).map_err(|e| format!("`iptables-save -c`: {e}"))?;
        let foreign = firewall::iptables_may_drop(&dump);
        Ok((firewall::iptables_drops(&dump, packet), foreign))
    })?;
    match nft.answer.output() {
        // A node without the tool has no nftables rules of its own, as far as it can tell.
        Err(Failure::ToolMissing(_)) => {}
        Ok(_) => found.extend(dump_drops(hand, nft, "the nftables rules", |text| {
            let ruleset = nft_ruleset::parse(text).map_err(|e| format!("`nft list ruleset`: {e}"))?;
            Ok((firewall::nft_drops(&ruleset, packet), firewall::nft_may_drop(&ruleset)))
        })?),
        // What iptables says is still true; that there is nothing else is not known.
        Err(failure) if found.is_empty() && !only_managed_tables(hand, target.clone())? => {
            return Err(unanswered("the nftables rules", &target, &failure));
        }
        Err(_) => {}
    }
    Ok(found)
}

/// Calico's rules in each set of rules that the node's kernel holds; each dump is asked and read once in a run.
fn programmed(hand: &Hand, target: Target) -> Result<Array> {
    let fact = |name: &str| facts::by_name(name).ok_or_else(|| fail(format!("no fact `{name}`")));
    let names = ["iptables", "iptables_legacy", "iptables_nft", "nft"];
    let questions = names.map(|name| fact(name).map(|f| f.question(target.clone())));
    let answers = hand.ask(questions.into_iter().collect::<Result<Vec<_>>>()?, false)?;
    let mut found: Vec<(firewall::Programmed, EvidenceId)> = vec![];
    let mut refusal = None;
    for (name, evidence) in names.into_iter().zip(&answers) {
        match read_programmed(name, evidence) {
            // The same rules can be had in several ways.
            Ok(sets) => {
                for set in sets {
                    if !found.iter().any(|(known, _)| known.backend == set.backend) {
                        found.push((set, evidence.id));
                    }
                }
            }
            // Not every node has every tool; without the first there is nothing to build on.
            Err(error) if name == "iptables" => refusal = Some(error),
            Err(_) => {}
        }
    }
    match refusal {
        Some(error) if found.is_empty() => Err(error),
        _ => found
            .iter()
            .map(|(set, evidence)| {
                let value = serde_json::to_value(set).map_err(|e| fail(e.to_string()))?;
                Ok(to_script(value, true, &[*evidence]))
            })
            .collect(),
    }
}

fn read_programmed(name: &str, evidence: &Evidence) -> Result<Vec<firewall::Programmed>> {
    let text = facts::said(evidence, &format!("the {} rules", name.replace('_', " ")), Exit::Fails)?;
    let unread = |e: String| fail(format!("{e} (raw output: {})", evidence.id));
    if name == "nft" {
        let ruleset = nft_ruleset::parse(&text).map_err(|e| unread(e.to_string()))?;
        return Ok(firewall::in_nft(&ruleset));
    }
    let dump = iptables_save::parse(&text).map_err(|e| unread(e.to_string()))?;
    let mut set = firewall::in_iptables(&dump);
    match name {
        "iptables_legacy" => set.backend = "legacy",
        "iptables_nft" => set.backend = "nft",
        _ => {}
    }
    Ok(vec![set])
}

/// The drops in one dump. One without any rule that could drop a stranger's packet is read once and not again.
fn dump_drops(
    hand: &Hand,
    evidence: &Evidence,
    what: &str,
    read: impl Fn(&str) -> std::result::Result<(Vec<firewall::Drop>, bool), String>,
) -> Result<Array> {
    let drops = || {
        let text = facts::said(evidence, what, Exit::Fails)?;
        read(&text).map_err(|e| fail(format!("{e} (raw output: {})", evidence.id)))
    };
    let may_drop = hand.parse_once(evidence.id, "may-drop", || Ok(drops()?.1.into()))?;
    match may_drop.as_bool() {
        Ok(false) => Ok(vec![]),
        _ => rules(&drops()?.0, evidence.id),
    }
}

fn read_wanted(map: &Map) -> Result<Wanted> {
    let known = ["address", "port", "protocol"];
    if let Some(key) = map.keys().find(|k| !known.contains(&k.as_str())) {
        return Err(fail(format!(
            "a Service's port has no `{key}`; it has {}",
            known.join(", ")
        )));
    }
    let text = |key: &str| map.get(key).and_then(|v| v.clone().into_string().ok());
    let port = map.get("port").and_then(|p| u16::try_from(p.as_int().ok()?).ok());
    let address = text("address").map(|a| match a.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => Err(fail(format!("`{a}` is not an address"))),
    });
    Ok(Wanted {
        address: address.transpose()?,
        port: port.ok_or_else(|| fail("`port` is the number of a port"))?,
        protocol: text("protocol").unwrap_or_else(|| "tcp".into()).to_lowercase(),
    })
}

/// Asks facts of one target at once; each with its evidence.
fn dumps(hand: &Hand, target: &Target, names: &[&str]) -> Result<Vec<std::sync::Arc<Evidence>>> {
    let questions = names.iter().map(|name| {
        let fact = facts::by_name(name).ok_or_else(|| fail(format!("no fact `{name}`")))?;
        Ok(fact.question(target.clone()))
    });
    hand.ask(questions.collect::<Result<Vec<_>>>()?, false)
}

/// What a dump says, read by `read`; `None` where it could not be had.
fn from_dump<T>(
    evidence: &Evidence,
    read: impl FnOnce(&str) -> std::result::Result<T, runbook_parsers::ParseError>,
) -> Result<Option<T>> {
    match evidence.answer.output() {
        Ok(output) if output.exit == 0 => {}
        _ => return Ok(None),
    }
    let text = facts::said(evidence, "the rules", Exit::Fails)?;
    read(&text)
        .map(Some)
        .map_err(|e| fail(format!("{e} (raw output: {})", evidence.id)))
}

/// kube-proxy's rules for a Service's port, in whichever backend it left some.
fn service(hand: &Hand, target: Target, wanted: &Wanted) -> Result<Dynamic> {
    let iptables = |text: &str| {
        let read = |dump: iptables_save::IptablesSave<'_>| (dump.backend, translation::iptables_service(&dump, wanted));
        iptables_save::parse(text).map(read)
    };
    let mut unsure = vec![];
    let first = dumps(hand, &target, &["iptables", "nft"])?;
    let mut evidence = facts::ids(&first);
    let [rules, tables] = &first[..] else {
        return Err(fail("the world gave no answer"));
    };
    let by_nft = from_dump(tables, |text| {
        nft_ruleset::parse(text).map(|r| translation::nft_service(&r, wanted))
    })?;
    let (backend, by_iptables) = from_dump(rules, iptables)?.unzip();
    if by_nft.is_none() && by_iptables.is_none() {
        let failure = rules.answer.output().err().unwrap_or(Failure::NotRecorded);
        return Err(unanswered("the rules of kube-proxy", &target, &failure));
    }
    if by_nft.is_none() && !only_managed_tables(hand, target.clone())? {
        unsure.push("the nftables rules".to_owned());
    }
    let mut found = [by_nft, by_iptables].into_iter().flatten().find(|r| r.mode.is_some());
    if found.is_none() {
        // Rules may stand in the other backend of iptables than the one that `iptables` is.
        let others: &[&str] = match backend.flatten() {
            Some(iptables_save::Backend::Nft) => &["iptables_legacy"],
            Some(iptables_save::Backend::Legacy) => &["iptables_nft"],
            None => &["iptables_legacy", "iptables_nft"],
        };
        for other in dumps(hand, &target, others)? {
            match (from_dump(&other, iptables)?, other.answer.output()) {
                (Some((_, rules)), _) => {
                    evidence.push(other.id);
                    found = found.or(Some(rules).filter(|r| r.mode.is_some()));
                }
                (None, Err(Failure::ToolMissing(_))) => {}
                (None, _) => unsure.push("the rules in the other backend of iptables".to_owned()),
            }
        }
    }
    if found.as_ref().is_none_or(|f| f.mode == Some("ipvs")) {
        let kernel = dumps(hand, &target, &["ipvs"])?;
        let by_ipvs = kernel.first().map(|e| {
            from_dump(e, |text| {
                ipvsadm::parse(text).map(|i| translation::ipvs_service(&i, wanted))
            })
        });
        match by_ipvs.transpose()?.flatten() {
            Some(ipvs) if found.is_some() || ipvs.mode.is_some() => {
                evidence.extend(facts::ids(&kernel));
                let hooked = found.as_ref().is_none_or(|f| f.hooked);
                found = Some(translation::ServiceRules {
                    mode: Some("ipvs"),
                    hooked,
                    ..ipvs
                });
            }
            Some(_) => {}
            None if found.is_some() => unsure.push("the table of IPVS".to_owned()),
            None => {}
        }
    }
    let mut value = serde_json::to_value(found.unwrap_or_default()).map_err(|e| fail(e.to_string()))?;
    value["unsure"] = unsure.into();
    Ok(to_script(value, true, &evidence))
}

/// Felix's rules for what leaves the cluster; its nftables table counts where there is one.
fn outgoing(hand: &Hand, target: Target) -> Result<Dynamic> {
    let answers = dumps(hand, &target, &["iptables", "nft", "ipsets"])?;
    let [rules, tables, sets] = &answers[..] else {
        return Err(fail("the world gave no answer"));
    };
    let by_nft = from_dump(tables, |text| {
        nft_ruleset::parse(text).map(|r| translation::nft_outgoing(&r))
    })?;
    if let Some(found) = by_nft.filter(|f| f.dataplane.is_some()) {
        let value = serde_json::to_value(found).map_err(|e| fail(e.to_string()))?;
        return Ok(to_script(value, true, &[tables.id]));
    }
    let text = facts::said(rules, "the iptables rules", Exit::Fails)?;
    let members = facts::said(sets, "the ipsets", Exit::Fails);
    let found = {
        let dump = iptables_save::parse(&text).map_err(|e| fail(format!("{e} (raw output: {})", rules.id)))?;
        let known = members.as_ref().ok().map(|m| ipset_save::parse(m)).transpose();
        let known = known.map_err(|e| fail(format!("{e} (raw output: {})", sets.id)))?;
        translation::iptables_outgoing(&dump, known.as_ref())
    };
    // A rule that names a set says nothing without its members.
    if found.sources.is_none() && found.rules.iter().any(|r| r.source_set.is_some()) {
        members?;
    }
    let value = serde_json::to_value(found).map_err(|e| fail(e.to_string()))?;
    Ok(to_script(value, true, &[rules.id, sets.id]))
}

/// The connections of one source; the whole table where the tool cannot choose.
fn tracked(hand: &Hand, target: Target, source: IpAddr) -> Result<Array> {
    let address = source.to_string();
    let form = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let forms = vec![
        form(&["conntrack", "-L", "-s", &address]),
        form(&["conntrack", "-L"]),
        form(&["cat", "/proc/net/nf_conntrack"]),
    ];
    let question = facts::command(target, forms, Effect::Read, std::time::Duration::from_secs(15));
    let evidence = hand.ask_one(question)?;
    let text = facts::said(&evidence, "the tracked connections", Exit::Fails)?;
    let list = conntrack_list::parse(&text).map_err(|e| fail(format!("{e} (raw output: {})", evidence.id)))?;
    let own = list
        .entries
        .iter()
        .filter(|e| e.original.source == Some(address.as_str()));
    let value = |entry| {
        let value = serde_json::to_value(entry).map_err(|e| fail(e.to_string()))?;
        Ok(to_script(value, true, &[evidence.id]))
    };
    own.map(value).collect()
}

/// Each rule with the dump that it stands in.
fn rules(found: &[firewall::Drop], evidence: EvidenceId) -> Result<Array> {
    let rule = |drop| {
        let value = serde_json::to_value(drop).map_err(|e| fail(e.to_string()))?;
        Ok(to_script(value, true, &[evidence]))
    };
    found.iter().map(rule).collect()
}

/// Where the rules cannot be had, the list of tables may say that there are none but those of Calico and kube-proxy.
fn only_managed_tables(hand: &Hand, target: Target) -> Result<bool> {
    let fact = facts::by_name("nft_tables").ok_or_else(|| fail("no fact `nft_tables`"))?;
    let evidence = hand.ask_one(fact.question(target))?;
    let Ok(output) = evidence.answer.output() else {
        return Ok(false);
    };
    let text = output.stdout.text();
    let managed = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["table", family, name] => firewall::is_managed_table(family, name),
        _ => false,
    };
    Ok(output.exit == 0 && text.lines().filter(|l| !l.trim().is_empty()).all(managed))
}

/// The route towards an address, computed from the routes and kept as evidence of its own.
pub(super) fn route_lookup(hand: &Hand, target: Target, address: &str) -> Result<Dynamic> {
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
