use crate::{
    data::{fail, nearest},
    host::{Hand, Result, to_script, unanswered},
};
use jiff::Timestamp;
use rhai::{Array, Dynamic, Map, NativeCallContext, plugin::*};
use runbook_core::{ApiGet, Failure, LogQuestion, Outcome, PodRef, Question, Target};
use runbook_run::Evidence;
use std::sync::Arc;

/// Where the kinds that runbooks ask for are served. Calico's live in the store that the cluster has.
const CORE: &[&str] = &[
    "pods",
    "nodes",
    "services",
    "endpoints",
    "namespaces",
    "events",
    "serviceaccounts",
    "configmaps",
];
const GROUPS: &[(&str, &[&str])] = &[
    ("apps/v1", &["daemonsets", "deployments", "statefulsets", "replicasets"]),
    ("networking.k8s.io/v1", &["networkpolicies", "servicecidrs"]),
    ("discovery.k8s.io/v1", &["endpointslices"]),
    ("apiregistration.k8s.io/v1", &["apiservices"]),
    ("coordination.k8s.io/v1", &["leases"]),
    ("operator.tigera.io/v1", &["installations", "tigerastatuses"]),
    (
        "policy.networking.k8s.io/v1alpha1",
        &["adminnetworkpolicies", "baselineadminnetworkpolicies"],
    ),
    ("policy.networking.k8s.io/v1alpha2", &["clusternetworkpolicies"]),
];
const CALICO: &[&str] = &[
    "ippools",
    "bgpconfigurations",
    "bgppeers",
    "bgpfilters",
    "caliconodestatuses",
    "felixconfigurations",
    "clusterinformations",
    "hostendpoints",
    "globalnetworkpolicies",
    "globalnetworksets",
    "ipreservations",
    "kubecontrollersconfigurations",
    "tiers",
    "networksets",
    "ipamblocks",
    "ipamhandles",
    "blockaffinities",
    "ipamconfigs",
    "caliconetworkpolicies",
    "stagednetworkpolicies",
    "stagedglobalnetworkpolicies",
    "stagedkubernetesnetworkpolicies",
];

/// The API groups that the server lists, as it lists them.
fn groups(hand: &Hand) -> Result<String> {
    let groups = hand.ask_one(Question::Get(ApiGet {
        path: "/apis".into(),
        query: vec![],
    }))?;
    let body = groups
        .answer
        .body()
        .map_err(|f| unanswered("the API groups", &Target::Api, &f))?;
    Ok(body.text().into_owned())
}

/// Does the server list this group and version?
pub(super) fn serves(hand: &Hand, group_version: &str) -> Result<bool> {
    Ok(groups(hand)?.contains(&format!("\"{group_version}\"")))
}

/// A kind as kubectl takes it: by its group where the bare word is another's.
pub(crate) fn kubectl_name(kind: &str) -> String {
    match kind.rsplit_once('/') {
        Some((group, plural)) => format!("{plural}.{}", group.split('/').next().unwrap_or(group)),
        None if kind == "caliconetworkpolicies" => "networkpolicies.crd.projectcalico.org".into(),
        None if CALICO.contains(&kind) => format!("{kind}.crd.projectcalico.org"),
        None => kind.into(),
    }
}

/// The group and version that holds Calico's objects: the v1 store where there is one, else the native v3 kinds.
fn calico_group(hand: &Hand) -> Result<&'static str> {
    let text = groups(hand)?;
    let has = |group: &str| text.contains(&format!("\"{group}\""));
    match (has("crd.projectcalico.org"), has("projectcalico.org")) {
        (true, _) => Ok("crd.projectcalico.org/v1"),
        (_, true) => Ok("projectcalico.org/v3"),
        _ => Err(crate::host::failure_map(
            "this cluster has no Calico: its API groups are not served".into(),
            "not-found",
            &Target::Api,
        )),
    }
}

