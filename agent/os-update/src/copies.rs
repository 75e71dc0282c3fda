//! Copies of Hearth's own data from before a release changed how it is laid out. Migrations only add, so an older release can
//! do without the copy; it has the data exactly as it left it when it takes it.

use std::path::PathBuf;

use hearth_model::api::os::GoBack;
use hearth_model::os::{Boot, ReleaseVersion, UpdateState};
use hearth_planner::os_update::{Event, next};
use jiff::Timestamp;

use crate::{OsUpdates, Result, Store, StoredState, UpdatePaths};

/// Changes that are named one by one when going back would lose them.
const NAMED: usize = 10;

/// The data that has to take the place of the present one before anything uses it.
#[derive(Debug, Clone, PartialEq)]
pub struct PutBack {
    /// The copy of the database.
    pub copy: PathBuf,
    /// The state of updates to store in it, which must not go back with the rest.
    pub state: StoredState,
}

/// Returns the copy that the running release left behind, when the data has to be put back to it: because the box came back
/// from a release that changed the data, or because its owner went back and asked for the copy.
///
/// # Errors
/// When the store cannot be read.
pub async fn due_put_back(paths: &UpdatePaths, store: &dyn Store) -> Result<Option<PutBack>> {
    let Ok(boot) = paths.boot().await else { return Ok(None) };
    let StoredState { record, mut metadata } = store.load().await?;
    let came_back = came_back(&record.state, &boot, |event| {
        next(&record, &boot, event, Timestamp::now()).map(|record| record.state).unwrap_or_default()
    });
    let is_requested = metadata.put_back == Some(boot.version);
    let is_due = is_requested || came_back && store.has_later_migrations().await?;
    let copy = store.copy_path(store.schema());
    if !is_due || !copy.is_file() {
        return Ok(None);
    }
    metadata.put_back = None;
    Ok(Some(PutBack { copy, state: StoredState { record, metadata } }))
}

/// Tells whether this start is the one with which the box came back by itself.
fn came_back(state: &UpdateState, boot: &Boot, next: impl FnOnce(Event) -> UpdateState) -> bool {
    if boot.on_trial || matches!(state, UpdateState::WentBack { .. }) {
        return false;
    }
    matches!(next(Event::Started), UpdateState::WentBack { .. })
}

impl OsUpdates {
    /// Says what going back to a release takes; `None` when the owner cannot.
    pub(crate) async fn way_back(
        &self,
        stored: &StoredState,
        boot: &Boot,
        version: ReleaseVersion,
    ) -> Option<GoBack> {
        next(&stored.record, boot, Event::BackWanted(version), Timestamp::now()).ok()?;
        let Some(copy_of) = self.copy_of(stored, version) else {
            return Some(GoBack { copy_of: None, loses: Vec::new() });
        };
        let since = self.store.changes().await.unwrap_or_default();
        let since: Vec<String> = since
            .into_iter()
            .filter(|change| change.at > copy_of)
            .map(|change| format!("{}, {}", change.why, change.at.strftime("%Y-%m-%d %H:%M UTC")))
            .collect();
        Some(GoBack { copy_of: Some(copy_of), loses: in_sentences(&since) })
    }

    /// Returns when the copy was made that a release left behind, if the data was laid out anew since.
    pub(crate) fn copy_of(&self, stored: &StoredState, version: ReleaseVersion) -> Option<Timestamp> {
        let schema = stored.metadata.releases.get(&version)?.schema?;
        if schema >= self.store.schema() {
            return None;
        }
        let made = std::fs::metadata(self.store.copy_path(schema)).ok()?.modified().ok()?;
        Timestamp::try_from(made).ok()
    }
}

fn in_sentences(changes: &[String]) -> Vec<String> {
    let mut sentences: Vec<String> = changes.iter().take(NAMED).cloned().collect();
    match changes.len().saturating_sub(NAMED) {
        0 => {}
        1 => sentences.push("One more change.".to_owned()),
        more => sentences.push(format!("{more} more changes.")),
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_changes_are_named_and_many_counted() {
        let changes: Vec<String> = (0..12).map(|number| format!("Change {number}")).collect();
        assert_eq!(in_sentences(&changes[..2]), ["Change 0", "Change 1"]);
        assert_eq!(in_sentences(&changes)[NAMED..], ["2 more changes."]);
    }

    #[test]
    fn only_the_first_start_after_a_trial_is_the_one_that_came_back() {
        let version = ReleaseVersion::new(1, 0, 1);
        let boot = Boot { id: "b".to_owned(), version, on_trial: false, entries: Vec::new() };
        let tried = ReleaseVersion::new(1, 0, 2);
        let state = UpdateState::Trying { version: tried, since: Timestamp::UNIX_EPOCH };
        let gone =
            |_| UpdateState::WentBack { from: tried, reason: String::new(), at: Timestamp::UNIX_EPOCH };
        assert!(came_back(&state, &boot, gone));
        assert!(!came_back(&gone(Event::Started), &boot, gone));
        assert!(!came_back(&UpdateState::Idle, &boot, |_| UpdateState::Idle));
        assert!(!came_back(&state, &Boot { on_trial: true, ..boot }, gone));
    }
}
