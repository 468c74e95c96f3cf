//! The modules that scripts call, each thin over the session, the parsers and the model.

mod bird;
pub(crate) mod calico;
mod cgroup;
pub(crate) mod kube;
mod measure;
mod node;
mod parse;
mod pod;
mod ui;

use rhai::{Engine, Module, plugin::combine_with_exported_module};

pub(crate) fn register(engine: &mut Engine) {
    calico::register_types(engine);
    engine.register_static_module("kube", rhai::exported_module!(kube::kube).into());
    engine.register_static_module("node", node_module().into());
    engine.register_static_module("pod", rhai::exported_module!(pod::pod).into());
    engine.register_static_module("parse", parse::module().into());
    engine.register_static_module("calico", calico::module().into());
    engine.register_static_module("ui", rhai::exported_module!(ui::ui).into());
    engine.register_static_module("measure", rhai::exported_module!(measure::measure).into());
}

/// What nodes say: the common facts, and those about BIRD.
fn node_module() -> Module {
    let mut module = rhai::exported_module!(node::node);
    combine_with_exported_module!(&mut module, "bird", bird::bird);
    module
}
