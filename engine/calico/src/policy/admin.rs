use serde::Deserialize;
use serde_json::Value;

use super::{
    calico::all_of,
    types::{Action, Entity, Policy, Port, Protocol, Rule},
};
use crate::{
    labels::NAMESPACE_PREFIX,
    names::{PolicyKind, PolicyName},
    object::{Meta, ObjectError, decode, parse_cidr, part},
    selector::{Expr, Selector, from_label_selector, from_label_selector_unprefixed},
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    tier: Option<String>,
    priority: Option<f64>,
    subject: Value,
    ingress: Option<Vec<Value>>,
    egress: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct RawRule {
    action: Action,
    #[serde(default)]
    from: Option<Vec<Value>>,
    #[serde(default)]
    to: Option<Vec<Value>>,
    #[serde(default)]
    ports: Option<Vec<Value>>,
    #[serde(default)]
    protocols: Option<Vec<Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodsOf {
    namespace_selector: Value,
    pod_selector: Value,
}

/// Reads a ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy as Calico converts it.
pub(super) fn read(meta: &Meta, value: &Value, kind: PolicyKind) -> Result<Policy, ObjectError> {
    let spec: Spec = part(meta, value, "spec")?;
    let object = meta.describe();
    let tier = match (kind, spec.tier.as_deref()) {
        (PolicyKind::AdminNetworkPolicy, _) => "adminnetworkpolicy",
        (PolicyKind::BaselineAdminNetworkPolicy, _) => "baselineadminnetworkpolicy",
        (_, Some("Admin") | None) => "kube-admin",
        (_, Some("Baseline")) => "kube-baseline",
        (_, Some(other)) => {
            return Err(ObjectError::new(
                object,
                "spec.tier",
                format!("`{other}` is neither `Admin` nor `Baseline`"),
            ));
        }
    };
    let Some(selector) = subject(&spec.subject, &object, "spec.subject")? else {
        return Err(ObjectError::new(
            object,
            "spec.subject",
            "has neither `namespaces` nor `pods`",
        ));
    };
    let mut dropped_rules = Vec::new();
    let mut read = |field: &str, rules: Option<Vec<Value>>| {
        let mut all = Vec::new();
        for (index, rule) in rules.unwrap_or_default().iter().enumerate() {
            let path = format!("spec.{field}[{index}]");
            match convert(&object, field == "ingress", &path, rule) {
                Ok(rules) => all.extend(rules),
                Err((action, error)) => {
                    // Failing closed: what should have denied or passed denies everything.
                    if matches!(action, Some(Action::Deny | Action::Pass)) {
                        all.push(Rule::any(Action::Deny, path));
                    }
                    dropped_rules.push(error.to_string());
                }
            }
        }
        all
    };
    let ingress_rules = read("ingress", spec.ingress);
    let egress_rules = read("egress", spec.egress);
    Ok(Policy {
        id: PolicyName {
            kind,
            namespace: None,
            name: meta.name.clone(),
            tier: tier.to_owned(),
        },
        order: spec.priority,
        selector,
        ingress: !ingress_rules.is_empty(),
        egress: !egress_rules.is_empty(),
        ingress_rules,
        egress_rules,
        do_not_track: false,
        pre_dnat: false,
        apply_on_forward: false,
        staged_action: None,
        dropped_rules,
    })
}

/// `namespaces` (a label selector) or `pods` (two of them).
fn subject(value: &Value, object: &str, path: &str) -> Result<Option<Selector>, ObjectError> {
    let (namespaces, pods) = match (value.get("namespaces"), value.get("pods")) {
        (Some(namespaces), _) => (namespaces.clone(), Value::Null),
        (None, Some(pods)) => {
            let pods: PodsOf = decode(pods, object, &format!("{path}.pods"))?;
            (pods.namespace_selector, pods.pod_selector)
        }
        (None, None) => return Ok(None),
    };
    let namespaces: Expr = from_label_selector_unprefixed(&namespaces, object, &format!("{path}.namespaceSelector"))?
        .expr()
        .prefixed(NAMESPACE_PREFIX)
        .for_namespaces();
    let pods = from_label_selector(&pods, object, &format!("{path}.podSelector"))?;
    Ok(all_of(vec![namespaces, pods.expr().clone()]))
}

fn convert(object: &str, ingress: bool, path: &str, value: &Value) -> Result<Vec<Rule>, (Option<Action>, ObjectError)> {
    let raw: RawRule = decode(value, object, path).map_err(|error| (None, error))?;
    let action = raw.action;
    let fail = |error| (Some(action), error);
    let (field, peers) = if ingress { ("from", raw.from) } else { ("to", raw.to) };
    let mut entities = Vec::new();
    for (index, peer) in peers.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}.{field}[{index}]");
        entities.push((path.clone(), entity(object, &path, peer).map_err(fail)?));
    }
    let mut ports = Vec::new();
    for (field, list) in [("ports", raw.ports), ("protocols", raw.protocols)] {
        for (index, port) in list.unwrap_or_default().iter().enumerate() {
            ports.push(port_match(object, &format!("{path}.{field}[{index}]"), port).map_err(fail)?);
        }
    }
    if ports.is_empty() {
        ports.push((None, None));
    }
    let mut rules = Vec::new();
    for (protocol, port) in &ports {
        for (path, peer) in &entities {
            let mut rule = Rule::any(action, path.clone());
            rule.protocol = *protocol;
            if ingress {
                rule.source = peer.clone();
            } else {
                rule.destination = peer.clone();
            }
            rule.destination.ports.extend(port.clone());
            rules.push(rule);
        }
    }
    Ok(rules)
}

