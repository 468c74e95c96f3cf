use super::node::{observe_all, route_lookup, words};
use crate::{
    data::{fail, from_dynamic},
    facts::{self, On},
    host::{Hand, Result},
};
use rhai::{Array, Dynamic, NativeCallContext, plugin::*};
use runbook_core::{PodRef, Target};

/// `namespace/name`, as people write pods.
pub(super) fn reference(text: &str) -> Result<PodRef> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(PodRef::new(namespace, name)),
        _ => Err(fail(format!("`{text}` is no pod: say namespace/name"))),
    }
}

/// A pod from `namespace/name`, or from its object.
pub(super) fn reference_of(pod: &Dynamic) -> Result<PodRef> {
    if let Ok(text) = pod.clone().into_string() {
        return reference(&text);
    }
    let value = from_dynamic(pod).map_err(fail)?;
    let (meta, text) = (&value["metadata"], &value["ref"]);
    match (meta["namespace"].as_str(), meta["name"].as_str(), text.as_str()) {
        (Some(namespace), Some(name), _) => Ok(PodRef::new(namespace, name)),
        (_, _, Some(text)) => reference(text),
        _ => Err(fail(format!(
            "a pod is namespace/name or its object, not {}",
            pod.type_name()
        ))),
    }
}

fn ask(cx: &NativeCallContext<'_>, fact: &str, pod: &Dynamic) -> Result<Dynamic> {
    let fact = facts::by_name(fact).ok_or_else(|| fail(format!("no fact `{fact}`")))?;
    fact.ask(&Hand::of(cx)?, super::kube::pod_target(reference_of(pod)?))
}

/// What is seen from inside a pod. Images without the tools cannot answer; a step that needs them is then inconclusive.
#[export_module]
pub(crate) mod pod {
    /// Asks several facts of several pods at once. `facts`: `routes`, `addresses`, `links`, `neighbours`, `sockets`,
    /// `resolv_conf`.
    ///
    /// Effect: read. Errors: an unknown fact, or one that only a node has.
    /// ```rhai
    /// pod::observe(["shop/cart-59b8c7d6f4-qm9rz"], ["routes", "neighbours"]);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn observe(cx: NativeCallContext<'_>, pods: Array, facts: Array) -> Result<()> {
        let targets = pods
            .iter()
            .map(|p| reference_of(p).map(Target::Pod))
            .collect::<Result<Vec<_>>>()?;
        let facts = facts::named(&words(facts)?)?;
        if let Some(fact) = facts.iter().find(|f| f.on == On::Node) {
            return Err(fail(format!("`{}` is a fact of nodes", fact.name)));
        }
        observe_all(&Hand::of(&cx)?, targets, &facts)
    }

    /// Returns the routes inside a pod. Shape: as `node::routes`.
    ///
    /// Source: `ip route` in the pod. Effect: read. Errors: no such tool in the image, exec denied.
    /// ```rhai
    /// assert(pod::routes("shop/cart-59b8c7d6f4-qm9rz").some(|r| r.dst == "default"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn routes(cx: NativeCallContext<'_>, pod: Dynamic) -> Result<Dynamic> {
        ask(&cx, "routes", &pod)
    }

    /// Returns the route that a pod would use towards an address; `()` where nothing matches. *Derived* from its routes.
    ///
    /// Source: `pod::routes`. Effect: read. Errors: as `pod::routes`; not an address.
    /// ```rhai
    /// assert(pod::route_to("shop/cart-59b8c7d6f4-qm9rz", "192.0.2.1").via == "169.254.1.1");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn route_to(cx: NativeCallContext<'_>, pod: Dynamic, address: &str) -> Result<Dynamic> {
        route_lookup(&Hand::of(&cx)?, Target::Pod(reference_of(&pod)?), address)
    }

    /// Returns the addresses inside a pod, by interface. Shape: as `node::addresses`.
    ///
    /// Source: `ip addr` in the pod. Effect: read. Errors: as `pod::routes`.
    /// ```rhai
    /// assert(pod::addresses("shop/cart-59b8c7d6f4-qm9rz").some(|i| i.name == "eth0"));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn addresses(cx: NativeCallContext<'_>, pod: Dynamic) -> Result<Dynamic> {
        ask(&cx, "addresses", &pod)
    }

    /// Returns the links inside a pod. Shape: as `node::links`.
    ///
    /// Source: `ip -d link` in the pod. Effect: read. Errors: as `pod::routes`.
    /// ```rhai
    /// assert(pod::links("shop/cart-59b8c7d6f4-qm9rz").find(|l| l.name == "eth0").mtu == 1450);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn links(cx: NativeCallContext<'_>, pod: Dynamic) -> Result<Dynamic> {
        ask(&cx, "links", &pod)
    }

    /// Returns the neighbour table inside a pod. Shape: as `node::neighbours`.
    ///
    /// Source: `ip neigh` in the pod. Effect: read. Errors: as `pod::routes`.
    /// ```rhai
    /// assert(pod::neighbours("shop/cart-59b8c7d6f4-qm9rz").len() >= 0);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn neighbours(cx: NativeCallContext<'_>, pod: Dynamic) -> Result<Dynamic> {
        ask(&cx, "neighbours", &pod)
    }

    /// Returns the sockets that listen inside a pod. Shape: as `node::sockets`.
    ///
    /// Source: `ss -tulnp` in the pod. Effect: read. Errors: as `pod::routes`.
    /// ```rhai
    /// assert(pod::sockets("shop/catalog-7c9d8b6f5d-abx4k").some(|s| s.local_port == 8080));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn sockets(cx: NativeCallContext<'_>, pod: Dynamic) -> Result<Dynamic> {
        ask(&cx, "sockets", &pod)
    }

    /// Returns whom a pod asks for names, and which endings it tries. Shape: as `node::resolv_conf`.
    ///
    /// Source: `/etc/resolv.conf` in the pod. Effect: read. Errors: as `pod::routes`.
    /// ```rhai
    /// assert("10.96.0.10" in pod::resolv_conf("shop/cart-59b8c7d6f4-qm9rz").nameservers);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn resolv_conf(cx: NativeCallContext<'_>, pod: Dynamic) -> Result<Dynamic> {
        ask(&cx, "resolv_conf", &pod)
    }
}
