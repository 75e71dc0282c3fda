use std::collections::BTreeMap;

use hearth_model::api::os::{HealthCheck, RestartWindow};
use hearth_model::os::{Release, ReleaseVersion};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::restart::PreRebootSnapshot;

/// Releases that are remembered: those in slots, and some of before.
const MOST_RELEASES: usize = 12;

/// What the box remembers of updates besides their state. Fields may be added, because an older release ignores them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateMetadata {
    /// When an installed release may restart the box by itself.
    pub restart_window: Option<RestartWindow>,
    /// Most bytes a second that a download takes.
    pub bytes_per_second: Option<u64>,
    /// Where the owner says that the channel is; `None`: where the image says.
    pub from: Option<String>,
    /// When the channel was asked last, whatever came of it, UTC.
    pub tried_at: Option<Timestamp>,
    /// How the box was before its last restart.
    pub before: Option<PreRebootSnapshot>,
    /// The release that is to put the data back to the copy that it left behind, because its owner goes back to it.
    pub put_back: Option<ReleaseVersion>,
    /// What is known of releases.
    pub releases: BTreeMap<ReleaseVersion, KnownRelease>,
    /// What was looked at while the newest release was on trial.
    pub checks: Vec<HealthCheck>,
    /// Lines of the log that show why a release was not kept.
    pub log: Vec<String>,
}

/// What is known of a release.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownRelease {
    /// When this box installed it, UTC; `None` for the one that it was flashed with.
    pub installed_at: Option<Timestamp>,
    /// What was new in it, in Markdown.
    pub notes: String,
    /// The newest migration of the database that it knows; `None` as long as it never ran.
    pub schema: Option<i64>,
}

impl UpdateMetadata {
    /// Notes what a release says of itself.
    pub(crate) fn learn(&mut self, release: &Release) {
        self.releases.entry(release.version).or_default().notes.clone_from(&release.notes);
        while self.releases.len() > MOST_RELEASES {
            self.releases.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_releases_are_forgotten() {
        let mut memory = UpdateMetadata::default();
        for patch in 0..30 {
            memory.learn(&Release {
                version: ReleaseVersion::new(1, 0, patch),
                digest: String::new(),
                released_at: Timestamp::UNIX_EPOCH,
                notes: format!("note {patch}"),
                size_bytes: 1,
            });
        }
        assert_eq!(memory.releases.len(), MOST_RELEASES);
        assert_eq!(memory.releases[&ReleaseVersion::new(1, 0, 29)].notes, "note 29");
    }

    #[test]
    fn what_an_older_release_wrote_is_read() {
        assert_eq!(serde_json::from_str::<UpdateMetadata>("{}").unwrap(), UpdateMetadata::default());
        let newer = r#"{"tried_at":null,"later":1}"#;
        assert_eq!(serde_json::from_str::<UpdateMetadata>(newer).unwrap(), UpdateMetadata::default());
    }
}