fn entity(object: &str, path: &str, peer: &Value) -> Result<Entity, ObjectError> {
    if let Some(networks) = peer.get("networks") {
        let texts: Vec<String> = decode(networks, object, &format!("{path}.networks"))?;
        let nets = texts.iter().map(|text| {
            let reason = || ObjectError::new(object, format!("{path}.networks"), format!("`{text}` is not a CIDR"));
            parse_cidr(text).ok_or_else(reason)
        });
        return Ok(Entity {
            nets: nets.collect::<Result<_, _>>()?,
            ..Entity::default()
        });
    }
    match subject(peer, object, path)? {
        Some(selector) => Ok(Entity {
            selector: Some(selector),
            ..Entity::default()
        }),
        None => {
            let found = peer
                .as_object()
                .and_then(|map| map.keys().next())
                .map_or("nothing", String::as_str);
            Err(ObjectError::new(
                object,
                path,
                format!("peer `{found}` is not one that Calico converts"),
            ))
        }
    }
}

/// The forms of AdminNetworkPolicy (`portNumber`) and of ClusterNetworkPolicy (`tcp.destinationPort`).
fn port_match(object: &str, path: &str, value: &Value) -> Result<(Option<Protocol>, Option<Port>), ObjectError> {
    let bad = |reason: &str| ObjectError::new(object, path, reason);
    let number = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_u64)
            .and_then(|port| u16::try_from(port).ok())
    };
    let protocol = |value: &Value| match value.get("protocol").and_then(Value::as_str) {
        None => Ok(Some(Protocol::TCP)),
        Some(text) => Protocol::parse(text)
            .map(Some)
            .ok_or_else(|| bad("has an unknown protocol")),
    };
    let between = |low: Option<u16>, high: Option<u16>| match (low, high) {
        (Some(low), Some(high)) if low <= high => Ok(Some(Port::Range(low, high))),
        _ => Err(bad("needs a port range with start and end")),
    };
    if let Some(port) = value.get("portNumber") {
        let number = number(port, "port").ok_or_else(|| bad("needs a port number"))?;
        return Ok((protocol(port)?, Some(Port::Range(number, number))));
    }
    if let Some(range) = value.get("portRange") {
        return Ok((protocol(range)?, between(number(range, "start"), number(range, "end"))?));
    }
    if let Some(name) = value
        .get("namedPort")
        .or_else(|| value.get("destinationNamedPort"))
        .and_then(Value::as_str)
    {
        return Ok((Some(Protocol::TCP), Some(Port::Named(name.to_owned()))));
    }
    for name in ["tcp", "udp", "sctp"] {
        let Some(body) = value.get(name) else { continue };
        let protocol = Protocol::parse(name);
        let Some(port) = body.get("destinationPort") else {
            return Ok((protocol, None));
        };
        if let Some(number) = number(port, "number") {
            return Ok((protocol, Some(Port::Range(number, number))));
        }
        let range = port.get("range").unwrap_or(&Value::Null);
        return Ok((protocol, between(number(range, "start"), number(range, "end"))?));
    }
    Err(bad("is not a port match that Calico converts"))
}
