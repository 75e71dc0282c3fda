use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
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

/// Longer than any command of a test takes, and shorter than a test may: so a test names the command that hangs.
const COMMAND_LIMIT: Duration = Duration::from_secs(300);

/// Runs a command to its end and returns what it printed.
///
/// # Errors
/// When it cannot be started, fails or does not end; has what it wrote to standard error.
pub fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = output_of(command)?;
    ensure!(
        output.status.success(),
        "`{program} {}` failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command to its end, without input, and returns how it ended.
///
/// # Errors
/// When it cannot be started, or does not end in five minutes: then it is killed, and the error has what it printed.
pub fn output_of(mut command: Command) -> Result<Output> {
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let mut child = command.spawn().with_context(|| format!("failed to start {command:?}"))?;
    let ended = wait_for("its end", COMMAND_LIMIT, || Ok(Answer::some(child.try_wait()?, "it runs")));
    if ended.is_err() {
        // Fails only when it has ended just now.
        let _ended = child.kill();
        child.wait()?;
    }
    let (stdout, stderr) = (whole(&mut stdout)?, whole(&mut stderr)?);
    let status = ended.with_context(|| {
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        format!("{command:?} hangs; it printed: {stdout}{stderr}")
    })?;
    Ok(Output { status, stdout, stderr })
}

/// Reads a file from its beginning.
fn whole(file: &mut File) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut content)?;
    Ok(content)
}