/// `/apis/GROUP/VERSION` and the plural, for a kind as scripts call it.
pub(super) fn locate(hand: &Hand, kind: &str) -> Result<(String, String)> {
    if CORE.contains(&kind) {
        return Ok(("/api/v1".into(), kind.into()));
    }
    if let Some((group, _)) = GROUPS.iter().find(|(_, kinds)| kinds.contains(&kind)) {
        return Ok((format!("/apis/{group}"), kind.into()));
    }
    if CALICO.contains(&kind) {
        let group = calico_group(hand)?;
        let plural = match (kind, group) {
            ("caliconetworkpolicies", _) => "networkpolicies",
            ("ipamconfigs", "projectcalico.org/v3") => "ipamconfigurations",
            (kind, _) => kind,
        };
        return Ok((format!("/apis/{group}"), plural.into()));
    }
    // `GROUP/VERSION/PLURAL` for everything else.
    if let Some((group, plural)) = kind.rsplit_once('/').filter(|(g, _)| g.contains('/')) {
        return Ok((format!("/apis/{group}"), plural.into()));
    }
    let known = CORE
        .iter()
        .chain(GROUPS.iter().flat_map(|(_, k)| *k))
        .chain(CALICO)
        .copied();
    let near = nearest(kind, known)
        .map(|n| format!("; did you mean `{n}`?"))
        .unwrap_or_default();
    Err(fail(format!("no kind `{kind}`{near} (others: GROUP/VERSION/PLURAL)")))
}

fn text_of(map: &Map, key: &str) -> Result<Option<String>> {
    match map.get(key) {
        None => Ok(None),
        Some(v) if v.is_unit() => Ok(None),
        Some(v) => v
            .clone()
            .into_string()
            .map(Some)
            .map_err(|kind| fail(format!("`{key}` is text, not {kind}"))),
    }
}

