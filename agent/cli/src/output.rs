use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::error::CliError;

/// Writes answers to standard output: for people, or as JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Tells whether programs read the output.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes text as it is, ended by a line break.
    pub(super) fn text(&self, text: &str) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        match write!(stdout, "{text}{end}").and_then(|()| stdout.flush()) {
            // Whoever reads has seen enough, as `head` does.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(CliError::failed(format!("the output cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Writes a value as JSON, or what `human` makes of it.
    pub(super) fn value<T: Serialize>(
        &self,
        value: &T,
        human: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        self.either(value, serde_json::to_string_pretty, human)
    }

    /// Writes a value as one line of JSON, or what `human` makes of it.
    pub(super) fn line<T: Serialize>(
        &self,
        value: &T,
        human: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        self.either(value, serde_json::to_string, human)
    }

    fn either<T>(
        &self,
        value: &T,
        json: impl FnOnce(&T) -> serde_json::Result<String>,
        human: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        if !self.json {
            return self.text(&human(value));
        }
        let json = json(value);
        self.text(&json.map_err(|error| CliError::failed(format!("the answer is no JSON: {error}")))?)
    }
}

/// Writes an error to standard error. There is no place left to say that this failed.
pub(super) fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "{}", with_severity(message));
}

/// Begins an error with "error:", unless it is a finding in a file, which says itself how severe it is.
fn with_severity(message: &str) -> String {
    let says_it = ["error: ", "warning: "].iter().any(|severity| message.starts_with(severity));
    if says_it { message.to_owned() } else { format!("error: {message}") }
}

/// Writes a line that is not the answer itself to standard error.
pub(super) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Tells how far something is: on a terminal in one line that is written over, else a line for each change.
#[derive(Debug, Default)]
pub(super) struct Ticker {
    shown: String,
}

impl Ticker {
    pub(super) fn show(&mut self, text: &str) {
        if text == self.shown {
            return;
        }
        self.shown = text.to_owned();
        let mut stderr = io::stderr().lock();
        let _ = if stderr.is_terminal() {
            // To the beginning of the line, and clear what stands there.
            write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{text}")
        };
    }

    /// Ends the line, so that what comes next has one of its own.
    pub(super) fn finish(&mut self) {
        let mut stderr = io::stderr().lock();
        if stderr.is_terminal() && !self.shown.is_empty() {
            let _ = write!(stderr, "\r\x1b[K");
        }
        self.shown.clear();
    }
}

/// Lays rows out in columns; says `none` when there are no rows.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]], none: &str) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    let mut line = |cells: [&str; N]| {
        let start = text.len();
        for (cell, width) in cells.iter().zip(widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        let end = text[start..].trim_end().len();
        text.truncate(start + end);
        text.push('\n');
    };
    line(head);
    for row in rows {
        line(std::array::from_fn(|column| row[column].as_str()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_called_one_once() {
        assert_eq!(with_severity("no such app"), "error: no such app");
        let finding = hearth_compose::Diagnostics::about_file("compose.yml", "it is empty").to_string();
        assert_eq!(with_severity(&finding), finding);
        assert!(finding.starts_with("error: "), "{finding}");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "Bücher".to_owned()], ["longer".to_owned(), String::new()]];
        assert_eq!(table(["ID", "NAME"], &rows, "nothing"), "ID      NAME\na       Bücher\nlonger\n");
        assert_eq!(table(["ID"], &[], "nothing"), "nothing");
    }
}
