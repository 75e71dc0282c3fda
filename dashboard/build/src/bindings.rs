use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use walrus::Module;
use wasm_bindgen_cli_support::Bindgen;

use crate::script;

/// Exports of leptos's server functions, which the dashboard does not use; nothing but these exports keeps their code.
const UNUSED_EXPORTS: [&str; 2] = ["__wbg_intounderlying", "intounderlying"];

/// What the browser loads for the program itself.
pub(crate) struct Bindings {
    /// An ES module whose default export starts the program.
    pub(crate) script: Vec<u8>,
    /// The program.
    pub(crate) module: Vec<u8>,
}

/// Writes the bindings of a compiled module.
///
/// # Errors
/// When the module cannot be read, or was made with another version of wasm-bindgen than this tool.
pub(crate) fn generate(module: &Path) -> anyhow::Result<Bindings> {
    let mut output = Bindgen::new()
        .input_path(module)
        .out_name("hearth")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .with_context(|| format!("failed to write bindings for `{}`", module.display()))?;
    remove_unused(output.wasm_mut());
    let names = shorten_imports(output.wasm_mut());
    let script = script::shorten(output.js(), &names);
    Ok(Bindings { script: script.into_bytes(), module: output.wasm_mut().emit_wasm() })
}

fn remove_unused(module: &mut Module) {
    let is_unused = |name: &str| UNUSED_EXPORTS.iter().any(|unused| name.starts_with(unused));
    let unused: Vec<_> =
        module.exports.iter().filter(|export| is_unused(&export.name)).map(walrus::Export::id).collect();
    unused.into_iter().for_each(|export| module.exports.delete(export));
    walrus::passes::gc::run(module);
}

/// Gives imports short names, and returns them by the long ones: each of these has a hash, which does not compress, here
/// and in the script.
fn shorten_imports(module: &mut Module) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for import in module.imports.iter_mut() {
        let next = format!("i{}", names.len());
        let short = names.entry(import.name.clone()).or_insert(next);
        import.name.clone_from(short);
    }
    names
}