/// A path with names percent-encoded where they need it: a name comes from an object or a person.
fn segment(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:".contains(&b);
    name.bytes()
        .map(|b| {
            if plain(b) {
                (b as char).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

pub(super) fn list_question(hand: &Hand, kind: &str, options: &Map) -> Result<Question> {
    if let Some(key) = options
        .keys()
        .find(|k| !["namespace", "labels", "fields"].contains(&k.as_str()))
    {
        return Err(fail(format!("no option `{key}`; options: namespace, labels, fields")));
    }
    let (base, plural) = locate(hand, kind)?;
    let path = match text_of(options, "namespace")? {
        Some(ns) => format!("{base}/namespaces/{}/{plural}", segment(&ns)),
        None => format!("{base}/{plural}"),
    };
    let mut query = vec![];
    for (key, name) in [("fields", "fieldSelector"), ("labels", "labelSelector")] {
        if let Some(selector) = text_of(options, key)? {
            query.push((name.to_string(), selector));
        }
    }
    Ok(Question::Get(ApiGet { path, query }))
}

pub(super) fn get_question(hand: &Hand, kind: &str, namespace: Option<&str>, name: &str) -> Result<Question> {
    let (base, plural) = locate(hand, kind)?;
    let path = match namespace {
        Some(ns) => format!("{base}/namespaces/{}/{plural}/{}", segment(ns), segment(name)),
        None => format!("{base}/{plural}/{}", segment(name)),
    };
    Ok(Question::Get(ApiGet { path, query: vec![] }))
}

/// The items of an answered list, or an object; an absent object is `None`.
pub(super) fn body(evidence: &Arc<Evidence>, what: &str) -> Result<Option<serde_json::Value>> {
    let body = match evidence.answer.body() {
        Err(Failure::NotFound(_)) => return Ok(None),
        Err(failure) => return Err(unanswered(what, &Target::Api, &failure)),
        Ok(body) => body,
    };
    let value: serde_json::Value = serde_json::from_slice(body.bytes())
        .map_err(|e| crate::host::failure_map(format!("{what}: the answer is no JSON: {e}"), "format", &Target::Api))?;
    Ok(Some(value))
}

pub(super) fn items(evidence: &Arc<Evidence>, kind: &str) -> Result<Dynamic> {
    let list = body(evidence, kind)?
        .map(|mut list| list["items"].take())
        .filter(|v| v.is_array());
    Ok(to_script(
        list.unwrap_or_else(|| serde_json::json!([])),
        false,
        &[evidence.id],
    ))
}

/// Asks for the last lines of a container's log.
pub(super) fn log(hand: &Hand, pod: &str, container: &str, tail_lines: i64) -> Result<Arc<Evidence>> {
    let mut pod = super::pod::reference(pod)?;
    pod.container = Some(container.into()).filter(|c: &String| !c.is_empty());
    let tail_lines = u32::try_from(tail_lines).unwrap_or(0).clamp(1, 100_000);
    hand.ask_one(Question::Logs(LogQuestion { pod, tail_lines }))
}

/// Objects of the Kubernetes API, as the API server gives them. A field that an object leaves out is `()`.
#[export_module]
pub(crate) mod kube {
    /// Returns every object of a kind, as a list.
    ///
    /// `kind` is the plural: `pods`, `nodes`, `ippools`, `ipamblocks`, …; Calico's NetworkPolicy is
    /// `caliconetworkpolicies`; any other kind is `GROUP/VERSION/PLURAL`. A kind that is not installed gives `[]`.
    /// Source: GET of the complete list. Effect: read. Errors: unreachable, denied.
    /// ```rhai
    /// assert(kube::list("nodes").len() > 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn list(cx: NativeCallContext<'_>, kind: &str) -> Result<Dynamic> {
        list_with(cx, kind, Map::new())
    }

    /// Returns the objects of a kind that `options` select: `namespace`, `labels`, `fields` (selectors as kubectl takes them).
    ///
    /// Source: GET of the list with selectors. Effect: read. Errors: unreachable, denied.
    /// ```rhai
    /// let system = kube::list("pods", #{ namespace: "kube-system", labels: "k8s-app=calico-node" });
    /// assert(system.all(|p| p.spec.nodeName != ()));
    /// ```
    #[rhai_fn(return_raw, name = "list")]
    pub fn list_with(cx: NativeCallContext<'_>, kind: &str, options: Map) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let question = list_question(&hand, kind, &options)?;
        let evidence = hand.ask_one(question)?;
        hand.parse_once(evidence.id, "items", || items(&evidence, kind))
    }

    /// Returns one object of a cluster-wide kind, or `()` if there is none of that name.
    ///
    /// Source: GET of the object. Effect: read. Errors: unreachable, denied.
    /// ```rhai
    /// assert(kube::get("nodes", "no-such-node") == ());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn get(cx: NativeCallContext<'_>, kind: &str, name: &str) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let question = get_question(&hand, kind, None, name)?;
        let evidence = hand.ask_one(question)?;
        let object = body(&evidence, &format!("{kind} `{name}`"))?;
        Ok(object.map_or(Dynamic::UNIT, |o| to_script(o, false, &[evidence.id])))
    }

    /// Returns one object in a namespace, or `()` if there is none of that name.
    ///
    /// Source: GET of the object. Effect: read. Errors: unreachable, denied.
    /// ```rhai
    /// assert(kube::get("pods", "shop", "no-such-pod") == ());
    /// ```
    #[rhai_fn(return_raw, name = "get")]
    pub fn get_in(cx: NativeCallContext<'_>, kind: &str, namespace: &str, name: &str) -> Result<Dynamic> {
        let hand = Hand::of(&cx)?;
        let question = get_question(&hand, kind, Some(namespace), name)?;
        let evidence = hand.ask_one(question)?;
        let object = body(&evidence, &format!("{kind} `{namespace}/{name}`"))?;
        Ok(object.map_or(Dynamic::UNIT, |o| to_script(o, false, &[evidence.id])))
    }

    /// Asks for several complete lists at once, so that `kube::list` of each is answered already.
    ///
    /// Effect: read. Errors: an unknown kind; what cannot be read is told by `kube::list`.
    /// ```rhai
    /// kube::prefetch(["nodes", "ippools"]);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn prefetch(cx: NativeCallContext<'_>, kinds: Array) -> Result<()> {
        let hand = Hand::of(&cx)?;
        let kinds = kinds
            .into_iter()
            .map(|k| k.into_string().map_err(|t| fail(format!("a kind is text, not {t}"))));
        let questions = kinds
            .map(|k| list_question(&hand, &k?, &Map::new()))
            .collect::<Result<Vec<_>>>()?;
        hand.ask(questions, false).map(drop)
    }

    /// Returns the last lines of a container's log as text.
    ///
    /// `pod` is `namespace/name`. Source: the pod's log. Effect: read. Errors: unreachable, denied, no such container.
    /// ```rhai
    /// let agent = kube::list("pods", #{ labels: "k8s-app=calico-node" })[0].metadata;
    /// assert(kube::logs(`${agent.namespace}/${agent.name}`, "calico-node", 100).len() > 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn logs(cx: NativeCallContext<'_>, pod: &str, container: &str, tail_lines: i64) -> Result<String> {
        let evidence = super::log(&Hand::of(&cx)?, pod, container, tail_lines)?;
        let target = evidence.question.target();
        let body = evidence.answer.body().map_err(|f| unanswered("the log", &target, &f))?;
        Ok(body.text().into_owned())
    }

    /// Returns how many seconds ago a time was, by the clock of the world: of a recording, when it was made.
    ///
    /// `time` is written as API objects write it, or as Go prints it (`2026-11-24 16:36:13.2 +0000 UTC`). Source: the clock.
    /// Effect: read. Errors: not a time.
    /// ```rhai
    /// assert(kube::age_s("2020-01-01T00:00:00Z") > 100000000);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn age_s(cx: NativeCallContext<'_>, time: &str) -> Result<i64> {
        let clock = Hand::of(&cx)?.ask_one(Question::Clock)?;
        let now = super::now(&clock)?;
        let then = super::read_time(time).ok_or_else(|| fail(format!("`{time}` is not a time")))?;
        Ok(now.as_second() - then.as_second())
    }

    /// Returns the version of the API server, such as `v1.34.2`.
    ///
    /// Source: GET /version. Effect: read. Errors: unreachable.
    /// ```rhai
    /// assert(kube::version().starts_with("v"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn version(cx: NativeCallContext<'_>) -> Result<String> {
        let hand = Hand::of(&cx)?;
        let evidence = hand.ask_one(Question::Get(ApiGet {
            path: "/version".into(),
            query: vec![],
        }))?;
        let version = body(&evidence, "the version")?.unwrap_or_default();
        Ok(version["gitVersion"].as_str().unwrap_or_default().into())
    }
}

