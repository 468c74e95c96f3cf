//! The facts that can be asked of a node or a pod: the forms of each command, best first, and who reads its output.
//!
//! Forms ask for the same fact: old tools, small images and recordings answer one of them, and authors never see the
//! difference.

use crate::{
    data::fail,
    host::{Hand, Result, failure_map, to_script, unanswered},
};
use rhai::Dynamic;
use runbook_core::{Argv, CommandQuestion, Effect, EvidenceId, Question, Target};
use runbook_run::Evidence;
use std::{sync::Arc, time::Duration};

/// Where a fact can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Node,
    Both,
}

/// What a non-zero exit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The question failed.
    Fails,
    /// It is part of the answer: the parser reads what was said, on stderr if there is nothing else.
    Answers,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fact {
    /// The function of module `node` (and `pod`), and the word in `observe`.
    pub(crate) name: &'static str,
    pub(crate) forms: &'static [&'static [&'static str]],
    /// A parser of `runbook-parsers`; none: the text itself.
    pub(crate) parser: Option<&'static str>,
    pub(crate) on: On,
    pub(crate) exit: Exit,
}

const fn fact(name: &'static str, parser: &'static str, forms: &'static [&'static [&'static str]]) -> Fact {
    Fact {
        name,
        forms,
        parser: Some(parser),
        on: On::Node,
        exit: Exit::Fails,
    }
}

const fn both(fact: Fact) -> Fact {
    Fact { on: On::Both, ..fact }
}

const fn any_exit(fact: Fact) -> Fact {
    Fact {
        exit: Exit::Answers,
        ..fact
    }
}

const fn text(name: &'static str, forms: &'static [&'static [&'static str]]) -> Fact {
    Fact {
        name,
        forms,
        parser: None,
        on: On::Node,
        exit: Exit::Fails,
    }
}

/// The sysctls that a packet's way depends on; all of them would be thousands of lines on a node with many pods.
const SYSCTLS: &str = r"^net\.(ipv4\.(ip_forward|conf\.[^.]*\.(rp_filter|forwarding|proxy_arp|accept_local|log_martians|route_localnet|arp_announce)|neigh\.default\.gc_thresh[0-9]|ip_local_port_range|tcp_mtu_probing)|netfilter\.nf_conntrack_(max|count|buckets|tcp_timeout_established|tcp_be_liberal)|ipv6\.conf\.(all|default)\.(forwarding|disable_ipv6))";

pub(crate) const BIRD: &str = "/var/run/calico/bird.ctl";
pub(crate) const BIRD6: &str = "/var/run/calico/bird6.ctl";
/// Sessions of BGP on its own port, listening ones too.
const BGP_SOCKETS: &str = "( sport = :179 or dport = :179 )";
const READINESS: &str = "http://127.0.0.1:9099/readiness";

/// Every fact there is.
pub(crate) const FACTS: &[Fact] = &[
    both(fact(
        "routes",
        "ip_route",
        &[
            &["ip", "-j", "route", "show", "table", "all"],
            &["ip", "route", "show", "table", "all"],
            &["ip", "-j", "route"],
            &["ip", "route"],
        ],
    )),
    both(fact("addresses", "ip_addr", &[&["ip", "-j", "addr"], &["ip", "addr"]])),
    both(fact(
        "links",
        "ip_link",
        &[
            &["ip", "-j", "-d", "-s", "link"],
            &["ip", "-d", "-s", "link"],
            &["ip", "-j", "-d", "link"],
            &["ip", "-d", "link"],
            &["ip", "link"],
        ],
    )),
    both(fact(
        "neighbours",
        "ip_neigh",
        &[&["ip", "-j", "neigh"], &["ip", "neigh"]],
    )),
    fact("rules", "ip_rule", &[&["ip", "-j", "rule"], &["ip", "rule"]]),
    fact(
        "fdb",
        "bridge_fdb",
        &[&["bridge", "-j", "fdb", "show"], &["bridge", "fdb", "show"]],
    ),
    fact(
        "sysctls",
        "sysctl",
        &[&["sysctl", "-a", "-r", SYSCTLS], &["sysctl", "-a"]],
    ),
    fact("counters", "nstat", &[&["nstat", "-az"]]),
    both(fact("snmp", "proc_net_snmp", &[&["cat", "/proc/net/snmp"]])),
    both(fact("netstat", "proc_net_netstat", &[&["cat", "/proc/net/netstat"]])),
    fact(
        "qdiscs",
        "tc_qdisc",
        &[&["tc", "-j", "-s", "qdisc"], &["tc", "-s", "qdisc"]],
    ),
    fact(
        "tcp_sockets",
        "ss",
        &[
            &["ss", "-tin"],
            &["ss", "-tinp"],
            // What a recording may hold instead: the sessions of BGP only.
            &["ss", "-tinp", "( sport = :179 or dport = :179 )"],
        ],
    ),
    fact(
        "softnet",
        "proc_net_softnet_stat",
        &[&["cat", "/proc/net/softnet_stat"]],
    ),
    fact("interrupts", "proc_interrupts", &[&["cat", "/proc/interrupts"]]),
    fact("processors", "proc_stat", &[&["cat", "/proc/stat"]]),
    fact("load", "proc_loadavg", &[&["cat", "/proc/loadavg"]]),
    fact("pressure", "proc_pressure", &[&["cat", "/proc/pressure/cpu"]]),
    fact("conntrack_stats", "conntrack_stats", &[&["conntrack", "-S"]]),
    fact("conntrack_count", "conntrack_count", &[&["conntrack", "-C"]]),
    fact(
        "conntrack_file",
        "proc_net_stat_nf_conntrack",
        &[&["cat", "/proc/net/stat/nf_conntrack"]],
    ),
    fact("iptables", "iptables_save", &[&["iptables-save", "-c"]]),
    fact("iptables_legacy", "iptables_save", &[&["iptables-legacy-save", "-c"]]),
    fact("iptables_nft", "iptables_save", &[&["iptables-nft-save", "-c"]]),
    fact("ipsets", "ipset_save", &[&["ipset", "save"]]),
    // The whole table; a node with much traffic has many thousand lines.
    fact(
        "conntrack",
        "conntrack_list",
        &[&["conntrack", "-L"], &["cat", "/proc/net/nf_conntrack"]],
    ),
    fact("nft", "nft_ruleset", &[&["nft", "list", "ruleset"]]),
    fact("ipvs", "ipvsadm", &[&["ipvsadm", "-Ln"], &["ipvsadm", "-Sn"]]),
    // Where rules cannot be had, it says at least which tables there are.
    text("nft_tables", &[&["nft", "list", "tables"]]),
    any_exit(fact(
        "bird_status",
        "birdcl_show_status",
        &[&["birdcl", "-s", BIRD, "show", "status"]],
    )),
    any_exit(fact(
        "bird_protocols",
        "birdcl_show_protocols",
        &[&["birdcl", "-s", BIRD, "show", "protocols"]],
    )),
    any_exit(fact(
        "bird_protocols_all",
        "birdcl_show_protocols_all",
        &[&["birdcl", "-s", BIRD, "show", "protocols", "all"]],
    )),
    any_exit(fact(
        "bird_routes",
        "birdcl_show_route",
        &[
            &["birdcl", "-s", BIRD, "show", "route", "all"],
            &["birdcl", "-s", BIRD, "show", "route"],
        ],
    )),
    any_exit(fact(
        "bird6_status",
        "birdcl_show_status",
        &[&["birdcl", "-s", BIRD6, "show", "status"]],
    )),
    any_exit(fact(
        "bird6_protocols",
        "birdcl_show_protocols",
        &[&["birdcl", "-s", BIRD6, "show", "protocols"]],
    )),
    any_exit(fact(
        "bird6_routes",
        "birdcl_show_route",
        &[
            &["birdcl", "-s", BIRD6, "show", "route", "all"],
            &["birdcl", "-s", BIRD6, "show", "route"],
        ],
    )),
    fact(
        "bird_config",
        "bird_config",
        &[&["cat", "/etc/calico/confd/config/bird.cfg"]],
    ),
    text(
        "bird_ipam_config",
        &[&["cat", "/etc/calico/confd/config/bird_ipam.cfg"]],
    ),
    fact("bgp_sockets", "ss", &[&["ss", "-tanp", BGP_SOCKETS], &["ss", "-tanp"]]),
    any_exit(fact(
        "felix_readiness",
        "felix_readiness",
        &[
            &["curl", "-s", "-m", "4", "-w", r"\nHTTP %{http_code}\n", READINESS],
            &["wget", "-q", "-T", "4", "-O", "-", READINESS],
        ],
    )),
    fact(
        "felix_metrics",
        "prometheus",
        &[&["curl", "-s", "-m", "4", "http://127.0.0.1:9091/metrics"]],
    ),
    fact("processes", "ps", &[&["ps", "aux"], &["ps", "-ef"], &["ps"]]),
    both(fact(
        "sockets",
        "ss",
        &[&["ss", "-tulnp"], &["ss", "-tuln"], &["ss", "-tlnp"], &["ss", "-tln"]],
    )),
    both(fact("resolv_conf", "resolv_conf", &[&["cat", "/etc/resolv.conf"]])),
    text("hostname", &[&["hostname"]]),
    text("calico_nodename", &[&["cat", "/var/lib/calico/nodename"]]),
    text("calico_mtu", &[&["cat", "/var/lib/calico/mtu"]]),
    // In calico-node's pod the node's own folder is mounted below `/host`.
    fact(
        "cni_config",
        "cni_conflist",
        &[
            &["cat", "/etc/cni/net.d/10-calico.conflist"],
            &["cat", "/host/etc/cni/net.d/10-calico.conflist"],
        ],
    ),
    text(
        "cni_files",
        &[&["ls", "-1", "/etc/cni/net.d"], &["ls", "-1", "/host/etc/cni/net.d"]],
    ),
    text("nm_devices", &[&["nmcli", "-t", "-f", "DEVICE,STATE", "device"]]),
];

pub(crate) fn by_name(name: &str) -> Option<&'static Fact> {
    FACTS.iter().find(|f| f.name == name)
}

