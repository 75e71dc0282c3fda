//! What a script of an app asks of the platform while it runs, through `scripts/app`.
//!
//! The sandbox has a socket of its run, and `hearth script`, which hands on what it was called with and then reads and
//! writes for the other end. A socket is of one app: nothing that comes through it can name another.

/// The programs of a script's words.
mod carry_out;
/// One service, or some, on their way to running.
mod up;
/// What goes over the socket.
pub mod wire;
/// The command line of `scripts/app`.
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hearth_model::{AppId, Hook};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hearth::Hearth;
use carry_out::Caller;
use wire::Frame;

/// Where a script finds the socket of its run.
pub const SOCKET: &str = "/run/hearth/agent.sock";
/// Where it finds the program that speaks through it.
pub(super) const PROGRAM: &str = "/run/hearth/hearth";

/// How many calls of one run are heard at once; a further one waits.
const AT_ONCE: usize = 16;
/// How long a call may take to say what it wants.
const WORDS_WITHIN: Duration = Duration::from_secs(5);
/// How long what was cut off may take to end, such as a container that is being removed.
const TIDYING: Duration = Duration::from_secs(20);
/// Most characters of an answer in words.
const ANSWER: usize = 2000;

/// The other end of a run's socket. Dropping it lets nothing more in.
#[derive(Debug)]
pub(super) struct Calls {
    path: PathBuf,
    /// Cancelled when the script ended: who only talks to it ends as well.
    ended: CancellationToken,
    /// Cancelled when the time of the script is over: nothing that it set going is begun any more.
    cut_off: CancellationToken,
    tasks: TaskTracker,
}

impl Calls {
    /// Listens for a hook of an app.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub(super) fn listen(hearth: &Hearth, app: &AppId, hook: Hook) -> io::Result<Self> {
        let folder = hearth.options.state_dir.join("scripts");
        std::fs::create_dir_all(&folder)?;
        // A socket's path has at most 107 bytes (unix(7)), and an app runs one script at a time.
        let path = folder.join(format!("{app}.sock"));
        let _absent = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        let (ended, cut_off) = (CancellationToken::new(), CancellationToken::new());
        let calls = Self { path, ended, cut_off, tasks: TaskTracker::new() };
        let caller = Caller {
            hearth: hearth.clone(),
            app: app.clone(),
            hook,
            ended: calls.ended.clone(),
            cut_off: calls.cut_off.clone(),
            turn: Arc::new(Mutex::new(())),
        };
        calls.tasks.spawn(accept(listener, caller, calls.tasks.clone()));
        Ok(calls)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for what a script set going and did not wait for, such as a restart of its own app, at most so long; then
    /// nothing more of it is begun.
    pub(super) async fn end(self, patience: Duration) {
        self.ended.cancel();
        self.tasks.close();
        if timeout(patience, self.tasks.wait()).await.is_ok() {
            return;
        }
        self.cut_off.cancel();
        if timeout(TIDYING, self.tasks.wait()).await.is_err() {
            tracing::warn!("what a script of a package asked for goes on after its time");
        }
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.ended.cancel();
        self.cut_off.cancel();
        let _absent = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, caller: Caller, tasks: TaskTracker) {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let heard = async { (Arc::clone(&slots).acquire_owned().await, listener.accept().await) };
        let (slot, accepted) = tokio::select! {
            heard = heard => heard,
            () = caller.ended.cancelled() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("a script of a package cannot be heard: {error}");
                return;
            }
        };
        let caller = caller.clone();
        tasks.spawn(async move {
            answer(stream, caller).await;
            drop(slot);
        });
    }
}

async fn answer(stream: UnixStream, caller: Caller) {
    let (mut reader, mut writer) = stream.into_split();
    let asked = match timeout(WORDS_WITHIN, wire::read_words(&mut reader)).await {
        Ok(Ok(asked)) => asked,
        Ok(Err(error)) => {
            tracing::debug!("a script of a package broke off: {error}");
            return;
        }
        Err(_) => {
            tracing::debug!("a script of a package said nothing");
            return;
        }
    };
    let code = match words::parse(&caller.app, &asked) {
        // A connection may have been handed to somebody who lives on.
        Ok(_) if caller.ended.is_cancelled() => Err("the script has ended".to_owned()),
        Ok(call) => {
            tracing::info!(app.id = %caller.app, "a script of the package asks for {call}");
            caller.carry_out(call, reader, &mut writer).await
        }
        Err(refusal) => Err(refusal),
    };
    let code = match code {
        Ok(code) => code,
        Err(message) => {
            let said: String = message.trim_end().chars().take(ANSWER).collect();
            let said = format!("hearth: {said}\n");
            let _gone = wire::write(&mut writer, &Frame::Errors(said.into())).await;
            1
        }
    };
    // Whoever asked may have ended; then nobody waits for it.
    let _gone = wire::write(&mut writer, &Frame::Ended(code)).await;
}
