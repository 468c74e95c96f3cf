//! What nodes say about themselves: one file for each part of a node.

mod agents;
mod bird;
mod cgroup;
mod devices;
mod load;
mod network;
mod rules;

use crate::{
    data::{fail, from_dynamic},
    facts::{self, Fact},
    host::{Hand, Result},
};
pub(in crate::modules) use network::route_lookup;
use rhai::{Array, Dynamic, Module, NativeCallContext, plugin::*};
use runbook_core::Target;

/// A node's name, from text or from anything with a `name` or `metadata.name`.
pub(super) fn name_of(node: &Dynamic) -> Result<String> {
    if let Ok(name) = node.clone().into_string() {
        return if name.is_empty() {
            Err(fail("the name of the node is empty"))
        } else {
            Ok(name)
        };
    }
    let value = from_dynamic(node).map_err(fail)?;
    let name = value["name"].as_str().or_else(|| value["metadata"]["name"].as_str());
    name.map(String::from)
        .ok_or_else(|| fail(format!("a node is its name or its object, not {}", node.type_name())))
}

pub(super) fn ask(cx: &NativeCallContext<'_>, fact: &str, node: &Dynamic) -> Result<Dynamic> {
    let fact = facts::by_name(fact).ok_or_else(|| fail(format!("no fact `{fact}`")))?;
    fact.ask(&Hand::of(cx)?, Target::Node(name_of(node)?))
}

/// Asks facts of many targets in one batch.
pub(super) fn observe_all(hand: &Hand, targets: Vec<Target>, facts: &[&'static Fact]) -> Result<()> {
    let ask = |target: &Target| facts.iter().map(|f| f.question(target.clone())).collect::<Vec<_>>();
    hand.ask(targets.iter().flat_map(ask).collect(), false).map(drop)
}

pub(super) fn words(list: Array) -> Result<Vec<String>> {
    list.into_iter()
        .map(|w| {
            w.into_string()
                .map_err(|kind| fail(format!("a list of words, not of {kind}")))
        })
        .collect()
}

/// The files' functions as one module.
pub(super) fn module() -> Module {
    let mut module = rhai::exported_module!(node);
    combine_with_exported_module!(&mut module, "network", network::network);
    combine_with_exported_module!(&mut module, "rules", rules::rules);
    combine_with_exported_module!(&mut module, "bird", bird::bird);
    combine_with_exported_module!(&mut module, "agents", agents::agents);
    combine_with_exported_module!(&mut module, "devices", devices::devices);
    combine_with_exported_module!(&mut module, "load", load::load);
    module
}

/// What nodes say about themselves. Each function asks one fact; `observe` asks many of many nodes at once.
#[export_module]
pub(crate) mod node {
    /// Asks several facts of several nodes in one round trip each, at the same time.
    ///
    /// `facts` are names of functions of this module: `["routes", "links", "fdb"]`. What could not be asked is told when
    /// the fact is used. Effect: read. Errors: an unknown fact.
    /// ```rhai
    /// node::observe(["kworker-1", "kworker-2"], ["routes", "links"]);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn observe(cx: NativeCallContext<'_>, nodes: Array, facts: Array) -> Result<()> {
        let targets = nodes
            .iter()
            .map(|n| name_of(n).map(Target::Node))
            .collect::<Result<Vec<_>>>()?;
        observe_all(&Hand::of(&cx)?, targets, &facts::named(&words(facts)?)?)
    }

    /// Asks facts of nodes anew, although they are known: what the functions of this module return from here on is the new
    /// answer. Counters tell little before they are read twice.
    ///
    /// Effect: read. Errors: an unknown fact.
    /// ```rhai
    /// let before = node::qdiscs("kworker-1");
    /// node::observe_again(["kworker-1"], ["qdiscs"]);
    /// assert(node::qdiscs("kworker-1").len() == before.len());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn observe_again(cx: NativeCallContext<'_>, nodes: Array, facts: Array) -> Result<()> {
        let facts = facts::named(&words(facts)?)?;
        let mut questions = vec![];
        for node in &nodes {
            let target = Target::Node(name_of(node)?);
            questions.extend(facts.iter().map(|f| f.question(target.clone())));
        }
        Hand::of(&cx)?.ask(questions, true).map(drop)
    }
}