/// Whether a protocol of confd's is one of IPv6: its name holds the address with `_` for every dot and colon.
pub(crate) fn is_ipv6_protocol(name: &str) -> bool {
    let address = name.split_once('_').map_or("", |(_, rest)| rest);
    let address = address.split("_port_").next().unwrap_or_default();
    address.contains("__") || address.split('_').count() > 4
}

/// How long a command that only reads may take on the other side.
const READ: Duration = Duration::from_secs(15);

impl Fact {
    pub(crate) fn question(&self, target: Target) -> Question {
        let forms = self
            .forms
            .iter()
            .map(|form| form.iter().map(ToString::to_string).collect())
            .collect();
        command(target, forms, Effect::Read, READ)
    }

    /// Asks and reads: a typed value with the evidence it comes from.
    pub(crate) fn ask(&self, hand: &Hand, target: Target) -> Result<Dynamic> {
        let evidence = hand.ask_one(self.question(target))?;
        hand.parse_once(evidence.id, self.parser.unwrap_or("text"), || {
            let text = said(&evidence, &self.what(), self.exit)?;
            match self.parser {
                Some(parser) => read(parser, &text, &evidence),
                None => Ok(text.trim_end().into()),
            }
        })
    }

    fn what(&self) -> String {
        format!("the {}", self.name.replace('_', " "))
    }
}

