use hearth_model::form::FieldError;
use hearth_model::{AppId, Generation};

/// What went wrong with something that a person or a program asked for. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such app.
    #[error("no app `{0}` is installed; `hearth app list` names those that are")]
    NoSuchApp(AppId),
    /// No such package.
    #[error("the store `{store}` has no package `{package}`; search the store for what it has")]
    NoSuchPackage {
        /// The store's id.
        store: String,
        /// The package's id.
        package: String,
    },
    /// No such store.
    #[error("there is no store `{0}`; `hearth store list` names those that there are")]
    NoSuchStore(String),
    /// No such generation.
    #[error("there is no generation {0}; `hearth generations` lists those that there are")]
    NoSuchGeneration(Generation),
    /// The desired state changed meanwhile.
    #[error(
        "this was made for generation {expected} and generation {found} is in force: look at what changed and try again"
    )]
    Moved {
        /// What the caller saw.
        expected: Generation,
        /// What is in force.
        found: Generation,
    },
    /// A document leaves out apps that are installed, and nobody said that they may go.
    #[error(
        "these apps are not in the document and would be removed: {}; if that is meant, apply it with `allow_removal`",
        names(.0)
    )]
    RemovesApps(Vec<AppId>),
    /// The request contradicts the state.
    #[error("{0}")]
    Conflict(String),
    /// The request cannot be done as it is.
    #[error("{0}")]
    Refused(String),
    /// Answers of a form are wrong.
    #[error("some settings need your attention: {}", list(.0))]
    Fields(Vec<FieldError>),
    /// The owner must agree to something first.
    #[error("this app asks for more than its own folder and network, and needs your consent: {}", .0.join("; "))]
    ConsentNeeded(Vec<String>),
    /// A package cannot be read or resolved.
    #[error("{0}")]
    Package(String),
    /// A store cannot be fetched or read.
    #[error("{0}")]
    Store(String),
    /// The engine does not answer.
    #[error("{0}")]
    EngineUnreachable(String),
    /// The database failed.
    #[error("the database could not be read or written")]
    Database(#[from] sqlx::Error),
    /// Something that should hold does not.
    #[error("{0}")]
    Internal(String),
}

fn names(apps: &[AppId]) -> String {
    apps.iter().map(AppId::as_str).collect::<Vec<_>>().join(", ")
}

fn list(fields: &[FieldError]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The result of everything that a person or a program asks of [`crate::hearth::Hearth`].
pub type Result<T> = std::result::Result<T, Error>;

/// A document of ours in the database that no longer reads.
pub(crate) fn corrupt(what: &str, error: &serde_json::Error) -> Error {
    Error::Internal(format!(
        "{what} in the database cannot be read ({error}); restore hearth.db from its copy"
    ))
}
