use super::{Cluster, address, script};
use crate::{
    data::{fail, from_dynamic},
    host::{Hand, Result, to_script},
    modules::kube,
};
use jiff::Timestamp;
use rhai::{CustomType, Dynamic, Engine, EvalAltResult, Map, NativeCallContext, TypeBuilder, plugin::*};
use runbook_calico::{
    self as model,
    ipam::{AuditFacts, AuditReport},
};
use runbook_core::{EvidenceId, Failure, Question};
use runbook_run::Evidence;
use serde_json::{Value, json};
use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

/// Asked for in one batch. Without the first two there is nothing to compare; what else is missing is told.
pub(super) const KINDS: [&str; 7] = [
    "pods",
    "ipamblocks",
    "ipamhandles",
    "blockaffinities",
    "ipamconfigs",
    "ipreservations",
    "namespaces",
];

/// What IPAM keeps, and who uses it, read once. A hundred thousand pods stay small: only what addresses need is kept.
#[derive(Clone, Debug)]
pub(crate) struct Ipam(Arc<Held>);

#[derive(Debug)]
struct Held {
    /// Nodes, pools, blocks, affinities, namespaces, reservations and configuration.
    world: model::cluster::Cluster,
    /// Pods and handles.
    facts: AuditFacts,
    evidence: Vec<EvidenceId>,
    pools_evidence: [EvidenceId; 2],
    /// Kinds that could not be read, and why.
    unread: Vec<(&'static str, String)>,
    left_out: Vec<String>,
    now: Timestamp,
    report: OnceLock<AuditReport>,
}

impl CustomType for Ipam {
    fn build(mut builder: TypeBuilder<'_, Self>) {
        type Got = std::result::Result<Dynamic, Box<EvalAltResult>>;
        builder
            .with_name("ipam")
            .with_get("config", |i: &mut Ipam| -> Got {
                let config = i.0.world.ipam_config.clone().unwrap_or_default();
                script(&config, &[i.0.evidence_of("ipamconfigs")])
            })
            .with_get("reservations", |i: &mut Ipam| -> Got {
                script(&i.0.world.reservations, &[i.0.evidence_of("ipreservations")])
            })
            .with_get("affinities", |i: &mut Ipam| -> Got {
                script(&i.0.world.affinities, &[i.0.evidence_of("blockaffinities")])
            })
            .with_get("block_count", |i: &mut Ipam| i.0.world.blocks.len() as i64)
            .with_get("unread", |i: &mut Ipam| -> Got {
                let unread = i.0.unread.iter();
                let unread: Vec<Value> = unread.map(|(kind, why)| json!({"kind": kind, "reason": why})).collect();
                script(&unread, &[])
            })
            .with_get("left_out", |i: &mut Ipam| -> Got { script(&i.0.left_out, &[]) })
            .with_get("pods", |i: &mut Ipam| -> Got {
                // A handle on the evidence: the list itself may be very long.
                script(&json!({"asked": "pods"}), &[i.0.evidence_of("pods")])
            })
            .with_get("blocks", |i: &mut Ipam| -> Got {
                script(&json!({"asked": "ipamblocks"}), &[i.0.evidence_of("ipamblocks")])
            });
    }
}

pub(super) fn register_types(engine: &mut Engine) {
    engine.build_type::<Ipam>();
}

impl Held {
    fn evidence_of(&self, kind: &str) -> EvidenceId {
        let at = KINDS.iter().position(|known| *known == kind).unwrap_or_default();
        self.evidence[at]
    }

    /// Every list that an audit compares.
    fn compared(&self) -> Vec<EvidenceId> {
        let kinds = ["ipamblocks", "pods", "ipamhandles", "blockaffinities"];
        let mut ids: Vec<_> = kinds.iter().map(|kind| self.evidence_of(kind)).collect();
        ids.extend(self.pools_evidence);
        ids
    }

    fn unread(&self, kind: &str) -> bool {
        self.unread.iter().any(|(known, _)| *known == kind)
    }

    fn report(&self) -> &AuditReport {
        self.report.get_or_init(|| {
            let mut report = model::ipam::audit(&self.facts, &self.world.blocks);
            use model::ipam::ProblemKind::{HandleCount, MissingHandle, OrphanHandle};
            // Handles that may not be read are not missing.
            if self.unread("ipamhandles") {
                let of_handles = |kind| [HandleCount, MissingHandle, OrphanHandle].contains(&kind);
                report.problems.retain(|problem| !of_handles(problem.kind));
                report.counts.retain(|kind, _| !of_handles(*kind));
            }
            report
        })
    }

