use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;

use super::types::{Action, Entity, Icmp, Policy, Port, Protocol, Rule, ServiceMatch};
use crate::{
    labels::{NAMESPACE, NAMESPACE_PREFIX, SERVICE_ACCOUNT, SERVICE_ACCOUNT_PREFIX},
    names::{PolicyKind, PolicyName},
    object::{Meta, ObjectError, de_cidrs, part},
    selector::{Expr, Selector},
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    tier: Option<String>,
    order: Option<f64>,
    selector: Option<Selector>,
    namespace_selector: Option<Selector>,
    service_account_selector: Option<Selector>,
    types: Option<Vec<Type>>,
    ingress: Option<Vec<RawRule>>,
    egress: Option<Vec<RawRule>>,
    do_not_track: Option<bool>,
    #[serde(rename = "preDNAT")]
    pre_dnat: Option<bool>,
    apply_on_forward: Option<bool>,
    staged_action: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Type {
    #[serde(alias = "ingress")]
    Ingress,
    #[serde(alias = "egress")]
    Egress,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRule {
    action: Action,
    #[serde(default, rename = "ipVersion")]
    ip_version: Option<u8>,
    #[serde(default)]
    protocol: Option<Protocol>,
    #[serde(default)]
    not_protocol: Option<Protocol>,
    #[serde(default)]
    icmp: Option<Icmp>,
    #[serde(default, rename = "notICMP")]
    not_icmp: Option<Icmp>,
    #[serde(default)]
    source: Option<RawEntity>,
    #[serde(default)]
    destination: Option<RawEntity>,
    /// Annotations only.
    #[serde(default, rename = "metadata")]
    _metadata: Option<Value>,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawEntity {
    #[serde(deserialize_with = "de_cidrs")]
    nets: Vec<IpNet>,
    #[serde(deserialize_with = "de_cidrs")]
    not_nets: Vec<IpNet>,
    selector: Option<Selector>,
    not_selector: Option<Selector>,
    namespace_selector: Option<Selector>,
    ports: Option<Vec<Port>>,
    not_ports: Option<Vec<Port>>,
    service_accounts: Option<ServiceAccounts>,
    services: Option<Services>,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceAccounts {
    names: Option<Vec<String>>,
    selector: Option<Selector>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Services {
    name: String,
    namespace: Option<String>,
}

/// Reads a Calico policy of any kind, staged ones too.
pub(super) fn read(meta: &Meta, value: &Value, kind: PolicyKind) -> Result<Policy, ObjectError> {
    let spec: Spec = part(meta, value, "spec")?;
    let namespaced = matches!(kind, PolicyKind::NetworkPolicy | PolicyKind::StagedNetworkPolicy);
    let namespace = meta.namespace.as_deref().filter(|_| namespaced);
    if namespaced && namespace.is_none() {
        return Err(ObjectError::new(meta.describe(), "metadata.namespace", "is missing"));
    }
    let ingress = rules(meta, "ingress", spec.ingress.unwrap_or_default(), namespace)?;
    let egress = rules(meta, "egress", spec.egress.unwrap_or_default(), namespace)?;
    // Filled in at write by who validates; an object written past that may lack it.
    let types =
        spec.types
            .filter(|types| !types.is_empty())
            .unwrap_or_else(|| match (ingress.is_empty(), egress.is_empty()) {
                (true, false) => vec![Type::Egress],
                (false, false) => vec![Type::Ingress, Type::Egress],
                _ => vec![Type::Ingress],
            });
    let tier = spec
        .tier
        .filter(|tier| !tier.is_empty())
        .unwrap_or_else(|| "default".to_owned());
    Ok(Policy {
        id: PolicyName {
            kind,
            namespace: namespace.map(str::to_owned),
            name: meta.name.clone(),
            tier,
        },
        order: spec.order,
        selector: endpoints(
            spec.selector,
            spec.namespace_selector,
            spec.service_account_selector,
            namespace,
        ),
        ingress: types.contains(&Type::Ingress),
        egress: types.contains(&Type::Egress),
        ingress_rules: ingress,
        egress_rules: egress,
        do_not_track: spec.do_not_track.unwrap_or_default(),
        pre_dnat: spec.pre_dnat.unwrap_or_default(),
        apply_on_forward: spec.apply_on_forward.unwrap_or_default(),
        staged_action: spec.staged_action,
        dropped_rules: Vec::new(),
    })
}

fn written(selector: Option<Selector>) -> Option<Selector> {
    selector.filter(|selector| !selector.text().trim().is_empty())
}

fn namespace_is(namespace: &str) -> Expr {
    Expr::Eq(NAMESPACE.to_owned(), namespace.to_owned())
}

pub(super) fn all_of(mut terms: Vec<Expr>) -> Option<Selector> {
    match terms.len() {
        0 => None,
        1 => terms.pop().map(Selector::from_expr),
        _ => Some(Selector::from_expr(Expr::And(terms))),
    }
}

/// The selector of the endpoints that a policy protects.
fn endpoints(
    selector: Option<Selector>,
    namespaces: Option<Selector>,
    accounts: Option<Selector>,
    namespace: Option<&str>,
) -> Selector {
    let mut terms = Vec::new();
    terms.extend(namespace.map(namespace_is));
    terms.extend(written(selector).map(|selector| selector.expr().clone()));
    if namespace.is_none() {
        terms.extend(written(namespaces).map(|selector| selector.expr().prefixed(NAMESPACE_PREFIX).for_namespaces()));
    }
    terms.extend(written(accounts).map(|selector| selector.expr().prefixed(SERVICE_ACCOUNT_PREFIX)));
    all_of(terms).unwrap_or_else(Selector::all)
}

fn rules(meta: &Meta, field: &str, raw: Vec<RawRule>, namespace: Option<&str>) -> Result<Vec<Rule>, ObjectError> {
    raw.into_iter()
        .enumerate()
        .map(|(index, raw)| {
            let path = format!("spec.{field}[{index}]");
            let mut unsupported = raw.other.keys().next().map(|name| format!("field `{name}`"));
            let source = entity(raw.source.unwrap_or_default(), namespace, "source", &mut unsupported);
            let destination = entity(
                raw.destination.unwrap_or_default(),
                namespace,
                "destination",
                &mut unsupported,
            );
            let ports = |entity: &Entity| !entity.ports.is_empty() || !entity.not_ports.is_empty();
            if (ports(&source) || ports(&destination)) && !raw.protocol.is_some_and(Protocol::has_ports) {
                let reason = "ports need protocol TCP, UDP or SCTP";
                return Err(ObjectError::new(meta.describe(), format!("{path}.protocol"), reason));
            }
            Ok(Rule {
                action: raw.action,
                path,
                ip_version: raw.ip_version,
                protocol: raw.protocol,
                not_protocol: raw.not_protocol,
                icmp: raw.icmp,
                not_icmp: raw.not_icmp,
                source,
                destination,
                unsupported,
            })
        })
        .collect()
}

fn entity(raw: RawEntity, namespace: Option<&str>, side: &str, unsupported: &mut Option<String>) -> Entity {
    if let Some(name) = raw.other.keys().next() {
        unsupported.get_or_insert_with(|| format!("field `{side}.{name}`"));
    }
    let not_selector = written(raw.not_selector);
    let service = raw.services.map(|services| ServiceMatch {
        namespace: services
            .namespace
            .or_else(|| namespace.map(str::to_owned))
            .unwrap_or_default(),
        name: services.name,
    });
    Entity {
        selector: effective(
            written(raw.selector),
            written(raw.namespace_selector),
            raw.service_accounts,
            not_selector.is_some(),
            namespace,
        ),
        nets: raw.nets,
        not_nets: raw.not_nets,
        not_selector,
        ports: raw.ports.unwrap_or_default(),
        not_ports: raw.not_ports.unwrap_or_default(),
        service,
    }
}

/// A rule's selector as Felix asks it: any selector field limits a namespaced policy to its namespace.
fn effective(
    selector: Option<Selector>,
    namespaces: Option<Selector>,
    accounts: Option<ServiceAccounts>,
    negated: bool,
    namespace: Option<&str>,
) -> Option<Selector> {
    let explicit = namespaces.is_some();
    let limit = match &namespaces {
        Some(selector) => Some(selector.expr().prefixed(NAMESPACE_PREFIX).for_namespaces()),
        None => namespace.map(namespace_is),
    };
    let mut terms = Vec::new();
    terms.extend(accounts.and_then(of_accounts));
    terms.extend(selector.map(|selector| selector.expr().clone()));
    let inner = all_of(terms).map(|selector| selector.expr().clone());
    match (limit, inner) {
        (Some(limit), Some(inner)) => all_of(vec![limit, inner]),
        (Some(limit), None) if negated || explicit => all_of(vec![limit]),
        (_, inner) => inner.map(Selector::from_expr),
    }
}

fn of_accounts(accounts: ServiceAccounts) -> Option<Expr> {
    let mut terms = Vec::new();
    terms.extend(written(accounts.selector).map(|selector| selector.expr().prefixed(SERVICE_ACCOUNT_PREFIX)));
    let mut names = accounts.names.unwrap_or_default();
    names.sort();
    names.dedup();
    if !names.is_empty() {
        terms.push(Expr::In(SERVICE_ACCOUNT.to_owned(), names));
    }
    all_of(terms).map(|selector| selector.expr().clone())
}
