use hearth_host::os::Os;
use hearth_model::api::os::{OsSettings, OsStatus, OsUpdate, Slot};
use hearth_model::os::{Boot, BootEntry, UpdateState};

use super::{Held, Unmanaged};
use crate::hearth::Hearth;

/// Who updates the system, for the owner.
const MANAGED: &str = "Hearth updates this system as a whole. A new release is tried once, and the one before comes back by itself when it \
                       does not work.";

impl Hearth {
    /// Returns which operating system runs, who updates it, and how far that is.
    pub async fn os(&self) -> OsStatus {
        let Os { name, image_version, board: _, entries } = self.os.observe().await;
        let boot = self.os.boot().await;
        let held = if boot.is_ok() { self.os.held() } else { Held::default() };
        let mut slots = Vec::new();
        for entry in &entries {
            slots.push(self.os_slot(&held, boot.as_ref(), entry).await);
        }
        let Held { record, memory } = held;
        // What is being stopped may still say how far it is.
        let has_length =
            matches!(record.state, UpdateState::Downloading { .. } | UpdateState::Installing { .. });
        OsStatus {
            name,
            version: image_version,
            managed: boot.is_ok(),
            note: boot.err().map_or_else(|| MANAGED.to_owned(), |unmanaged| unmanaged.to_string()),
            update: OsUpdate::from(&record.state),
            progress: self.os.shown().progress.filter(|_| has_length),
            checks: memory.checks,
            log: memory.log,
            checked_at: record.checked_at,
            settings: OsSettings {
                channel: record.channel,
                restart_window: memory.restart_window,
                bytes_per_second: memory.bytes_per_second,
            },
            slots,
        }
    }

    async fn os_slot(&self, held: &Held, boot: Result<&Boot, &Unmanaged>, entry: &BootEntry) -> Slot {
        let BootEntry { version, tries_left } = *entry;
        let known = held.memory.releases.get(&version).cloned().unwrap_or_default();
        let back = match boot {
            Ok(boot) => self.os_go_back(held, boot, version).await,
            Err(_) => None,
        };
        Slot {
            version,
            runs: boot.is_ok_and(|boot| boot.version == version),
            tries_left,
            installed_at: known.installed_at,
            notes: known.notes,
            declined: held.record.declined.get(&version).map(|declined| declined.reason.clone()),
            back,
        }
    }

    /// Tells whether Hearth updates the operating system.
    pub(crate) async fn is_os_managed(&self) -> bool {
        self.os.boot().await.is_ok()
    }
}
