//! The `hearth` command: the service itself, and everything that a person or a script asks of it over its Unix socket.

/// Installed apps.
mod app;
/// Checks of packages, for those who write them.
mod check;
/// Speaks with the service.
mod client;
/// Compose files, without the service.
mod compose;
/// What goes wrong, and the exit code that it ends with.
mod error;
/// Files that a person names.
mod file;
/// An image onto a disk.
mod flash;
/// Export, plan, apply, generations.
mod generations;
/// Apps of another box.
mod import;
/// `hearth app install`, in its steps.
mod install;
mod lint;
/// The operating system.
mod os;
/// Tables and JSON.
mod output;
/// QR codes.
mod qr;
/// What scripts of packages ask.
mod script;
/// `hearth serve`.
mod serve;
/// The first owner.
mod setup;
/// The slots of the operating system.
mod slot;
/// Server-sent events.
mod sse;
/// The box at a glance.
mod status;
/// What the stores offer.
mod store;
/// Waiting for an app to come to rest.
mod wait;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use client::Client;
use error::CliError;
use output::Output;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed, and the message says why
  2  the command line was wrong
  3  no such app, package, store, generation or file
  4  refused: it contradicts what is there, or needs your consent
  5  the service does not answer";

/// Your home server, from the command line.
#[derive(Debug, Parser)]
#[command(name = "hearth", version, after_help = EXIT_CODES)]
struct Cli {
    /// The folder that holds everything of this box.
    #[arg(
        long,
        global = true,
        env = "HEARTH_STATE_DIR",
        default_value = hearth_daemon::serve::DEVICE_STATE_DIR,
        value_name = "DIR"
    )]
    state_dir: PathBuf,
    /// Prints JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the service until SIGINT or SIGTERM; apps keep running.
    Serve(serve::Args),
    /// Shows the box and its apps.
    Status(status::Args),
    /// Installs, changes and watches apps.
    #[command(subcommand)]
    App(app::Command),
    /// Searches stores, manages them, and checks packages.
    #[command(subcommand)]
    Store(store::Command),
    /// Imports apps from the disk of another system.
    #[command(subcommand)]
    Import(import::Command),
    /// Shows and updates the operating system of the box.
    #[command(subcommand)]
    Os(os::Command),
    /// Prints the desired state of the box as one YAML document.
    Export(generations::ExportArgs),
    /// Shows what applying a document would do.
    Plan(generations::PlanArgs),
    /// Applies a document: it becomes the desired state of the box.
    Apply(generations::ApplyArgs),
    /// Lists the generations of the desired state, or shows one.
    Generations(generations::ListArgs),
    /// Goes back to an earlier generation of the desired state.
    Rollback(generations::RollbackArgs),
    /// Works with Compose files; needs no service.
    #[command(subcommand)]
    Compose(compose::Command),
    /// Makes the first owner's account; the password is the first line of standard input.
    Setup(setup::Args),
    /// Prints the code that the set-up page asks for, while there is no owner.
    SetupCode,
    /// Writes an image of Hearth to a disk, or lists the disks that could take one; needs no service.
    Flash(flash::Args),
    /// Changes the slots of this device; for `hearth-slot@.service`.
    #[command(hide = true)]
    Slot(slot::Args),
    /// Asks the box for what a script of a package wants; for the sandbox of scripts.
    #[command(hide = true)]
    Script(script::Args),
    /// Draws a QR code in the terminal; needs no service.
    Qr(qr::Args),
    /// Prints the completions for a shell.
    Completions {
        /// Which.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Script(args) = &cli.command {
        return script::run(args);
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error.to_string());
            error.exit.into()
        }
    }
}

fn run(cli: Cli) -> Result<(), CliError> {
    let output = Output::new(cli.json);
    match cli.command {
        Command::Serve(args) => serve::run(cli.state_dir, args),
        Command::Compose(command) => compose::run(command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "hearth", &mut script);
            output.text(&String::from_utf8_lossy(&script))
        }
        Command::Qr(args) => qr::run(&output, &args),
        Command::Flash(args) => flash::run(&output, &args),
        Command::Slot(args) => slot::run(&args),
        Command::Store(store::Command::Lint(args)) => lint::run(&output, &args),
        Command::Store(store::Command::Check(args)) => check::run(&output, &args),
        Command::Store(store::Command::Schema) => lint::schema(&output),
        command => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| CliError::failed(format!("failed to start: {error}")))?;
            runtime.block_on(ask(command, &Client::new(&cli.state_dir), &output))
        }
    }
}

/// Runs what needs the service.
async fn ask(command: Command, client: &Client, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Status(args) => status::run(client, output, &args).await,
        Command::App(command) => app::run(client, output, command).await,
        Command::Store(command) => store::run(client, output, command).await,
        Command::Import(command) => import::run(client, output, command).await,
        Command::Os(command) => os::run(client, output, command).await,
        Command::Setup(args) => setup::run(client, output, args).await,
        Command::SetupCode => setup::code(client, output).await,
        Command::Export(args) => generations::export(client, output, &args).await,
        Command::Plan(args) => generations::plan(client, output, &args).await,
        Command::Apply(args) => generations::apply(client, output, &args).await,
        Command::Generations(args) => generations::list(client, output, &args).await,
        Command::Rollback(args) => generations::roll_back(client, output, &args).await,
        Command::Serve(_)
        | Command::Slot(_)
        | Command::Script(_)
        | Command::Compose(_)
        | Command::Flash(_)
        | Command::Qr(_)
        | Command::Completions { .. } => {
            unreachable!("these were run before the service was asked")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