/// A time as API objects write it, or as Go prints it: `2026-11-24 16:36:13.262605709 +0000 UTC`.
pub(super) fn read_time(text: &str) -> Option<Timestamp> {
    let go = |text: &str| {
        let (date, rest) = text.split_once(' ')?;
        let (clock, rest) = rest.split_once(' ')?;
        let zone = rest.split(' ').next()?;
        format!("{date}T{clock}{zone}").parse().ok()
    };
    text.parse().ok().or_else(|| go(text))
}

/// What the clock said.
pub(super) fn now(clock: &Evidence) -> Result<Timestamp> {
    match &clock.answer.outcome {
        Outcome::Time(now) => Ok(*now),
        _ => Err(fail("the world does not say what time it is")),
    }
}

/// A pod as a question's target.
pub(super) fn pod_target(reference: PodRef) -> Target {
    Target::Pod(reference)
}

#[cfg(test)]
mod tests {
    use super::read_time;

    #[test]
    fn times_of_objects_and_of_go_are_read() {
        let seconds = |text: &str| read_time(text).map(|at| at.as_second());
        assert_eq!(seconds("1970-01-01T00:01:00Z"), Some(60));
        assert_eq!(seconds("1970-01-01 00:01:00.262605709 +0000 UTC"), Some(60));
        assert_eq!(seconds("1970-01-01 02:01:00 +0200 CEST"), Some(60));
        assert_eq!(seconds("1970-01-01 00:01:00.2 +0000 UTC m=+0.1"), Some(60));
        assert_eq!((seconds(""), seconds("1 2 3"), seconds("soon")), (None, None, None));
    }
}
