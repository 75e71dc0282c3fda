//! Runs a package's script where it sees the app's folder and little else.
//!
//! [bubblewrap](https://github.com/containers/bubblewrap) rather than a container on the engine: it needs no image, so it
//! works before anything was fetched and while the engine is away. The script has the host's `/usr` to read, no network, no
//! process but its own, none of root's rights but those over owners of files, no system call that changes mounts, namespaces or
//! the kernel, and limits of memory, processes, time and the size of files.

/// The command line.
mod command;
/// What is made for one run.
mod scratch;
/// Starts, waits, collects.
mod supervise;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scratch::Scratch;

/// Most bytes that are kept of each of a script's outputs.
const MAX_OUTPUT_BYTES: u64 = 1024 * 1024;

/// What a script sees and may use.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// A folder that only Hearth may enter; what a run needs besides is made below it and goes with it.
    pub scratch: PathBuf,
    /// The folder that the script sees and starts in, under its own path.
    pub folder: PathBuf,
    /// What the script finds there, and whether what it writes stays.
    pub content: Content,
    /// Commands of ours that it finds, each a script, by absolute path.
    pub commands: BTreeMap<PathBuf, String>,
    /// Files and sockets of the host that it finds, by absolute path, with where they are; those that are not there are
    /// left out. Files are read-only.
    pub found: BTreeMap<PathBuf, PathBuf>,
    /// Links that it finds, by absolute path, with where they lead.
    pub links: BTreeMap<PathBuf, PathBuf>,
    /// Its environment. A value may hold anything but a zero byte.
    pub environment: BTreeMap<String, String>,
    /// What it may use.
    pub limits: Limits,
}

/// What a script finds in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The folder itself, to write to.
    Writable,
    /// The folder itself, to read only.
    ReadOnly,
    /// These texts, by path, in place of a folder that is not there or not for this run; what the script writes is lost.
    StandIn(BTreeMap<String, String>),
}

/// What a script may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take before it is killed.
    pub time: Duration,
    /// Memory in mebibytes; of the script as a whole where systemd runs, of each of its processes elsewhere.
    pub memory_mb: u64,
    /// Processes, where systemd runs.
    pub processes: u64,
}

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How, in words: "exit code 1"; `None` when it ended well.
    pub failure: Option<String>,
    /// What it wrote to its output, cut to a mebibyte.
    pub output: Vec<u8>,
    /// What it wrote to its error output, cut to a mebibyte.
    pub errors: Vec<u8>,
}

/// Why a script could not be run at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program that runs scripts is not installed.
    #[error(
        "`{program}` is not installed, and scripts of packages run in it; install Debian's package `{package}`"
    )]
    Missing {
        /// The program.
        program: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// A file or process of the run failed.
    #[error("failed to {doing}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    fn at(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

impl Sandbox {
    /// Runs a script, in the app's folder, and waits until it ended. Blocks for as long as [`Limits::time`] allows.
    ///
    /// # Errors
    /// When it could not be started. That the script failed is no error.
    pub fn run(&self, script: Script<'_>) -> Result<Ended, Error> {
        self.run_while(script, &|| true)
    }

    /// Runs a script like [`Sandbox::run`], and kills it with everything that it has started once it is not wanted any
    /// more. `is_wanted` is asked a hundred times a second.
    ///
    /// # Errors
    /// When it could not be started. That the script failed or was killed is no error.
    pub fn run_while(&self, script: Script<'_>, is_wanted: &dyn Fn() -> bool) -> Result<Ended, Error> {
        let scratch = Scratch::make(self, script)?;
        let command = command::line(self, &scratch, script)?;
        supervise::run(command, self.limits.time, is_wanted, &|| command::kill(&scratch))
    }
}

/// What is run.
#[derive(Debug, Clone, Copy)]
pub enum Script<'a> {
    /// A file that the sandbox has; it says itself what runs it.
    File(&'a Path),
    /// Text for bash.
    Bash(&'a str),
}
