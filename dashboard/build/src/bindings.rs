use std::path::Path;

use anyhow::Context as _;
use wasm_bindgen_cli_support::Bindgen;

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
    let folder = module.with_extension("bindings");
    Bindgen::new()
        .input_path(module)
        .out_name("hearth")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&folder)
        .with_context(|| format!("failed to write bindings for `{}`", module.display()))?;
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))
    };
    Ok(Bindings { script: read("hearth.js")?, module: read("hearth_bg.wasm")? })
}
