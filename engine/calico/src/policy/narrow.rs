use serde_json::{Value, json};

use super::{
    index::PolicyIndex,
    matching::Side,
    types::{Entity, Policy, Protocol},
};
use crate::{
    labels::{NAMESPACE, ORCHESTRATOR, SERVICE_ACCOUNT},
    names::{Direction, PolicyKind},
    selector::{Expr, Selector},
};

/// Labels that a controller gives to each of its pods anew: no rule should name them.
const VOLATILE: [&str; 7] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-name",
    "controller-uid",
];

impl PolicyIndex {
    /// The narrowest lasting description of an end: its labels, else its address; as the model and as the object say it.
    pub(super) fn peer(&self, policy: &Policy, side: &Side) -> Option<(Entity, Value)> {
        let kubernetes = policy.id.kind == PolicyKind::KubernetesNetworkPolicy;
        let own = side.workload.map(|at| &self.endpoints[at]);
        let labels: Vec<(&String, &String)> = own
            .into_iter()
            .flat_map(|endpoint| &endpoint.labels.own)
            .filter(|(key, _)| !VOLATILE.contains(&key.as_str()))
            .filter(|(key, _)| ![NAMESPACE, ORCHESTRATOR, SERVICE_ACCOUNT].contains(&key.as_str()))
            .collect();
        let Some(endpoint) = own.filter(|_| !labels.is_empty()) else {
            let net = ipnet::IpNet::from(side.address);
            let entity = Entity {
                nets: vec![net],
                ..Entity::default()
            };
            let raw = if kubernetes {
                json!([{"ipBlock": {"cidr": net}}])
            } else {
                json!({"nets": [net]})
            };
            return Some((entity, raw));
        };
        let namespace = &endpoint.namespace;
        let mut terms = vec![Expr::Eq(NAMESPACE.to_owned(), namespace.clone())];
        terms.extend(
            labels
                .iter()
                .map(|(key, value)| Expr::Eq((*key).clone(), (*value).clone())),
        );
        let entity = Entity {
            selector: Some(Selector::from_expr(Expr::And(terms))),
            ..Entity::default()
        };
        let same = policy.id.namespace.as_ref() == Some(namespace);
        let raw = if kubernetes {
            let map: serde_json::Map<String, Value> = labels
                .iter()
                .map(|(key, value)| ((*key).clone(), json!(value)))
                .collect();
            let mut peer = json!({"podSelector": {"matchLabels": map}});
            if !same {
                peer["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
            }
            json!([peer])
        } else {
            let terms: Vec<String> = labels
                .iter()
                .map(|(key, value)| format!("{key} == '{value}'"))
                .collect();
            let mut peer = json!({"selector": terms.join(" && ")});
            if !same {
                peer["namespaceSelector"] = json!(format!("projectcalico.org/name == '{namespace}'"));
            }
            peer
        };
        Some((entity, raw))
    }
}

pub(super) fn editable(kind: PolicyKind) -> bool {
    matches!(
        kind,
        PolicyKind::KubernetesNetworkPolicy | PolicyKind::NetworkPolicy | PolicyKind::GlobalNetworkPolicy
    )
}

pub(super) fn port_words(protocol: Protocol, port: Option<u16>) -> String {
    port.map_or_else(|| protocol.to_string(), |port| format!("{protocol} {port}"))
}

/// A rule in the form of its object; none where the kind cannot say it.
pub(super) fn raw_rule(
    kind: PolicyKind,
    direction: Direction,
    protocol: Protocol,
    port: Option<u16>,
    peer: Value,
) -> Option<Value> {
    if kind == PolicyKind::KubernetesNetworkPolicy {
        // Kubernetes policy knows protocols with ports only.
        let port = port.filter(|_| protocol.has_ports())?;
        let end = if direction == Direction::Ingress { "from" } else { "to" };
        return Some(json!({end: peer, "ports": [{"protocol": protocol.to_string(), "port": port}]}));
    }
    let mut rule = json!({"action": "Allow", "protocol": protocol.to_string()});
    let end = if direction == Direction::Ingress {
        "source"
    } else {
        "destination"
    };
    rule[end] = peer;
    if let Some(port) = port {
        rule["destination"]["ports"] = json!([port]);
    }
    Some(rule)
}

/// A selector without the limits that its kind of policy adds.
pub(super) fn words_of(selector: &Selector) -> String {
    let terms = match selector.expr() {
        Expr::And(terms) => terms.clone(),
        other => vec![other.clone()],
    };
    let written = terms.into_iter().filter(|term| term.label() != Some(NAMESPACE));
    let written: Vec<String> = written.map(|term| term.to_string()).collect();
    written.join(" && ")
}
