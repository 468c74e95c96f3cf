//! The engine: limits of the sandbox, and modules found on disk before those in the binary.

use crate::{Library, data, error::Sources, modules, steps};
use rhai::{
    AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared, packages::Package,
    packages::StandardPackage,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// An engine with the whole API and nothing else: no files, no processes, no network.
pub(crate) fn build(library: &Library, sources: &Arc<RwLock<Sources>>) -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(StandardPackage::new().as_shared_module());
    engine
        .set_max_operations(200_000_000)
        .set_max_call_levels(64)
        .set_max_string_size(16 << 20)
        .set_max_array_size(1_000_000)
        .set_max_map_size(100_000)
        .set_max_expr_depths(64, 48)
        .set_max_modules(200)
        .set_max_functions(5_000)
        .set_max_variables(1_000);
    engine.set_strict_variables(true).set_fail_on_invalid_map_property(true);
    engine.disable_symbol("eval");
    // Scripts speak through steps, findings and notes; `print` would mix with data on stdout.
    engine.on_print(|text| tracing::info!(target: "script", "{text}"));
    engine.on_debug(|text, source, at| tracing::debug!(target: "script", "{}:{at}: {text}", source.unwrap_or("")));
    engine.set_module_resolver(Resolver {
        library: library.clone(),
        sources: sources.clone(),
        cache: Mutex::default(),
    });
    data::register(&mut engine);
    steps::register(&mut engine);
    modules::register(&mut engine);
    engine
}

/// Compiles a script so that errors can show its text.
pub(crate) fn compile(
    engine: &Engine,
    sources: &RwLock<Sources>,
    path: &str,
    text: &Arc<str>,
) -> Result<AST, Box<EvalAltResult>> {
    sources
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(path.into(), text.clone());
    let mut ast = engine.compile(text.as_ref())?;
    ast.set_source(path);
    Ok(ast)
}

struct Resolver {
    library: Library,
    sources: Arc<RwLock<Sources>>,
    cache: Mutex<HashMap<String, Shared<Module>>>,
}

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        _source: Option<&str>,
        path: &str,
        pos: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        if let Some(module) = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            return Ok(module.clone());
        }
        let source = self
            .library
            .module(path)
            .ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.into(), pos))?;
        let in_module = |e| Box::new(EvalAltResult::ErrorInModule(source.path.clone(), e, pos));
        let ast = compile(engine, &self.sources, &source.path, &source.text).map_err(in_module)?;
        let module = Module::eval_ast_as_new(Scope::new(), &ast, engine).map_err(in_module)?;
        let module = Shared::new(module);
        self.cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.into(), module.clone());
        Ok(module)
    }
}
