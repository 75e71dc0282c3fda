use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; this is likely not what was meant.
    Warning,
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What was expected, what was found, what to do; lower case, no full stop.
    pub message: String,
    /// The file, as it was named when it was given; empty when it is about no file.
    pub file: String,
    /// Line, from 1; 0 when it is about the file as a whole.
    pub line: u32,
    /// Column in characters, from 1; 0 when it is about the file as a whole.
    pub column: u32,
    /// The line itself, cut to 160 characters.
    pub snippet: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.message)?;
        if self.line == 0 {
            return if self.file.is_empty() { Ok(()) } else { write!(f, "\n  --> {}", self.file) };
        }
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        write!(f, "\n{margin}--> {}:{}:{}", self.file, self.line, self.column)?;
        if !self.snippet.is_empty() {
            write!(f, "\n{margin} |\n{number} | {}", self.snippet)?;
            let before = self.column.saturating_sub(1) as usize;
            if before <= self.snippet.chars().count() {
                write!(f, "\n{margin} | {}^", " ".repeat(before))?;
            }
        }
        Ok(())
    }
}

/// Everything that is wrong with a file, errors first.
///
/// As an error it holds at least one [`Severity::Error`]; displays for people, one finding after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

/// More findings than this are not listed: a file with so many is not the file that was meant.
const MAX_LISTED: usize = 50;

impl Diagnostics {
    /// Returns the findings, errors first, each kind in the order of the file.
    pub fn new(mut findings: Vec<Diagnostic>) -> Self {
        findings.sort_by(|a, b| {
            (a.severity, &a.file, a.line, a.column).cmp(&(b.severity, &b.file, b.line, b.column))
        });
        findings.dedup();
        Self(findings)
    }

    /// Returns one error about a file as a whole.
    pub fn about_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            file: file.into(),
            line: 0,
            column: 0,
            snippet: String::new(),
        }])
    }

    /// Returns the findings.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Tells whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether an error is among the findings.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Returns the findings of both.
    #[must_use]
    pub fn and(self, other: Diagnostics) -> Self {
        Self::new(self.0.into_iter().chain(other.0).collect())
    }

    /// Returns the first error's message with its place in one line, for a status or a log.
    pub fn summary(&self) -> String {
        let Some(first) = self.0.first() else { return String::new() };
        let place = match (first.file.as_str(), first.line) {
            ("", _) => String::new(),
            (file, 0) => format!(" ({file})"),
            (file, line) => format!(" ({file}, line {line})"),
        };
        let more = match self.0.iter().filter(|finding| finding.severity == Severity::Error).count() {
            0 | 1 => String::new(),
            errors => format!(", and {} more", errors - 1),
        };
        format!("{}{place}{more}", first.message)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, finding) in self.0.iter().take(MAX_LISTED).enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            writeln!(f, "{finding}")?;
        }
        if self.0.len() > MAX_LISTED {
            writeln!(f, "\nand {} more", self.0.len() - MAX_LISTED)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
