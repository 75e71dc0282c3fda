//! What a script of an app asks of the platform while it runs, through `scripts/app`.
//!
//! The sandbox has a socket of its run, and `hearth script`, which hands on what it was called with and then reads and
//! writes for the other end. A socket is of one app: nothing that comes through it can name another.

/// The programs of a script's words.
mod carry_out;
/// One service, or some, on their way to running.
mod up;
/// What goes over the socket.
pub(crate) mod wire;
/// The command line of `scripts/app`.
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_model::AppId;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hearth::Hearth;
use carry_out::Caller;
use wire::Frame;

/// Where a script finds the socket of its run.
pub(crate) const SOCKET: &str = "/run/hearth/agent.sock";
/// Where it finds the program that speaks through it.
pub(super) const PROGRAM: &str = "/run/hearth/hearth";

/// The other end of a run's socket. Dropping it lets nothing more in.
#[derive(Debug)]
pub(super) struct Calls {
    path: PathBuf,
    /// Cancelled when the script ended: who only talks to it ends as well.
    ended: CancellationToken,
    tasks: TaskTracker,
}

impl Calls {
    /// Listens for a script of an app.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub(super) fn listen(hearth: &Hearth, app: &AppId) -> io::Result<Self> {
        let folder = hearth.options.state_dir.join("scripts");
        std::fs::create_dir_all(&folder)?;
        // A socket's path has at most 107 bytes (unix(7)), and an app runs one script at a time.
        let path = folder.join(format!("{app}.sock"));
        let _absent = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        let calls = Self { path, ended: CancellationToken::new(), tasks: TaskTracker::new() };
        let caller = Caller { hearth: hearth.clone(), app: app.clone(), ended: calls.ended.clone() };
        calls.tasks.spawn(accept(listener, caller, calls.tasks.clone()));
        Ok(calls)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for what a script set going and did not wait for, such as a restart of its own app, at most so long.
    pub(super) async fn end(self, patience: Duration) {
        self.ended.cancel();
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            tracing::warn!("what a script of a package asked for takes longer than {} s", patience.as_secs());
        }
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.ended.cancel();
        let _absent = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, caller: Caller, tasks: TaskTracker) {
    loop {
        tokio::select! {
            // A call that came in is heard, even if its script has ended since.
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tasks.spawn(answer(stream, caller.clone()))),
                Err(error) => {
                    tracing::warn!("a script of a package cannot be heard: {error}");
                    return;
                }
            },
            () = caller.ended.cancelled() => return,
        }
    }
}

async fn answer(stream: UnixStream, caller: Caller) {
    let (mut reader, mut writer) = stream.into_split();
    let asked = match wire::read_words(&mut reader).await {
        Ok(asked) => asked,
        Err(error) => {
            tracing::debug!("a script of a package broke off: {error}");
            return;
        }
    };
    tracing::info!(app.id = %caller.app, "a script of the package asks: {}", asked.join(" "));
    let code = match words::parse(&caller.app, &asked) {
        Ok(call) => caller.carry_out(call, reader, &mut writer).await,
        Err(refusal) => Err(refusal),
    };
    let code = match code {
        Ok(code) => code,
        Err(message) => {
            let said = format!("hearth: {}\n", message.trim_end());
            let _gone = wire::write(&mut writer, &Frame::Errors(said.into())).await;
            1
        }
    };
    // Whoever asked may have ended; then nobody waits for it.
    let _gone = wire::write(&mut writer, &Frame::Ended(code)).await;
}
