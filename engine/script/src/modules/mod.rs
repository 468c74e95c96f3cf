//! The modules that scripts call, each thin over the session, the parsers and the model.

pub(crate) mod calico;
pub(crate) mod kube;
mod measure;
mod node;
mod parse;
mod pod;
mod ui;

use rhai::Engine;

pub(crate) fn register(engine: &mut Engine) {
    calico::register_types(engine);
    engine.register_static_module("kube", rhai::exported_module!(kube::kube).into());
    engine.register_static_module("node", node::module().into());
    engine.register_static_module("pod", rhai::exported_module!(pod::pod).into());
    engine.register_static_module("parse", parse::module().into());
    engine.register_static_module("calico", calico::module().into());
    engine.register_static_module("ui", rhai::exported_module!(ui::ui).into());
    engine.register_static_module("measure", rhai::exported_module!(measure::measure).into());
}
