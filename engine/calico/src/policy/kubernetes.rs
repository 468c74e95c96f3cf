use serde::Deserialize;
use serde_json::Value;

use super::{
    calico::all_of,
    types::{Action, Entity, Policy, Port, Protocol, Rule},
};
use crate::{
    labels::{NAMESPACE, NAMESPACE_PREFIX},
    names::{PolicyKind, PolicyName},
    object::{Meta, ObjectError, parse_cidr, part},
    selector::{Expr, Selector, from_label_selector, from_label_selector_unprefixed},
};

/// Every Kubernetes NetworkPolicy has this order.
const ORDER: f64 = 1000.0;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    pod_selector: Value,
    policy_types: Option<Vec<String>>,
    ingress: Option<Vec<RawRule>>,
    egress: Option<Vec<RawRule>>,
    staged_action: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawRule {
    from: Option<Vec<Peer>>,
    to: Option<Vec<Peer>>,
    ports: Option<Vec<RawPort>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Peer {
    pod_selector: Option<Value>,
    namespace_selector: Option<Value>,
    ip_block: Option<IpBlock>,
}

#[derive(Debug, Deserialize)]
struct IpBlock {
    cidr: String,
    #[serde(default)]
    except: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawPort {
    protocol: Option<Protocol>,
    port: Option<Port>,
    end_port: Option<u16>,
}

/// Reads a Kubernetes NetworkPolicy, or a StagedKubernetesNetworkPolicy, as Calico converts it.
pub(super) fn read(meta: &Meta, value: &Value, kind: PolicyKind) -> Result<Policy, ObjectError> {
    let spec: Spec = part(meta, value, "spec")?;
    let Some(namespace) = meta.namespace.as_deref() else {
        return Err(ObjectError::new(meta.describe(), "metadata.namespace", "is missing"));
    };
    let pods = from_label_selector(&spec.pod_selector, &meta.describe(), "spec.podSelector")?;
    let has_egress = spec.egress.as_ref().is_some_and(|rules| !rules.is_empty());
    let mut dropped_rules = Vec::new();
    let mut read = |field: &str, rules: Option<Vec<RawRule>>| {
        let mut all = Vec::new();
        for (index, rule) in rules.unwrap_or_default().into_iter().enumerate() {
            let path = format!("spec.{field}[{index}]");
            match convert(meta, namespace, field == "ingress", &path, rule) {
                Ok(rules) => all.extend(rules),
                // Calico logs "dropping k8s rule that couldn't be converted" and goes on.
                Err(error) => dropped_rules.push(error.to_string()),
            }
        }
        all
    };
    let ingress_rules = read("ingress", spec.ingress);
    let egress_rules = read("egress", spec.egress);
    // kube-apiserver fills the types in; what it would have said holds for objects that bypassed it.
    let types = spec.policy_types.filter(|types| !types.is_empty());
    let has = |wanted: &str| {
        types
            .as_ref()
            .map(|types| types.iter().any(|name| name.eq_ignore_ascii_case(wanted)))
    };
    Ok(Policy {
        id: PolicyName {
            kind,
            namespace: Some(namespace.to_owned()),
            name: meta.name.clone(),
            tier: "default".to_owned(),
        },
        order: Some(ORDER),
        selector: in_namespace(namespace, &pods),
        ingress: has("ingress").unwrap_or(true),
        egress: has("egress").unwrap_or(has_egress),
        ingress_rules,
        egress_rules,
        do_not_track: false,
        pre_dnat: false,
        apply_on_forward: false,
        staged_action: spec.staged_action,
        dropped_rules,
    })
}

fn in_namespace(namespace: &str, selector: &Selector) -> Selector {
    let limit = Expr::Eq(NAMESPACE.to_owned(), namespace.to_owned());
    Selector::from_expr(Expr::And(vec![limit, selector.expr().clone()]))
}

/// One rule per peer and protocol, with the ports of the protocol merged.
fn convert(meta: &Meta, namespace: &str, ingress: bool, path: &str, raw: RawRule) -> Result<Vec<Rule>, ObjectError> {
    let (field, peers) = if ingress { ("from", raw.from) } else { ("to", raw.to) };
    let peers = peers.unwrap_or_default();
    let entities: Vec<(String, Entity)> = if peers.is_empty() {
        vec![(path.to_owned(), Entity::default())]
    } else {
        let one = |(index, peer): (usize, Peer)| {
            let path = format!("{path}.{field}[{index}]");
            Ok((path.clone(), entity(meta, namespace, &path, &peer)?))
        };
        peers
            .into_iter()
            .enumerate()
            .map(one)
            .collect::<Result<_, ObjectError>>()?
    };
    let ports = ports_by_protocol(meta, path, &raw.ports.unwrap_or_default())?;
    let mut rules = Vec::new();
    for (protocol, ports) in &ports {
        for (path, peer) in &entities {
            let mut rule = Rule::any(Action::Allow, path.clone());
            rule.protocol = *protocol;
            if ingress {
                rule.source = peer.clone();
                rule.destination.ports.clone_from(ports);
            } else {
                rule.destination = peer.clone();
                rule.destination.ports.clone_from(ports);
            }
            rules.push(rule);
        }
    }
    Ok(rules)
}

fn entity(meta: &Meta, namespace: &str, path: &str, peer: &Peer) -> Result<Entity, ObjectError> {
    let object = meta.describe();
    if let Some(block) = &peer.ip_block {
        let net = |text: &str, at: &str| {
            let reason = || {
                ObjectError::new(
                    object.clone(),
                    format!("{path}.ipBlock.{at}"),
                    format!("`{text}` is not a CIDR"),
                )
            };
            parse_cidr(text).ok_or_else(reason)
        };
        let except = block
            .except
            .iter()
            .flatten()
            .map(|text| net(text, "except"))
            .collect::<Result<_, _>>()?;
        return Ok(Entity {
            nets: vec![net(&block.cidr, "cidr")?],
            not_nets: except,
            ..Entity::default()
        });
    }
    let pods = match &peer.pod_selector {
        Some(value) => Some(from_label_selector(value, &object, &format!("{path}.podSelector"))?),
        None => None,
    };
    let limit = match &peer.namespace_selector {
        Some(value) => from_label_selector_unprefixed(value, &object, &format!("{path}.namespaceSelector"))?
            .expr()
            .prefixed(NAMESPACE_PREFIX)
            .for_namespaces(),
        None => Expr::Eq(NAMESPACE.to_owned(), namespace.to_owned()),
    };
    if pods.is_none() && peer.namespace_selector.is_none() {
        let reason = "has neither podSelector, namespaceSelector nor ipBlock";
        return Err(ObjectError::new(object, path, reason));
    }
    let mut terms = vec![limit];
    terms.extend(pods.map(|selector| selector.expr().clone()));
    Ok(Entity {
        selector: all_of(terms),
        ..Entity::default()
    })
}

type PortsOf = (Option<Protocol>, Vec<Port>);

fn ports_by_protocol(meta: &Meta, path: &str, raw: &[RawPort]) -> Result<Vec<PortsOf>, ObjectError> {
    if raw.is_empty() {
        return Ok(vec![(None, Vec::new())]);
    }
    let mut groups: Vec<PortsOf> = Vec::new();
    // A protocol without a port allows every port of it, whatever else is listed.
    let mut open: Vec<Protocol> = Vec::new();
    for (index, port) in raw.iter().enumerate() {
        let protocol = port.protocol.unwrap_or(Protocol::TCP);
        if !groups.iter().any(|(known, _)| *known == Some(protocol)) {
            groups.push((Some(protocol), Vec::new()));
        }
        let number = match (&port.port, port.end_port) {
            (None, _) => {
                open.push(protocol);
                continue;
            }
            (Some(Port::Range(low, _)), Some(high)) if *low <= high => Port::Range(*low, high),
            (Some(port), None) => port.clone(),
            _ => {
                let at = format!("{path}.ports[{index}].endPort");
                return Err(ObjectError::new(
                    meta.describe(),
                    at,
                    "needs a numeric `port` that is not greater",
                ));
            }
        };
        if let Some((_, ports)) = groups.iter_mut().find(|(known, _)| *known == Some(protocol)) {
            ports.push(number);
        }
    }
    for (protocol, ports) in &mut groups {
        if protocol.is_some_and(|protocol| open.contains(&protocol)) {
            ports.clear();
        }
    }
    Ok(groups)
}
