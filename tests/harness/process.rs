use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::{Answer, wait_for};

/// A process that is killed when its owner goes.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts `command` with everything that it prints going to `log`.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let output = File::options().create(true).append(true).open(log).context("failed to open a log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("failed to start `{name}`"))?;
        Ok(Self { child, name })
    }

    /// Returns its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns how it ended, if it has.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("a process id fits")?;
        kill(Pid::from_raw(id), signal).with_context(|| format!("failed to send {signal} to `{}`", self.name))
    }

    /// Kills it as a power failure would, and waits until it is gone.
    ///
    /// # Errors
    /// When the system does not say how it ended.
    pub fn kill(&mut self) -> Result<()> {
        // Fails only when it has ended already.
        let _ended = self.child.kill();
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end with `signal` and waits for at most `limit`.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn end(&mut self, signal: Signal, limit: Duration) -> Result<ExitStatus> {
        self.signal(signal)?;
        let what = format!("`{}` to end after {signal}", self.name);
        wait_for(&what, limit, || Ok(Answer::some(self.child.try_wait()?, "it runs")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended, which is what is wanted.
        let _ended = self.kill();
    }
}

/// Runs a command to its end and returns what it printed.
///
/// # Errors
/// When it cannot be started or fails; has what it wrote to standard error.
pub fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start `{program}`"))?;
    ensure!(
        output.status.success(),
        "`{program} {}` failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
