use std::process::ExitCode;

use hearth_model::api::problem::Problem;

/// How the command ends; stable, because scripts look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    Unreachable = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// What went wrong and what to do next, in words, with the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct CliError {
    pub(super) exit: Exit,
    pub(super) message: String,
    /// The end of the problem's type, when the service said it.
    pub(super) code: Option<String>,
}

impl CliError {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), code: None }
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        let exit = match problem.status {
            404 => Exit::NotFound,
            401 | 403 | 409 | 422 => Exit::Refused,
            400 | 405 | 413 | 415 => Exit::Usage,
            _ => Exit::Failed,
        };
        let mut message = problem.detail;
        for field in &problem.fields {
            // Where the detail lists the fields already, it says so in these very words.
            let line = field.to_string();
            if !message.contains(&line) {
                message.push_str("\n  ");
                message.push_str(&line);
            }
        }
        let code = problem.kind.rsplit(':').next().map(str::to_owned);
        Self { exit, message, code }
    }
}
