//! Programs of systemd.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use super::error::{Error, Result};

/// How often a program that runs is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Lines of a failed program that its owner reads.
const LAST_LINES: usize = 3;

/// Runs a program to its end. What it says goes to the log, and into the error when it fails.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().map_err(|source| Error::Io { what: "start", path: name.clone().into(), source })?;
    judge(&name, &output)
}

/// How far systemd-sysupdate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transferred {
    /// Transfers that are done.
    pub(super) done: u8,
    /// Of the next one, in percent.
    pub(super) percent: u8,
}

/// Runs systemd-sysupdate, and hears from it how far it is.
pub(super) fn run_with_progress(
    command: &mut Command,
    socket: &Path,
    progress: &dyn Fn(Transferred),
) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { what, path, source }
    };
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("remove", socket)(error)),
        _ => {}
    }
    let said = UnixDatagram::bind(socket).map_err(failed("make", socket))?;
    said.set_read_timeout(Some(LOOK)).map_err(failed("listen at", socket))?;
    command.env("NOTIFY_SOCKET", socket);
    std::thread::scope(|scope| {
        let program = scope.spawn(|| command.output());
        let mut message = [0; 1024];
        while !program.is_finished() {
            let length = said.recv(&mut message).unwrap_or(0);
            if let Some(transferred) = transferred(&message[..length]) {
                progress(transferred);
            }
        }
        let output = program.join().map_err(|_| Error::Program {
            program: name.clone(),
            status: "it was lost".to_owned(),
            said: String::new(),
        })?;
        judge(&name, &output.map_err(failed("start", Path::new(&name)))?)
    })
}

/// Reads how far systemd-sysupdate is. Its percentage is of all transfers, of which each counts the same.
fn transferred(message: &[u8]) -> Option<Transferred> {
    let text = std::str::from_utf8(message).ok()?;
    let value = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value?.parse::<u8>().ok().filter(|value| *value <= 100)
    };
    let (overall, done) = (value("X_SYSUPDATE_PROGRESS")?, value("X_SYSUPDATE_TRANSFERS_DONE")?);
    let count = u32::from(done) + u32::from(value("X_SYSUPDATE_TRANSFERS_LEFT")?);
    let percent = (u32::from(overall) * count).saturating_sub(100 * u32::from(done)).min(100);
    Some(Transferred { done, percent: u8::try_from(percent).ok()? })
}

fn judge(program: &str, output: &Output) -> Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    // Both go where this program's own log goes.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
    if output.status.success() {
        return Ok(());
    }
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("; ");
    Err(Error::Program { program: program.to_owned(), status: output.status.to_string(), said: last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_what_sysupdate_reports() {
        let message = |overall: &str, left, done| {
            format!(
                "X_SYSUPDATE_PROGRESS={overall}\nX_SYSUPDATE_TRANSFERS_LEFT={left}\nX_SYSUPDATE_TRANSFERS_DONE={done}\n"
            )
        };
        let read = |overall, left, done| transferred(message(overall, left, done).as_bytes());
        assert_eq!(read("0", 2, 0), Some(Transferred { done: 0, percent: 0 }));
        assert_eq!(read("21", 2, 0), Some(Transferred { done: 0, percent: 42 }));
        assert_eq!(read("99", 1, 1), Some(Transferred { done: 1, percent: 98 }));
        assert_eq!(read("40", 1, 1), Some(Transferred { done: 1, percent: 0 }));
        assert_eq!(read("420", 2, 0), None);
        assert_eq!(transferred(b"STATUS=Updating"), None);
    }

    #[test]
    fn a_failed_program_is_reported_with_its_last_words() {
        let error =
            run(Command::new("sh").args(["-c", "printf 'a\\nb\\n\\nc\\nd\\n' >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh` failed (exit status: 3): b; c; d");
        assert!(run(&mut Command::new("/does/not/exist")).is_err());
    }
}
