use std::io::IsTerminal;
use std::path::PathBuf;

use hearth_planner::Timing;
use jiff::SignedDuration;
use tracing_subscriber::EnvFilter;

use hearth_daemon::hearth::Options;
use hearth_daemon::serve;

use super::error::CliError;

/// Threads for what blocks: files and password hashes.
const BLOCKING_THREADS: usize = 16;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the dashboard and the API are offered; port 0 takes any free one. The address is printed, and written to
    /// `address` in the state folder.
    #[arg(long, env = "HEARTH_LISTEN", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    listen: String,
    /// Uses the next free port when that one is taken.
    #[arg(long)]
    port_fallback: bool,
    /// The engine's socket.
    #[arg(long, env = "HEARTH_DOCKER_SOCKET", default_value = "/var/run/docker.sock", value_name = "PATH")]
    docker_socket: PathBuf,
    /// The folder of the built dashboard.
    #[arg(long, env = "HEARTH_ASSETS", value_name = "DIR")]
    assets: Option<PathBuf>,
    /// A folder of packages that comes with this Hearth; may be given several times.
    #[arg(long = "store", value_name = "DIR")]
    stores: Vec<PathBuf>,
    /// How many seconds a new version of an app has at most to get healthy and to answer at its page before the version
    /// before it comes back. More than the default of 600 helps apps that migrate much data on a slow disk.
    #[arg(long, env = "HEARTH_UPDATE_PATIENCE", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(10..=86_400))]
    update_patience: Option<u32>,
    /// The root of the operating system that is looked at and updated.
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    os_root: PathBuf,
}

pub(super) fn run(state_dir: PathBuf, args: Args) -> Result<(), CliError> {
    log_to_stderr();
    let Args { listen, port_fallback, docker_socket, assets, stores, update_patience, os_root } = args;
    let absolute = |path: PathBuf| {
        std::path::absolute(&path)
            .map_err(|error| CliError::failed(format!("{} is not a path: {error}", path.display())))
    };
    let config = serve::Config {
        listen,
        port_fallback,
        assets: assets.map(absolute).transpose()?,
        core: Options {
            state_dir: absolute(state_dir)?,
            docker_socket,
            stores: stores.into_iter().map(absolute).collect::<Result<_, _>>()?,
            timing: update_patience.map_or_else(Timing::default, |secs| {
                Timing::with_update_patience(SignedDuration::from_secs(secs.into()))
            }),
            os_root: absolute(os_root)?,
        },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format!("failed to start: {error}")))?;
    let result = runtime.block_on(serve::run(config));
    // Work that still blocks must not hold up the end; the next start takes it up again.
    runtime.shutdown_background();
    result.map_err(|error| CliError::failed(format!("{error:#}")))
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("HEARTH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // The journal has its own clock.
    if std::env::var_os("JOURNAL_STREAM").is_some() { log.without_time().init() } else { log.init() }
}
