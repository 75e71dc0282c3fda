use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// Returns the checkout's root.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate stands in the workspace")
}

/// Returns cargo's target folder.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => workspace().join(folder),
        None => workspace().join("target"),
    }
}

/// Returns the `hearth` command to test: `$HEARTH_BIN`, else the one that was built in `profile` (`debug` or `release`).
///
/// # Errors
/// When it was not built.
pub fn hearth_command(profile: &str) -> Result<PathBuf> {
    let path = match std::env::var_os("HEARTH_BIN") {
        Some(path) => PathBuf::from(path),
        None => target().join(profile).join("hearth"),
    };
    ensure!(path.is_file(), "`{}` is missing; `cargo build -p hearth-cli` makes it", path.display());
    Ok(path)
}

/// Returns the folder of the built dashboard.
///
/// # Errors
/// When it was not built.
pub fn dashboard() -> Result<PathBuf> {
    let path = target().join("dashboard");
    ensure!(path.join("index.html").is_file(), "the dashboard is not built; `.ci/test dashboard` does it");
    Ok(path)
}

/// Where the starter store and its images are.
#[derive(Debug, Clone)]
pub struct Starter {
    /// The store.
    pub store: PathBuf,
    /// The same store some time later: WordPress has a second version.
    pub second_store: PathBuf,
    /// The registry's storage.
    pub images: PathBuf,
    /// The registry's port, which is part of the images' names.
    pub port: u16,
}

/// Returns where `.ci/test starter` has put the starter store.
///
/// # Errors
/// When it was not built.
pub fn starter() -> Result<Starter> {
    let folder = target().join("starter");
    let port = std::fs::read_to_string(folder.join("port"))
        .context("the starter store is not built; `.ci/test starter` does it")?;
    Ok(Starter {
        store: folder.join("store"),
        second_store: folder.join("store-second"),
        images: folder.join("registry/images"),
        port: port.trim().parse().context("failed to read the starter registry's port")?,
    })
}
