//! Updates of the operating system, on a box with Hearth's own image: what `hearth_planner::os_update` decides is stored here
//! before its work is done. On any other system nothing runs and every request is refused.

/// Asks the channel.
mod check;
/// When something is due by itself.
mod clock;
/// Copies of Hearth's own data.
mod copies;
/// The task that does the work.
mod driver;
/// Errors.
mod error;
/// Fetches a release, and lays it out.
mod fetch;
/// Health checks of a release on trial.
mod health;
/// The log of the boot before.
mod journal;
/// Facts that the box keeps besides the state of the update.
mod metadata;
/// Files and folders.
mod paths;
/// The trait through which updates ask whether the box is healthy.
mod probe;
/// Progress of the current step.
mod progress;
/// Requests of the owner.
mod requests;
/// The restart of the box.
mod restart;
/// Tasks on the slots, by the unit that may.
mod slots;
/// The status that the API returns.
mod status;
/// The trait through which updates reach the database.
mod store;
/// A channel that the owner sends.
mod upload;
/// Pieces of work.
mod work;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearth_model::event::Event as Published;
use hearth_model::os::{Boot, UpdateState};
use hearth_planner::os_update::{Event, Unfit, next};
use jiff::Timestamp;
use tokio::sync::{broadcast, watch};

pub use copies::{PutBack, due_put_back};
pub use error::{Error, Result, StoreError};
pub use metadata::{KnownRelease, UpdateMetadata};
pub use paths::UpdatePaths;
pub use probe::HealthProbe;
pub use restart::PreRebootSnapshot;
pub use store::{Store, StoredState};

use paths::Unmanaged;
use progress::ShownProgress;

/// Updates of the operating system. Clones share everything.
#[derive(Clone)]
pub struct OsUpdates {
    paths: UpdatePaths,
    store: Arc<dyn Store>,
    events: broadcast::Sender<Published>,
    stored: watch::Sender<StoredState>,
    /// Held while what is stored is changed, so that changes come one after another.
    changing: Arc<tokio::sync::Mutex<()>>,
    /// Held while the channel is asked: its memory is one folder.
    asking: Arc<Mutex<()>>,
    /// Held while the owner sends a channel.
    uploading: Arc<tokio::sync::Mutex<()>>,
    shown: Arc<Mutex<ShownProgress>>,
}

impl OsUpdates {
    /// Reads what is stored. Every change is announced on `events`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        paths: UpdatePaths,
        store: Arc<dyn Store>,
        events: broadcast::Sender<Published>,
    ) -> Result<Self> {
        let stored = store.load().await?;
        Ok(Self {
            paths,
            store,
            events,
            stored: watch::Sender::new(stored),
            changing: Arc::default(),
            asking: Arc::default(),
            uploading: Arc::default(),
            shown: Arc::default(),
        })
    }

    /// Tells whether Hearth updates the operating system.
    pub async fn is_managed(&self) -> bool {
        self.boot().await.is_ok()
    }

    /// Returns what is stored.
    fn stored(&self) -> StoredState {
        self.stored.borrow().clone()
    }

    async fn boot(&self) -> std::result::Result<Boot, Unmanaged> {
        self.paths.boot().await
    }

    fn shown(&self) -> MutexGuard<'_, ShownProgress> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces a change. It does not matter whether anybody listens.
    fn publish(&self) {
        let _ = self.events.send(Published::Os);
    }

    /// Applies an event, stores what comes of it, and announces it. The record is stored before anything is done for it.
    ///
    /// # Errors
    /// Says why the event does not fit; then nothing changes.
    async fn apply(&self, event: Event, note: impl FnOnce(&mut UpdateMetadata)) -> Result<()> {
        let _changing = self.changing.lock().await;
        let boot = self.boot().await?;
        let StoredState { record, mut metadata } = self.stored();
        let before = record.state.name();
        let record =
            next(&record, &boot, event, Timestamp::now()).map_err(|Unfit(text)| Error::Conflict(text))?;
        note(&mut metadata);
        if let Some(release) = record.state.release() {
            metadata.learn(release);
        }
        if !matches!(record.state, UpdateState::GoingBack { .. }) {
            metadata.put_back = None;
        }
        let after = record.state.name();
        self.save(StoredState { record, metadata }).await?;
        if before != after {
            tracing::info!("the update of the operating system went from {before} to {after}");
            self.shown().forget();
        }
        Ok(())
    }

    /// Changes what is stored besides the record.
    async fn update_metadata(&self, note: impl FnOnce(&mut UpdateMetadata)) -> Result<()> {
        let _changing = self.changing.lock().await;
        let StoredState { record, mut metadata } = self.stored();
        note(&mut metadata);
        self.save(StoredState { record, metadata }).await
    }

    /// Stores and announces a state; the caller holds [`OsUpdates::changing`].
    async fn save(&self, state: StoredState) -> Result<()> {
        self.store.save(&state).await?;
        self.stored.send_replace(state);
        self.publish();
        Ok(())
    }
}
