//! Builds the dashboard: compiles it to WebAssembly, writes its bindings, and puts everything that a browser loads into
//! one folder, under names that change with the content and compressed beforehand.
//!
//! `cargo run -p hearth-dashboard-build -- --out target/dashboard`

/// The wasm-bindgen step.
mod bindings;
/// Files of the result: hashed names, compression, sizes.
mod output;
/// `index.html` and the files that it names.
mod page;
/// Shortening of the bindings.
mod script;
/// Joining and shortening of style sheets.
mod style;
/// Which compiler can build for the browser on this machine.
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use crate::output::Output;
use crate::toolchain::Toolchain;

/// Most bytes that a first visit may fetch, compressed with Brotli.
const FIRST_USE_BUDGET_BYTES: usize = 250_000;

/// Compiles Hearth's dashboard and writes what the agent serves.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder for the result; made when missing, and files of an earlier build in it are replaced.
    #[arg(long, default_value = "target/dashboard")]
    out: PathBuf,
    /// Fails when a first visit would fetch more than the budget, instead of saying so.
    #[arg(long)]
    strict: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(report) => {
            eprintln!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<String> {
    let dashboard = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("this crate stands in the dashboard's folder")?;
    let workspace = dashboard.parent().context("the dashboard stands in the workspace")?;

    let toolchain = Toolchain::find()?;
    eprintln!("Compiling the dashboard with {toolchain}; the first time takes some minutes");
    let module = toolchain.compile(workspace)?;
    let bindings = bindings::generate(&module)?;

    let mut output = Output::create(&arguments.out)?;
    page::write(dashboard, &bindings, &mut output)?;
    let report = output.finish()?;
    if report.first_use_bytes <= FIRST_USE_BUDGET_BYTES {
        return Ok(report.to_string());
    }
    let over = format!(
        "{report}\na first visit fetches {} bytes and the budget is {FIRST_USE_BUDGET_BYTES}: \
         look what grew, for example a new dependency",
        report.first_use_bytes
    );
    if arguments.strict { anyhow::bail!(over) } else { Ok(over) }
}
