use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::{Error, Job, Result};

/// How often a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Most bytes that are kept of what git says.
const MAX_WORDS_BYTES: u64 = 64 * 1024;
/// Most bytes of a list of branches and tags: the answer for one name has a line or two, more is a server that misbehaves.
pub(super) const MAX_LIST_BYTES: u64 = 1024 * 1024;

/// A process that ended.
pub(super) struct Done {
    pub(super) status: ExitStatus,
    /// What it wrote to its standard output, as far as that is kept.
    pub(super) output: String,
    /// What it wrote to its standard error, as far as that is kept.
    pub(super) words: String,
}

/// A process that runs. It is killed with its helpers when this value goes.
pub(super) struct Process {
    child: Child,
    is_over: bool,
}

impl Process {
    pub(super) fn start(mut command: Command) -> Result<Self> {
        let child = command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::NoGit { command: "prlimit" },
            _ => Error::Write { path: Path::new("git").to_owned(), source },
        })?;
        Ok(Self { child, is_over: false })
    }

    /// Returns its standard output, once, for who reads it all.
    pub(super) fn take_output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits until it ends, looking at it now and then.
    pub(super) fn wait(&mut self, job: &Job<'_>, mut look: impl FnMut()) -> Result<Done> {
        let output = self.child.stdout.take().map(|stdout| collect(stdout, MAX_LIST_BYTES + 1));
        let words = self.child.stderr.take().map(|stderr| collect(stderr, MAX_WORDS_BYTES));
        let failed = |source| Error::Write { path: Path::new("git").to_owned(), source };
        let status = loop {
            if let Some(status) = self.child.try_wait().map_err(failed)? {
                break status;
            }
            if let Err(ended) = job.check() {
                self.kill();
                return Err(ended);
            }
            look();
            thread::sleep(LOOK_EVERY);
        };
        self.is_over = true;
        let text = |reader: Option<thread::JoinHandle<String>>| {
            reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
        };
        Ok(Done { status, output: text(output), words: text(words) })
    }

    pub(super) fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself meanwhile.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_over {
            self.kill();
            // It is killed; this takes it off the list of processes.
            let _ = self.child.wait();
        }
    }
}

/// Reads a stream to its end and keeps its beginning.
fn collect(mut stream: impl Read + Send + 'static, limit: u64) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = (&mut stream).take(limit).read_to_end(&mut bytes);
        let _ = io::copy(&mut stream, &mut io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
