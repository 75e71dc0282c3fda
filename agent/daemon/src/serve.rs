//! The service: takes hold of its state folder, opens everything, listens, and stops in good order.

/// Accounts that start anew.
mod forget;
/// Where the service listens.
mod listen;
/// One service per state folder.
mod lock;
/// What systemd wants to know.
mod notify;

use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use hearth_gateway::Connections;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, ApiState};
use crate::assets;
use crate::auth::{Auth, SetupCodes};
use crate::db::{self, Db};
use crate::gateway;
use crate::hearth::{Hearth, Options};
use crate::hosts;
use crate::os;

use lock::StateLock;

/// How long open connections and the loop have to come to their end.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// The address that the service listens on, in the state folder, for scripts.
pub(crate) const ADDRESS_FILE: &str = "address";

/// How the service runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the dashboard is offered: `host:port`; port 0 takes any.
    pub listen: String,
    /// Takes the next free port when the one of `listen` is taken.
    pub port_fallback: bool,
    /// The built dashboard.
    pub assets: Option<PathBuf>,
    /// What the core needs to know.
    pub core: Options,
}

/// The state folder of a device.
pub const DEVICE_STATE_DIR: &str = "/var/lib/hearth";

/// Returns the Unix socket of the service that uses a state folder.
///
/// A device has it in `/run`, where it can be made when the data partition is full; a state folder of one's own
/// holds it itself, so that two services never share one.
pub fn socket_path(state_dir: &Path) -> PathBuf {
    if state_dir == Path::new(DEVICE_STATE_DIR) {
        return PathBuf::from("/run/hearth/hearth.sock");
    }
    state_dir.join("hearth.sock")
}

/// Runs the service until SIGINT or SIGTERM. Apps keep running.
///
/// # Errors
/// When the state folder is used by another service, the database cannot be opened, or the address is taken.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let state_dir = config.core.state_dir.clone();
    prepare_dir(&state_dir)?;
    let lock = StateLock::acquire(&state_dir)?;
    // The listeners come before everything slow, so that a taken port is said at once.
    let network = listen::network(&config.listen, config.port_fallback).await?;
    let socket = socket_path(&state_dir);
    if let Some(dir) = socket.parent() {
        prepare_dir(dir)?;
    }
    let local = listen::local(&socket, &lock)?;
    let address = network.local_addr().context("failed to read the address that was bound")?;
    let db = open_database(&config.core).await?;
    forget::when_wished(&state_dir, &db).await?;
    let hearth = Hearth::open(config.core, db.clone()).await.context("failed to open the state")?;
    let _first = hearth.port.set(address.port());

    let shutdown = CancellationToken::new();
    let auth = Auth::new(db.clone(), SetupCodes::new(&state_dir));
    // Written down before anybody may ask: the box's screen shows it.
    let has_owner = auth.setup_code().await.context("failed to look for the owner")?.is_none();
    let state = ApiState::new(hearth.clone(), auth.clone(), shutdown.clone());
    let router = hosts::guard(api::router(state).merge(assets::router(config.assets)), hearth.clone());
    let connections = Connections::new(router, shutdown.clone());
    let tasks = TaskTracker::new();
    tasks.spawn(connections.clone().accept_network(network));
    tasks.spawn(connections.clone().accept_local(local));
    tasks.spawn({
        let (gateway, context) =
            (hearth.doors.clone(), gateway::context(hearth.clone(), auth, address, shutdown.clone()));
        async move { gateway.run(context).await }
    });
    let mut core = tokio::spawn({
        let (hearth, shutdown) = (hearth.clone(), shutdown.clone());
        async move { hearth.run(shutdown).await }
    });
    tasks.spawn(notify::watchdog(shutdown.clone()));

    // Before anybody knows the address: who stops what was just announced must not meet the default, which is to die.
    let stop_signal = stop_signal()?;
    announce(&state_dir, address, has_owner);
    notify::send("READY=1");
    let ended = tokio::select! {
        reason = stop_signal => {
            tracing::info!("stopping on {reason}; apps keep running");
            None
        }
        ended = &mut core => Some(ended),
    };
    notify::send("STOPPING=1");
    shutdown.cancel();
    tasks.close();
    let finished = async {
        tasks.wait().await;
        connections.closed().await;
        if ended.is_none() {
            let _ = (&mut core).await;
        }
    };
    if tokio::time::timeout(STOP_WITHIN, finished).await.is_err() {
        tracing::warn!("stopped although something was still going on; the next start takes it up again");
    }
    db.close().await;
    for file in [state_dir.join(ADDRESS_FILE), socket] {
        // They are of no use once nobody answers; a file that stays is replaced by the next start.
        let _ = std::fs::remove_file(file);
    }
    match ended {
        None => Ok(()),
        Some(result) => {
            result.context("the loop panicked")?.context("the loop ended")?;
            anyhow::bail!("the loop ended although nobody asked it to");
        }
    }
}

/// Opens the database; after the way back from a newer release as it was before that.
async fn open_database(options: &Options) -> anyhow::Result<Db> {
    let path = options.state_dir.join(db::FILE);
    let db = Db::open(&path).await?;
    let was_closed = os::put_back_if_due(options, &db).await.context("failed to open the state")?;
    Ok(if was_closed { Db::open(&path).await? } else { db })
}

/// Only the service's own user may look into a folder that it makes.
fn prepare_dir(dir: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(|| {
        format!(
            "failed to make the folder {}; choose a state folder that this user may write with --state-dir",
            dir.display()
        )
    })
}

fn announce(state_dir: &Path, address: std::net::SocketAddr, has_owner: bool) {
    let file = state_dir.join(ADDRESS_FILE);
    let unfinished = state_dir.join(".address-unfinished");
    let written = std::fs::write(&unfinished, format!("{address}\n"))
        .and_then(|()| std::fs::rename(&unfinished, &file));
    // A full disk must not take the dashboard away: it is where the owner makes room.
    if let Err(error) = written {
        tracing::warn!("failed to write {}, which is for scripts only: {error}", file.display());
    }
    let mut stdout = std::io::stdout().lock();
    // A closed standard output is no reason not to serve.
    let _ = writeln!(stdout, "Hearth listens on http://{address}/").and_then(|()| stdout.flush());
    if !has_owner {
        // Not the code itself: this line gets into journals.
        let _ = writeln!(
            stdout,
            "It has no owner yet: `hearth setup-code` prints the code that the set-up page asks for"
        );
    }
    tracing::info!("listening on http://{address}/");
}

/// Listens for the signals that stop the service, from now on; what is returned ends with the name of the first one.
fn stop_signal() -> anyhow::Result<impl Future<Output = &'static str>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_its_socket_in_run_and_others_beside_their_state() {
        assert_eq!(socket_path(Path::new("/var/lib/hearth")), Path::new("/run/hearth/hearth.sock"));
        assert_eq!(socket_path(Path::new("/srv/hearth")), Path::new("/srv/hearth/hearth.sock"));
    }
}