    fn age_s(&self, since: Option<&str>) -> Option<i64> {
        Some(self.now.as_second() - kube::read_time(since?)?.as_second())
    }
}

/// The bytes of an answered list; a kind that is not installed is an empty list.
fn bytes(evidence: &Evidence) -> std::result::Result<Option<&[u8]>, Failure> {
    match evidence.answer.body() {
        Ok(body) => Ok(Some(body.bytes())),
        Err(Failure::NotFound(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn parsed(bytes: &[u8], kind: &str) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|e| fail(format!("the list of {kind} does not parse: {e}")))
}

fn read_ipam(hand: &Hand, cluster: &Cluster) -> Result<Ipam> {
    let questions = KINDS.iter().map(|kind| kube::list_question(hand, kind, &Map::new()));
    let mut questions = questions.collect::<Result<Vec<_>>>()?;
    questions.push(Question::Clock);
    let answers = hand.ask(questions, false)?;
    let clock = answers.last().ok_or_else(|| fail("the world gave no answer"))?;
    let now = kube::now(clock)?;
    let mut world = model::cluster::Cluster::default();
    world.nodes.clone_from(&cluster.0.model.nodes);
    world.pools.clone_from(&cluster.0.model.pools);
    let mut held = Held {
        world,
        facts: AuditFacts::default(),
        evidence: answers.iter().map(|answer| answer.id).collect(),
        pools_evidence: [cluster.0.evidence_of("ippools"), cluster.0.evidence_of("nodes")],
        unread: vec![],
        left_out: cluster.0.model.left_out.iter().map(ToString::to_string).collect(),
        now,
        report: OnceLock::new(),
    };
    let mut pods = None;
    for (answer, kind) in answers.iter().zip(KINDS) {
        match (kind, bytes(answer)) {
            (_, Ok(None)) => {}
            ("pods", Ok(found)) => pods = found,
            ("ipamblocks", Ok(Some(list))) => held.read_blocks(list)?,
            // Last, when nodes and pools are known.
            ("ipamhandles", Ok(_)) => {}
            (kind, Ok(Some(list))) => held.world.add(&parsed(list, kind)?),
            ("pods" | "ipamblocks", Err(failure)) => {
                return Err(crate::host::unanswered(kind, &answer.question.target(), &failure));
            }
            (kind, Err(failure)) => held.unread.push((kind, failure.to_string())),
        }
    }
    held.read_users(pods)?;
    if let Ok(Some(handles)) = bytes(&answers[2])
        && let Err(error) = held.facts.read_handles_slice(handles)
    {
        held.unread.push(("ipamhandles", error.to_string()));
    }
    let odd = held.world.left_out.iter().map(ToString::to_string);
    held.left_out.extend(odd);
    Ok(Ipam(Arc::new(held)))
}

impl Held {
    /// Item by item; where one object is odd, as a whole and without that one.
    fn read_blocks(&mut self, list: &[u8]) -> Result<()> {
        match model::ipam::read_blocks(list) {
            Ok(blocks) => self.world.blocks = blocks,
            Err(_) => {
                let read = model::object::read_list::<model::pool::Block>(&parsed(list, "ipamblocks")?);
                self.world.blocks = read.items;
                self.world.left_out.extend(read.left_out);
            }
        }
        Ok(())
    }

    fn read_users(&mut self, list: Option<&[u8]>) -> Result<()> {
        self.facts = AuditFacts::of(&self.world);
        let Some(list) = list else { return Ok(()) };
        if self.facts.read_pods_slice(list).is_err() {
            self.facts = AuditFacts::of(&self.world);
            let read = model::object::read_list::<model::workload::Pod>(&parsed(list, "pods")?);
            read.items.iter().for_each(|pod| self.facts.pod(pod));
            self.world.left_out.extend(read.left_out);
        }
        Ok(())
    }

    fn pool_of(&self, address: IpAddr) -> Option<&str> {
        model::pool::pool_for(&self.world.pools, address).map(|pool| pool.name.as_str())
    }

    /// A problem as scripts see it: with its pool and its age.
    fn problem(&self, problem: &model::ipam::Problem) -> Result<Value> {
        let mut value = serde_json::to_value(problem).map_err(|e| fail(e.to_string()))?;
        let block = problem.block.as_deref().and_then(|block| block.parse().ok());
        let of_block = block.and_then(|block| model::pool::pool_of_cidr(&self.world.pools, block));
        let pool = problem.address.and_then(|address| self.pool_of(address));
        value["pool"] = json!(pool.or(of_block.map(|pool| pool.name.as_str())));
        value["age_s"] = json!(self.age_s(problem.since.as_deref()));
        Ok(value)
    }

    /// When the present holders of a pool's addresses got them.
    fn given(&self, pool: &str) -> Vec<i64> {
        let Some(pool) = self.world.pools.iter().find(|known| known.name == pool) else {
            return vec![];
        };
        let blocks = self.world.blocks.iter();
        let inside = blocks.filter(|block| !block.deleted && pool.cidr.contains(&block.cidr));
        let times = inside.flat_map(model::pool::Block::allocated);
        let times = times.filter_map(|(_, allocation)| kube::read_time(allocation.secondary.get("timestamp")?));
        times.map(|at| at.as_second()).collect()
    }

    fn capacity(&self) -> Result<Value> {
        let (world, config) = (&self.world, self.world.ipam_config.clone().unwrap_or_default());
        let mut pools = vec![];
        for pool in model::ipam::pool_capacity(&world.pools, &world.blocks, &world.reservations) {
            let growth = model::ipam::growth(&self.given(&pool.pool), self.now.as_second(), pool.free);
            let mut value = serde_json::to_value(&pool).map_err(|e| fail(e.to_string()))?;
            value["growth"] = json!(growth);
            pools.push(value);
        }
        let nodes = model::ipam::node_capacity(&world.nodes, &world.blocks, &config);
        Ok(json!({"pools": pools, "nodes": nodes}))
    }

    fn choice(&self, asked: &Asked) -> Result<Value> {
        let requested: Vec<&str> = asked.pools.iter().map(String::as_str).collect();
        let namespace = asked.namespace.as_deref().filter(|_| !self.unread("namespaces"));
        let found = model::ipam::choose(&self.world, &asked.node, namespace, &requested, asked.ipv6);
        let mut value = serde_json::to_value(&found).map_err(|e| fail(e.to_string()))?;
        value["requested"] = json!(asked.pools);
        for (answer, pool) in value["pools"]
            .as_array_mut()
            .into_iter()
            .flatten()
            .zip(&self.world.pools)
        {
            answer["cidr"] = json!(pool.cidr);
        }
        Ok(value)
    }

    fn annotated(&self, namespace: &str, key: &str) -> Option<String> {
        let mut namespaces = self.world.namespaces.iter();
        let found = namespaces.find(|known| known.meta.name == namespace)?;
        found.meta.annotation(key).map(str::to_owned)
    }

    fn address(&self, address: IpAddr) -> Value {
        let mut blocks = self.world.blocks.iter();
        let block = blocks.find(|block| !block.deleted && block.cidr.contains(&address));
        let allocation = block.and_then(|block| block.allocation_of(address));
        let mut reserved = self.world.reservations.iter().flat_map(|one| &one.cidrs);
        json!({
            "address": address,
            "pool": self.pool_of(address),
            "block": block.map(|block| block.cidr),
            "block_node": block.and_then(|block| block.node()),
            "reserved": reserved.any(|net| net.contains(&address)),
            "allocation": allocation.map(|a| json!({
                "handle": a.handle_id,
                "namespace": a.secondary.get("namespace"),
                "pod": a.secondary.get("pod"),
                "node": a.secondary.get("node"),
                "type": a.secondary.get("type"),
                "vm": a.secondary.get("vmi-name").or(a.secondary.get("vmi")),
                "since": a.secondary.get("timestamp"),
                "age_s": self.age_s(a.secondary.get("timestamp")),
                "released_at": a.released_at,
            })),
            "users": self.facts.users(address),
            "tunnels": self.facts.tunnels(address),
        })
    }
}

/// For whom an address is wanted, as a script says it.
#[derive(Debug, Default)]
struct Asked {
    node: String,
    namespace: Option<String>,
    pools: Vec<String>,
    ipv6: bool,
}

fn read_asked(held: &Held, options: &Map) -> Result<Asked> {
    const KEYS: [&str; 5] = ["pod", "node", "namespace", "pools", "ipv6"];
    if let Some(key) = options.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(fail(format!("no option `{key}`; options: {}", KEYS.join(", "))));
    }
    let text = |key: &str| options.get(key).and_then(|value| value.clone().into_string().ok());
    let pod = options
        .get("pod")
        .map(from_dynamic)
        .transpose()
        .map_err(fail)?
        .unwrap_or_default();
    let of_pod = |path: &str| pod.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let ipv6 = options
        .get("ipv6")
        .and_then(|value| value.as_bool().ok())
        .unwrap_or_default();
    let node = text("node").or_else(|| of_pod("/spec/nodeName"));
    let namespace = text("namespace").or_else(|| of_pod("/metadata/namespace"));
    let key = if ipv6 {
        "cni.projectcalico.org/ipv6pools"
    } else {
        "cni.projectcalico.org/ipv4pools"
    };
    let own = pod["metadata"]["annotations"][key].as_str().map(str::to_owned);
    let annotated = own.or_else(|| held.annotated(namespace.as_deref()?, key));
    let pools = match (options.get("pools").filter(|pools| !pools.is_unit()), annotated) {
        (Some(pools), _) => serde_json::from_value(from_dynamic(pools).map_err(fail)?),
        (None, Some(list)) => serde_json::from_str(&list),
        (None, None) => Ok(vec![]),
    };
    Ok(Asked {
        node: node.ok_or_else(|| fail("for which node? The pod has none yet"))?,
        namespace,
        pools: pools.map_err(|e| fail(format!("the pools asked for are no list of names: {e}")))?,
        ipv6,
    })
}

/// Problems of one kind that are listed; how many there are is always told.
const LISTED: usize = 500;

/// Who has which address: Calico's IPAM, its consistency, what is left, and what it would do next.
#[export_module]
pub(crate) mod ipam {
    /// Returns what IPAM keeps and who uses it: blocks, handles, affinities, configuration, reservations, pods, nodes.
    ///
    /// Shape: an object with `config: #{ strict_affinity, auto_allocate_blocks, max_blocks_per_host }`, `reservations`, `affinities`,
    /// `block_count`, `unread` (kinds that could not be read: `#{ kind, reason }`), `left_out` (objects that the model cannot read, in
    /// words), and `pods`, `blocks` to cite as evidence. Source: lists of the API, in one batch, kept small. Effect: read.
    /// Errors: pods or blocks cannot be read.
    /// ```rhai
    /// let ipam = calico::ipam(calico::cluster());
    /// assert(ipam.block_count == 6 && ipam.unread.is_empty() && ipam.config.max_blocks_per_host == 20);
    /// ```
    #[rhai_fn(return_raw, name = "ipam")]
    pub fn read(cx: NativeCallContext<'_>, cluster: Cluster) -> Result<Dynamic> {
        read_ipam(&Hand::of(&cx)?, &cluster).map(Dynamic::from)
    }

    /// Returns what contradicts itself in IPAM: leaks, duplicates, orphans, stale claims, each with its object and a safe fix.
    ///
    /// Shape: `#{ problems: [#{ kind, conclusion, object, address, block, node, pod, handle, pool, since, age_s, sentence, fix }],
    /// counts, blocks, addresses, allocated, borrowed, pods }`. `kind` is `leaked_address`, `absent_node_address`, `unowned_address`,
    /// `finished_pod_address`, `stale_tunnel_address`, `tunnel_not_allocated`, `duplicate_pod_address`, `pod_has_tunnel_address`,
    /// `pod_not_allocated`, `pod_not_owner`, `pod_outside_pools`, `orphan_handle`, `missing_handle`, `handle_count`, `stale_affinity`,
    /// `unsettled_affinity`, `affinity_mismatch`, `absent_node_block`, `block_outside_pools`, `overlapping_blocks`, `corrupt_block`;
    /// `conclusion` is a code of the catalogue. At most 500 of a kind are listed, `counts` counts all. Leaks are told by the rule of
    /// kube-controllers. Effect: none. Errors: none.
    /// ```rhai
    /// let audit = calico::ipam_audit(calico::ipam(calico::cluster()));
    /// assert(audit.problems.is_empty() && audit.allocated == 13);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn ipam_audit(ipam: Ipam) -> Result<Dynamic> {
        let report = ipam.0.report();
        let mut listed: std::collections::BTreeMap<_, usize> = Default::default();
        let mut problems = vec![];
        for problem in &report.problems {
            let count = listed.entry(problem.kind).or_default();
            *count += 1;
            if *count <= LISTED {
                problems.push(ipam.0.problem(problem)?);
            }
        }
        let ids = ipam.0.compared();
        let counts = serde_json::to_value(&report.counts).map_err(|e| fail(e.to_string()))?;
        let numbers = [
            ("blocks", report.blocks),
            ("addresses", report.addresses),
            ("allocated", report.allocated),
            ("borrowed", report.borrowed),
            ("pods", report.pods),
        ];
        let numbers = numbers
            .into_iter()
            .map(|(key, count)| (key.into(), Dynamic::from(count as i64)));
        let mut map: Map = numbers.collect();
        map.insert("problems".into(), to_script(problems.into(), true, &ids));
        // A kind that was not found has no count: not a mistake to ask for.
        map.insert("counts".into(), to_script(counts, false, &ids));
        Ok(map.into())
    }

    /// Returns how full pools and nodes are.
    ///
    /// Shape: `#{ pools: [#{ pool, cidr, disabled, addresses, used, reserved, free, used_ratio, blocks, blocks_existing, blocks_free,
    /// block_size, free_in_blocks, growth }], nodes: [#{ node, blocks, block_limit, addresses, used, free, borrowed, lent, max_pods,
    /// reachable }] }`. `growth` is estimated from the times at which present holders got their addresses: `#{ window_s, recent, per_day,
    /// full_in_days }`, where what was given back meanwhile is not seen, so that the pool is full at the soonest in that time; `()`
    /// where an hour or five addresses of history are missing. Effect: none. Errors: none.
    /// ```rhai
    /// let capacity = calico::ipam_capacity(calico::ipam(calico::cluster()));
    /// assert(capacity.pools[0].addresses == 65536 && capacity.pools[0].used + capacity.pools[1].used == 13);
    /// assert(capacity.nodes.find(|n| n.node == "kworker-3").used == 5);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn ipam_capacity(ipam: Ipam) -> Result<Dynamic> {
        let ids = [
            ipam.0.evidence_of("ipamblocks"),
            ipam.0.pools_evidence[0],
            ipam.0.evidence_of("ipreservations"),
        ];
        Ok(to_script(ipam.0.capacity()?, true, &ids))
    }

