/// Why a request about updates is not done. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request contradicts the state of the update.
    #[error("{0}")]
    Conflict(String),
    /// The request cannot be done as it is.
    #[error("{0}")]
    Refused(String),
    /// The state of updates could not be read or written.
    #[error(transparent)]
    Store(StoreError),
    /// Something that should hold does not.
    #[error("{0}")]
    Internal(String),
}

/// What a [`Store`](crate::Store) reports when it fails; the agent knows what it is.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// The result of what is asked of updates.
pub type Result<T> = std::result::Result<T, Error>;
