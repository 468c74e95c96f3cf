use super::{ask, name_of};
use crate::{
    data::fail,
    facts::{self, Exit},
    firewall::{self, Hook, Packet},
    host::{Hand, Result, to_script, unanswered},
    nat::{self, Wanted},
};
use rhai::{Array, Dynamic, Map, NativeCallContext, plugin::*};
use runbook_core::{Effect, EvidenceId, Failure, Target};
use runbook_parsers::netfilter::{conntrack_list, ipset_save, iptables_save, ipvsadm, nft_ruleset};
use runbook_run::Evidence;
use std::net::IpAddr;

/// The rules of a node: its own firewall's, Calico's, kube-proxy's, and what they made of connections.
#[export_module]
pub(crate) mod rules {
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
        let read = |dump: iptables_save::IptablesSave<'_>| (dump.backend, nat::iptables_service(&dump, wanted));
        iptables_save::parse(text).map(read)
    };
    let mut unsure = vec![];
    let first = dumps(hand, &target, &["iptables", "nft"])?;
    let mut evidence = facts::ids(&first);
    let [rules, tables] = &first[..] else {
        return Err(fail("the world gave no answer"));
    };
    let by_nft = from_dump(tables, |text| {
        nft_ruleset::parse(text).map(|r| nat::nft_service(&r, wanted))
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
        let by_ipvs = kernel
            .first()
            .map(|e| from_dump(e, |text| ipvsadm::parse(text).map(|i| nat::ipvs_service(&i, wanted))));
        match by_ipvs.transpose()?.flatten() {
            Some(ipvs) if found.is_some() || ipvs.mode.is_some() => {
                evidence.extend(facts::ids(&kernel));
                let hooked = found.as_ref().is_none_or(|f| f.hooked);
                found = Some(nat::ServiceRules {
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
    let by_nft = from_dump(tables, |text| nft_ruleset::parse(text).map(|r| nat::nft_outgoing(&r)))?;
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
        nat::iptables_outgoing(&dump, known.as_ref())
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
