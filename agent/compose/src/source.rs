use crate::diagnostics::{Diagnostic, Diagnostics, Severity};

/// A place in one of the files of a [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct At {
    /// Number of the file in [`Sources`], from 1; 0 for no file.
    pub(crate) file: u32,
    /// Line, from 1; 0 for the file as a whole.
    pub(crate) line: u32,
    /// Column in characters, from 1.
    pub(crate) column: u32,
}

impl At {
    /// No place: for values that stand in no file.
    pub(crate) const NOWHERE: At = At { file: 0, line: 0, column: 0 };
}

/// The texts that were read, to show the lines that findings are about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(Vec<Source>);

#[derive(Debug, Clone)]
struct Source {
    name: String,
    text: String,
}

/// Longest part of a line that is shown, in characters.
const SNIPPET: usize = 160;

impl Sources {
    /// Adds a file and returns its number for [`At`].
    pub(crate) fn add(&mut self, name: &str, text: &str) -> u32 {
        self.0.push(Source { name: name.to_owned(), text: text.to_owned() });
        u32::try_from(self.0.len()).expect("each file costs memory, so there are fewer than 2^32")
    }

    /// Returns the place in a finding.
    pub(crate) fn diagnostic(&self, severity: Severity, at: At, message: String) -> Diagnostic {
        let source = usize::try_from(at.file).ok().and_then(|n| self.0.get(n.checked_sub(1)?));
        let snippet = source
            .filter(|_| at.line > 0)
            .and_then(|source| source.text.lines().nth(at.line as usize - 1))
            .map(|line| line.trim_end().chars().map(visible).take(SNIPPET).collect())
            .unwrap_or_default();
        Diagnostic {
            severity,
            message,
            file: source.map(|source| source.name.clone()).unwrap_or_default(),
            line: at.line,
            column: at.column,
            snippet,
        }
    }
}

/// Tabs would move the caret, and control characters the terminal.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// What was found so far while reading.
#[derive(Debug, Clone, Default)]
pub(crate) struct Problems(Vec<(Severity, At, String)>);

/// Says that reading cannot go on; why is among the [`Problems`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop;

impl Problems {
    /// Adds an error.
    pub(crate) fn error(&mut self, at: At, message: impl Into<String>) {
        self.0.push((Severity::Error, at, message.into()));
    }

    /// Adds a warning.
    pub(crate) fn warning(&mut self, at: At, message: impl Into<String>) {
        self.0.push((Severity::Warning, at, message.into()));
    }

    /// Adds an error that ends the reading.
    pub(crate) fn stop(&mut self, at: At, message: impl Into<String>) -> Stop {
        self.error(at, message);
        Stop
    }

    /// Tells whether an error is among them.
    pub(crate) fn has_errors(&self) -> bool {
        self.0.iter().any(|(severity, ..)| *severity == Severity::Error)
    }

    /// Returns the findings with their places.
    pub(crate) fn into_diagnostics(self, sources: &Sources) -> Diagnostics {
        let findings =
            self.0.into_iter().map(|(severity, at, message)| sources.diagnostic(severity, at, message));
        Diagnostics::new(findings.collect())
    }
}
