use hearth_host::os::Os;
use hearth_model::api::os::{OsSettings, OsStatus, OsUpdate, Slot};
use hearth_model::os::{Boot, BootEntry, UpdateState};

use crate::paths::Unmanaged;
use crate::{OsUpdates, StoredState};

/// Who updates the system, for the owner.
const MANAGED: &str = "Hearth updates this system as a whole. A new release is tried once, and the one before comes back by itself when it \
                       does not work.";

impl OsUpdates {
    /// Returns which operating system runs, who updates it, and how far that is.
    pub async fn status(&self) -> OsStatus {
        let Os { name, image_version, board: _, entries } = self.paths.observe().await;
        let boot = self.boot().await;
        let stored = if boot.is_ok() { self.stored() } else { StoredState::default() };
        let mut slots = Vec::new();
        for entry in &entries {
            slots.push(self.slot(&stored, boot.as_ref(), entry).await);
        }
        let StoredState { record, metadata } = stored;
        // What is being stopped may still say how far it is.
        let has_length =
            matches!(record.state, UpdateState::Downloading { .. } | UpdateState::Installing { .. });
        OsStatus {
            name,
            version: image_version,
            managed: boot.is_ok(),
            note: boot.err().map_or_else(|| MANAGED.to_owned(), |unmanaged| unmanaged.to_string()),
            update: OsUpdate::from(&record.state),
            progress: self.shown().progress.filter(|_| has_length),
            checks: metadata.checks,
            log: metadata.log,
            checked_at: record.checked_at,
            settings: OsSettings {
                channel: record.channel,
                restart_window: metadata.restart_window,
                bytes_per_second: metadata.bytes_per_second,
            },
            slots,
        }
    }

    async fn slot(&self, stored: &StoredState, boot: Result<&Boot, &Unmanaged>, entry: &BootEntry) -> Slot {
        let BootEntry { version, tries_left } = *entry;
        let known = stored.metadata.releases.get(&version).cloned().unwrap_or_default();
        let back = match boot {
            Ok(boot) => self.way_back(stored, boot, version).await,
            Err(_) => None,
        };
        Slot {
            version,
            runs: boot.is_ok_and(|boot| boot.version == version),
            tries_left,
            installed_at: known.installed_at,
            notes: known.notes,
            declined: stored.record.declined.get(&version).map(|declined| declined.reason.clone()),
            back,
        }
    }
}
