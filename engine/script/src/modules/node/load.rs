use super::{ask, cgroup, name_of};
use crate::{
    data::fail,
    facts::{self, Exit},
    host::{Hand, Result, to_script},
};
use rhai::{Dynamic, Map, NativeCallContext, plugin::*};
use runbook_core::{Effect, Target};

/// How busy a node is: queues, processors, memory, counters, connection tracking.
#[export_module]
pub(crate) mod load {
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
