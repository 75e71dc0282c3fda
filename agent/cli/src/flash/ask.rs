use std::io::{self, BufRead as _, Write as _};

use rustix::termios::{self, LocalModes, OptionalActions};

use crate::error::{CliError, Exit};

/// Asks for a line; what stands around it is cut off.
pub(super) fn line(question: &str) -> Result<String, CliError> {
    Ok(read(question)?.trim().to_owned())
}

/// Asks for a line that the terminal does not show.
pub(super) fn password(question: &str) -> Result<String, CliError> {
    let stdin = io::stdin();
    let before = termios::tcgetattr(&stdin).map_err(failed)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    termios::tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(failed)?;
    let answer = read(question);
    let restored = termios::tcsetattr(&stdin, OptionalActions::Now, &before).map_err(failed);
    // The line break was not shown either.
    let _ = writeln!(io::stderr());
    restored.and(answer)
}

fn read(question: &str) -> Result<String, CliError> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}").and_then(|()| stderr.flush()).map_err(failed)?;
    drop(stderr);
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line).map_err(failed)? == 0 {
        return Err(CliError::new(Exit::Refused, "there was no answer; nothing was written"));
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn failed(error: impl Into<io::Error>) -> CliError {
    CliError::failed(format!("the terminal cannot be asked: {}", error.into()))
}
