//! Updates of the operating system, on a box with Hearth's own image: what `hearth_planner::os_update` decides is stored here
//! before its work is done. On any other system nothing runs and every wish is refused.

/// Asks the channel.
mod check;
/// When something is due by itself.
mod clock;
/// Copies of Hearth's own data.
pub(crate) mod copies;
/// The task that does the work.
pub(crate) mod driver;
/// Fetches a release, and lays it out.
mod fetch;
/// Whether a release on trial is healthy.
mod health;
/// The log of the boot before.
mod journal;
/// What is remembered besides the record.
pub(crate) mod memory;
/// Where things are.
mod places;
/// How far the present step is.
mod progress;
/// The restart of the box.
mod restart;
/// Tasks on the slots, by the unit that may.
mod slots;
/// What the owner sees.
mod status;
/// A channel that the owner sends.
mod upload;
/// What the owner wants.
mod wishes;
/// Pieces of work.
mod work;

use std::sync::{Mutex, PoisonError};

use hearth_host::os::Os;
use hearth_model::event::Event as Told;
use hearth_model::os::{Boot, UpdateRecord, UpdateState};
use hearth_planner::os_update::{Event, Unfit, next};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::db::{self, Db};
use crate::error::{Error, Result};
use crate::hearth::{Hearth, Options};

use memory::Memory;
use places::Places;
use progress::Shown;

/// What is remembered, as it stands in the database.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    pub(crate) record: UpdateRecord,
    pub(crate) memory: Memory,
}

/// What every part of updates shares.
#[derive(Debug)]
pub(crate) struct OsUpdates {
    places: Places,
    held: watch::Sender<Held>,
    /// Held while what is remembered is changed, so that changes come one after another.
    changing: tokio::sync::Mutex<()>,
    /// Held while the channel is asked: its memory is one folder.
    asking: Mutex<()>,
    /// Held while the owner sends a channel.
    uploading: tokio::sync::Mutex<()>,
    shown: Mutex<Shown>,
}

impl OsUpdates {
    /// Reads what is remembered.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn open(options: &Options, db: &Db) -> Result<Self> {
        let (record, memory) = db::os_update::get(db).await?;
        Ok(Self {
            places: Places::new(&options.os_root, &options.state_dir),
            held: watch::Sender::new(Held { record, memory }),
            changing: tokio::sync::Mutex::default(),
            asking: Mutex::default(),
            uploading: tokio::sync::Mutex::default(),
            shown: Mutex::default(),
        })
    }

    /// Returns what is remembered.
    pub(crate) fn held(&self) -> Held {
        self.held.borrow().clone()
    }

    /// Looks at the system that runs.
    async fn observe(&self) -> Os {
        let root = self.places.root.clone();
        let look = move || hearth_host::os::observe(&root);
        tokio::task::spawn_blocking(look).await.unwrap_or_else(|_| Os {
            name: "Linux".to_owned(),
            image_version: None,
            board: None,
            entries: Vec::new(),
        })
    }

    /// Returns what the boot loader and the kernel say, of a system that Hearth updates.
    async fn boot(&self) -> std::result::Result<Boot, Unmanaged> {
        let Os { name: _, image_version, board, entries } = self.observe().await;
        let Some(version) = image_version else { return Err(Unmanaged::NotOurs) };
        if board.is_none() || self.places.root_of_trust().is_none() {
            return Err(Unmanaged::NothingTrusted);
        }
        let entry = entries.iter().find(|entry| entry.version == version);
        let on_trial = entry.is_some_and(|entry| entry.tries_left.is_some());
        Ok(Boot { id: self.places.boot_id(), version, on_trial, entries })
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why Hearth does not update the system, for the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Unmanaged {
    #[error(
        "Hearth did not install the operating system of this box and does not update it: keep it up to date with its own tools. \
         Your apps are updated here as everywhere."
    )]
    NotOurs,
    #[error(
        "This is Hearth's own system, built without a root of trust for releases, so it cannot tell a real release from a false \
         one and takes none: flash an image that was built with one."
    )]
    NothingTrusted,
}

impl From<Unmanaged> for Error {
    fn from(unmanaged: Unmanaged) -> Self {
        Self::Conflict(unmanaged.to_string())
    }
}

impl Hearth {
    /// Applies an event, stores what comes of it, and tells everybody. The record is stored before anything is done for it.
    ///
    /// # Errors
    /// Says why the event does not fit; then nothing changes.
    async fn os_happened(&self, event: Event, note: impl FnOnce(&mut Memory)) -> Result<()> {
        let _changing = self.os.changing.lock().await;
        let boot = self.os.boot().await?;
        let Held { record, mut memory } = self.os.held();
        let before = record.state.name();
        let record =
            next(&record, &boot, event, Timestamp::now()).map_err(|Unfit(text)| Error::Conflict(text))?;
        note(&mut memory);
        if let Some(release) = record.state.release() {
            memory.learn(release);
        }
        if !matches!(record.state, UpdateState::GoingBack { .. }) {
            memory.put_back = None;
        }
        let after = record.state.name();
        self.os_keep(Held { record, memory }).await?;
        if before != after {
            tracing::info!("the update of the operating system went from {before} to {after}");
            self.os.shown().forget();
        }
        Ok(())
    }

    /// Changes what is remembered besides the record.
    async fn os_note(&self, note: impl FnOnce(&mut Memory)) -> Result<()> {
        let _changing = self.os.changing.lock().await;
        let Held { record, mut memory } = self.os.held();
        note(&mut memory);
        self.os_keep(Held { record, memory }).await
    }

    /// Stores what is remembered; the caller holds [`OsUpdates::changing`].
    async fn os_keep(&self, held: Held) -> Result<()> {
        db::os_update::set(&self.db, &held.record, &held.memory).await?;
        self.os.held.send_replace(held);
        self.tell(Told::Os);
        Ok(())
    }
}
