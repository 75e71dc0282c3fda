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

/// How a wait came to its end.
enum Waited {
    Ended(ExitStatus),
    TookTooLong,
    NotWanted,
}

/// Runs a command to its end, to the end of its time, or until it is not wanted any more. `kill` ends what the command's
/// own end would leave.
pub(super) fn run(
    mut command: Command,
    time: Duration,
    is_wanted: &dyn Fn() -> bool,
    kill: &dyn Fn(),
) -> Result<Ended, Error> {
    // A group of its own, so that Ctrl-C at the agent is not for the script.
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(Error::at("start a script"))?;
    let output = child.stdout.take().map(collect);
    let errors = child.stderr.take().map(collect);
    let waited = wait(&mut child, time, is_wanted, kill).map_err(Error::at("wait for a script"))?;
    let bytes = |reader: Option<thread::JoinHandle<Vec<u8>>>| {
        reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
    };
    Ok(Ended { failure: failure(&waited, time), output: bytes(output), errors: bytes(errors) })
}

/// Waits; unless the command ended by itself it is killed, with everything in it.
fn wait(
    child: &mut Child,
    time: Duration,
    is_wanted: &dyn Fn() -> bool,
    kill: &dyn Fn(),
) -> io::Result<Waited> {
    let end = Instant::now() + time + GRACE;
    let waited = loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Waited::Ended(status));
        }
        if !is_wanted() {
            break Waited::NotWanted;
        }
        if Instant::now() >= end {
            break Waited::TookTooLong;
        }
        thread::sleep(ASK_EVERY);
    };
    kill();
    child.kill()?;
    child.wait()?;
    Ok(waited)
}

fn failure(waited: &Waited, time: Duration) -> Option<String> {
    match waited {
        Waited::NotWanted => Some("it was ended because it is not wanted any more".to_owned()),
        Waited::TookTooLong => Some(format!("it took longer than {} seconds", time.as_secs())),
        Waited::Ended(status) if status.success() => None,
        Waited::Ended(status) => Some(match (status.code(), status.signal()) {
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