pub(crate) fn command(target: Target, forms: Vec<Argv>, effect: Effect, timeout: Duration) -> Question {
    Question::Command(CommandQuestion {
        target,
        forms,
        effect,
        timeout,
    })
}

/// What a command said, or why it said nothing.
pub(crate) fn said(evidence: &Evidence, what: &str, exit: Exit) -> Result<String> {
    let target = evidence.question.target();
    let output = evidence
        .answer
        .output()
        .map_err(|failure| unanswered(what, &target, &failure))?;
    if output.cut_bytes > 0 {
        let message = format!(
            "{what} of {target} is too long: {} bytes were left out",
            output.cut_bytes
        );
        return Err(failure_map(message, "incomplete", &target));
    }
    if exit == Exit::Fails && output.exit != 0 {
        let stderr = output.stderr.text();
        let message = format!(
            "cannot read {what} of {target}: exit {}: {}",
            output.exit,
            one_line(&stderr)
        );
        return Err(failure_map(message, "exit", &target));
    }
    let text = if output.stdout.is_empty() && exit == Exit::Answers {
        output.stderr.text()
    } else {
        output.stdout.text()
    };
    Ok(text.into_owned())
}

pub(crate) fn one_line(text: &str) -> String {
    let line = text
        .lines()
        .find(|l| !l.trim().is_empty())
        .unwrap_or("nothing was said")
        .trim();
    line.chars()
        .take(300)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Reads text with a parser of the table.
pub(crate) fn read(parser: &str, text: &str, evidence: &Arc<Evidence>) -> Result<Dynamic> {
    let value = parse(parser, text).map_err(|message| {
        let target = evidence.question.target();
        let asked = evidence.question.as_text(0);
        failure_map(
            format!("`{asked}` of {target}: {message} (raw output: {})", evidence.id),
            "format",
            &target,
        )
    })?;
    Ok(to_script(value, true, &[evidence.id]))
}

pub(crate) fn parse(parser: &str, text: &str) -> std::result::Result<serde_json::Value, String> {
    let known = runbook_parsers::parsers().find(|p| p.name == parser);
    let known = known.ok_or_else(|| format!("no parser `{parser}`"))?;
    (known.parse)(text).map_err(|e| e.to_string())
}

/// Facts by name, for `observe`.
pub(crate) fn named(names: &[String]) -> Result<Vec<&'static Fact>> {
    names
        .iter()
        .map(|name| {
            by_name(name).ok_or_else(|| {
                let near = crate::data::nearest(name, FACTS.iter().map(|f| f.name));
                let near = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
                fail(format!("no fact `{name}`{near}"))
            })
        })
        .collect()
}

/// Evidence ids as a slice, for values put together from several answers.
pub(crate) fn ids(evidence: &[Arc<Evidence>]) -> Vec<EvidenceId> {
    evidence.iter().map(|e| e.id).collect()
}
