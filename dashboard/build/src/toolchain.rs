use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "wasm-release";
/// Views as values behind a pointer rather than as one type per shape: smaller, and quicker to compile
/// ([leptos](https://docs.rs/leptos), "erase_components").
const FLAGS: &str = "--cfg erase_components";

/// What only a standard library that is compiled here can do besides: panics end at once, without the code that words
/// them. It makes the program a fifth smaller. Source: the unstable book, `panic-immediate-abort`, `location-detail` and
/// `fmt-debug`.
const SMALLER_FLAGS: &str =
    "-Zlocation-detail=none -Zfmt-debug=none -Zunstable-options -Cpanic=immediate-abort";

const FLAGS_VARIABLE: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
const LINKER: &str = "wasm-ld";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_STD_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// A compiler that can build for the browser.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The one in use has the target's standard library.
    Installed {
        /// Its cargo.
        cargo: OsString,
    },
    /// Debian's `rustc-web` with `rust-web-src`: the standard library is compiled too, once.
    Debian,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Toolchain::Installed { .. } => write!(f, "the installed {TARGET} target"),
            Toolchain::Debian => f.write_str("Debian's rustc-web and the standard library from rust-web-src"),
        }
    }
}

impl Toolchain {
    /// Looks for a toolchain. Nothing is downloaded.
    ///
    /// # Errors
    /// When there is none; the message has both ways to get one.
    pub(crate) fn find() -> anyhow::Result<Self> {
        if has_target()? {
            return Ok(Toolchain::Installed {
                cargo: std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            });
        }
        let debian =
            [DEBIAN_CARGO, DEBIAN_RUSTC, DEBIAN_STD_SOURCE].iter().all(|path| Path::new(path).exists());
        if debian && has_linker() {
            return Ok(Toolchain::Debian);
        }
        bail!(
            "no compiler for {TARGET} was found; get one in either of these ways:\n  \
             rustup target add {TARGET}\n  \
             apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld   (Debian 12 and later)"
        )
    }

    /// Compiles the dashboard and returns the module's path.
    ///
    /// Has a target folder of its own, because another compiler in the same one would undo the other's work.
    ///
    /// # Errors
    /// When the compiler cannot be run or refuses; it has printed why.
    pub(crate) fn compile(&self, workspace: &Path) -> anyhow::Result<PathBuf> {
        let target_dir = workspace.join("target/wasm");
        let mut command = match self {
            Toolchain::Installed { cargo } => {
                let mut command = Command::new(cargo);
                command.arg("build").env(FLAGS_VARIABLE, FLAGS);
                command
            }
            Toolchain::Debian => {
                let mut command = Command::new(DEBIAN_CARGO);
                command
                    .args([
                        "build",
                        "-Z",
                        "build-std=std,panic_abort",
                        "-Z",
                        "build-std-features=optimize_for_size",
                    ])
                    .env(FLAGS_VARIABLE, format!("{FLAGS} {SMALLER_FLAGS}"))
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", LINKER);
                // `cargo run` hands these down, and they lead to the other toolchain.
                for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTDOC", "LD_LIBRARY_PATH"] {
                    command.env_remove(name);
                }
                command
            }
        };
        command
            .current_dir(workspace)
            .env_remove("RUSTFLAGS")
            .args(["--package", "hearth-dashboard", "--target", TARGET, "--profile", PROFILE, "--target-dir"])
            .arg(&target_dir);
        let status = command.status().with_context(|| format!("failed to run {command:?}"))?;
        if !status.success() {
            bail!("the dashboard does not compile: {status}; the reason stands above");
        }
        Ok(target_dir.join(TARGET).join(PROFILE).join("hearth_dashboard.wasm"))
    }
}

fn has_target() -> anyhow::Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .with_context(|| format!("failed to run `{}`", rustc.display()))?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(false) };
    Ok(entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    }))
}

fn has_linker() -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(LINKER).is_file()))
}
