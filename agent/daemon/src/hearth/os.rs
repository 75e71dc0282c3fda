use std::path::Path;

use hearth_model::api::os::{OsSettings, OsStatus, OsUpdate, Slot};
use hearth_model::os::{BootEntry, UpdateState};

use crate::hearth::Hearth;

impl Hearth {
    /// Returns which operating system runs and who updates it.
    pub async fn os(&self) -> OsStatus {
        let look = || hearth_host::os::observe(Path::new("/"));
        let seen = tokio::task::spawn_blocking(look).await.unwrap_or_else(|_| hearth_host::os::Os {
            name: "Linux".to_owned(),
            image_version: None,
            entries: Vec::new(),
        });
        let note = match seen.image_version {
            Some(_) => {
                "This is Hearth's own system. This version of Hearth cannot install a newer release of it from here."
            }
            None => {
                "Hearth did not install the operating system of this box and does not update it: keep it up to date with its own \
                 tools. Your apps are updated here as everywhere."
            }
        };
        let runs = seen.image_version;
        let slot = |entry: &BootEntry| Slot {
            version: entry.version,
            runs: Some(entry.version) == runs,
            tries_left: entry.tries_left,
            installed_at: None,
            notes: String::new(),
            declined: None,
            back: None,
        };
        OsStatus {
            name: seen.name,
            version: seen.image_version,
            managed: false,
            note: note.to_owned(),
            update: OsUpdate::from(&UpdateState::Idle),
            progress: None,
            checks: Vec::new(),
            log: Vec::new(),
            checked_at: None,
            settings: OsSettings::default(),
            slots: seen.entries.iter().map(slot).collect(),
        }
    }
}
