use std::path::PathBuf;

use futures_util::future::BoxFuture;
use hearth_model::desired::GenerationInfo;
use hearth_model::os::UpdateRecord;

use crate::error::Result;
use crate::metadata::UpdateMetadata;

/// What is stored of updates.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoredState {
    /// How far the update is.
    pub record: UpdateRecord,
    /// What is known besides.
    pub metadata: UpdateMetadata,
}

/// What updates need of the agent's database: a place for their state, and what going back to an older release does to the
/// owner's data.
pub trait Store: Send + Sync {
    /// Returns what is stored; the defaults when nothing is.
    fn load(&self) -> BoxFuture<'_, Result<StoredState>>;

    /// Replaces what is stored.
    fn save<'a>(&'a self, state: &'a StoredState) -> BoxFuture<'a, Result<()>>;

    /// Returns the newest migration of the database that this agent knows.
    fn schema(&self) -> i64;

    /// Returns where the copy of the database lies that was made before migrations later than `schema` were applied.
    fn copy_path(&self, schema: i64) -> PathBuf;

    /// Tells whether a newer release has changed the database.
    fn has_later_migrations(&self) -> BoxFuture<'_, Result<bool>>;

    /// Returns the changes that the owner made, newest first.
    fn changes(&self) -> BoxFuture<'_, Result<Vec<GenerationInfo>>>;
}