    /// Returns what IPAM would do for a pod: which pools may serve it, what rejects the others, and where its address comes from.
    ///
    /// `asked`: `#{ pod: object }`, or `#{ node, namespace, pools }`; with `ipv6: true` for the other family. Pools that the pod or
    /// its namespace asks for by annotation are respected. Shape: `#{ node, requested, pools: [#{ pool, cidr, eligible, rejected:
    /// [#{ predicate, sentence, selector, failed }], rejected_because }], own_blocks, block_limit, outcome:
    /// "own_block"|"new_block"|"borrow"|"refused", pool, block, address, owner, conclusion, sentence }`; `conclusion` is a code of the
    /// catalogue where it is refused. Effect: none. Errors: a pod without a node, an annotation that is no list.
    /// ```rhai
    /// let ipam = calico::ipam(calico::cluster());
    /// let choice = calico::ipam_choice(ipam, #{ node: "kworker-1", namespace: "shop", pools: ["bgp-pool"] });
    /// assert(choice.outcome == "own_block" && choice.pool == "bgp-pool");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn ipam_choice(ipam: Ipam, asked: Map) -> Result<Dynamic> {
        let asked = read_asked(&ipam.0, &asked)?;
        let mut ids = ipam.0.pools_evidence.to_vec();
        ids.extend([ipam.0.evidence_of("ipamblocks"), ipam.0.evidence_of("ipamconfigs")]);
        Ok(to_script(ipam.0.choice(&asked)?, true, &ids))
    }

    /// Returns everything that says something about an address: its pool and block, whom IPAM gave it to, and who reports it.
    ///
    /// Shape: `#{ address, pool, block, block_node, reserved, allocation: #{ handle, namespace, pod, node, type, vm, since, age_s,
    /// released_at }, users: [#{ pod, node, finished, leaving, host_network }], tunnels }`; `tunnels` are nodes. Effect: none.
    /// Errors: not an address.
    /// ```rhai
    /// let told = calico::ipam_address(calico::ipam(calico::cluster()), "10.65.74.193");
    /// assert(told.users[0].pod == `${told.allocation.namespace}/${told.allocation.pod}` && told.tunnels.is_empty());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn ipam_address(ipam: Ipam, address: &str) -> Result<Dynamic> {
        Ok(to_script(
            ipam.0.address(super::address(address)?),
            true,
            &ipam.0.compared(),
        ))
    }
}
