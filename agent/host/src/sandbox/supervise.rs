use std::io::{self, Read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Ended, Error, MAX_OUTPUT_BYTES};

/// How often it is asked whether a script has ended.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// How much longer than its time a script has to be ended by what runs it.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a command to its end, or to the end of its time.
pub(super) fn run(mut command: Command, time: Duration) -> Result<Ended, Error> {
    // A group of its own, so that Ctrl-C at the agent is not for the script.
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(Error::at("start a script"))?;
    let output = child.stdout.take().map(collect);
    let errors = child.stderr.take().map(collect);
    let status = wait(&mut child, time).map_err(Error::at("wait for a script"))?;
    let bytes = |reader: Option<thread::JoinHandle<Vec<u8>>>| {
        reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
    };
    Ok(Ended { failure: failure(status, time), output: bytes(output), errors: bytes(errors) })
}

/// Waits; returns `None` once the time was over and the command is killed, with everything in it.
fn wait(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + time + GRACE;
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(ASK_EVERY);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

fn failure(status: Option<ExitStatus>, time: Duration) -> Option<String> {
    match status {
        None => Some(format!("it took longer than {} seconds", time.as_secs())),
        Some(status) if status.success() => None,
        Some(status) => Some(match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no exit code".to_owned(),
        }),
    }
}

/// Reads an output to its end and keeps the beginning, so that a talkative script is not held up.
fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut kept = Vec::new();
        let _ = from.by_ref().take(MAX_OUTPUT_BYTES).read_to_end(&mut kept);
        let _ = io::copy(&mut from, &mut io::sink());
        kept
    })
}
