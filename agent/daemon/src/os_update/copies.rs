//! Copies of Hearth's own data from before a release changed how it is laid out ([`crate::db`] makes them). Migrations only
//! add, so an older release can do without the copy; it has the data exactly as it left it when it takes it.

use std::path::{Path, PathBuf};

use hearth_model::api::os::GoBack;
use hearth_model::os::{Boot, ReleaseVersion, UpdateState};
use hearth_planner::os_update::{Event, next};
use jiff::Timestamp;

use super::{Held, OsUpdates};
use crate::db::{self, Db};
use crate::error::Result;
use crate::hearth::Hearth;

/// Changes that are named one by one when going back would lose them.
const NAMED: usize = 10;

/// Puts the data back to the copy that this release left behind, when the box came back from a release that changed it, or
/// its owner went back and wants so. Returns whether the database was closed for that, and has to be opened again.
///
/// # Errors
/// When the database cannot be read. A copy that cannot be put back is logged and left: the data stays readable.
pub(crate) async fn put_back_if_due(updates: &OsUpdates, db: &Db, path: &Path) -> Result<bool> {
    let Ok(boot) = updates.boot().await else { return Ok(false) };
    let Held { record, mut memory } = updates.held();
    let came_back = came_back(&record.state, &boot, |event| {
        next(&record, &boot, event, Timestamp::now()).map(|record| record.state).unwrap_or_default()
    });
    let is_wished = memory.put_back == Some(boot.version);
    let is_due = is_wished || came_back && db::has_later_migrations(db).await?;
    let copy = db::copy_path(path, db::newest_migration());
    if !is_due || !copy.is_file() {
        return Ok(false);
    }
    memory.put_back = None;
    match db::put_back(db, path, &copy, &record, &memory).await {
        Ok(kept) => {
            tracing::info!(
                "the data is as it was before the newer release changed it; its data is kept as {}",
                kept.display()
            );
            Ok(true)
        }
        Err(error) => {
            tracing::error!("the copy {} could not be put back: {error:#}", copy.display());
            Ok(true)
        }
    }
}

/// Tells whether this start is the one with which the box came back by itself.
fn came_back(state: &UpdateState, boot: &Boot, next: impl FnOnce(Event) -> UpdateState) -> bool {
    if boot.on_trial || matches!(state, UpdateState::WentBack { .. }) {
        return false;
    }
    matches!(next(Event::Started), UpdateState::WentBack { .. })
}

impl Hearth {
    /// Says what going back to a release takes; `None` when the owner cannot.
    pub(super) async fn os_go_back(
        &self,
        held: &Held,
        boot: &Boot,
        version: ReleaseVersion,
    ) -> Option<GoBack> {
        next(&held.record, boot, Event::BackWanted(version), Timestamp::now()).ok()?;
        let Some((_, copy_of)) = self.os_copy(held, version) else {
            return Some(GoBack { copy_of: None, loses: Vec::new() });
        };
        let since = db::generations::all(&self.db).await.unwrap_or_default();
        let since: Vec<String> = since
            .into_iter()
            .filter(|change| change.at > copy_of)
            .map(|change| format!("{}, {}", change.why, change.at.strftime("%Y-%m-%d %H:%M UTC")))
            .collect();
        Some(GoBack { copy_of: Some(copy_of), loses: in_sentences(&since) })
    }

    /// Returns the copy that a release left behind, and when it was made, when the data was laid out anew since.
    pub(super) fn os_copy(&self, held: &Held, version: ReleaseVersion) -> Option<(PathBuf, Timestamp)> {
        let schema = held.memory.releases.get(&version)?.schema?;
        if schema >= db::newest_migration() {
            return None;
        }
        let path = db::copy_path(&self.options.state_dir.join(db::FILE), schema);
        let made = std::fs::metadata(&path).ok()?.modified().ok()?;
        Some((path, Timestamp::try_from(made).ok()?))
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
    use crate::hearth::Options;
    use crate::os_update::memory::Memory;

    #[test]
    fn few_changes_are_named_and_many_counted() {
        let changes: Vec<String> = (0..12).map(|number| format!("Change {number}")).collect();
        assert_eq!(in_sentences(&changes[..2]), ["Change 0", "Change 1"]);
        assert_eq!(in_sentences(&changes)[NAMED..], ["2 more changes."]);
    }

    /// A box on release 1.0.1 whose data release 1.0.2 has changed, with the copy from before that.
    async fn changed_box(folder: &Path, state: UpdateState, wished: Option<ReleaseVersion>) -> (Options, Db) {
        let options = Options {
            state_dir: folder.to_owned(),
            docker_socket: folder.join("no-engine.sock"),
            stores: Vec::new(),
            timing: hearth_planner::Timing::default(),
            os_root: folder.to_owned(),
        };
        std::fs::create_dir_all(folder.join("etc")).unwrap();
        std::fs::create_dir_all(folder.join("usr/share/hearth/releases")).unwrap();
        let os = "IMAGE_ID=hearth\nIMAGE_VERSION=1.0.1\nVARIANT_ID=x86-64\n";
        std::fs::write(folder.join("etc/os-release"), os).unwrap();
        std::fs::write(folder.join("usr/share/hearth/releases/root.json"), "{}").unwrap();
        let path = folder.join(db::FILE);
        let db = Db::open(&path).await.unwrap();
        let copy = db::copy_path(&path, db::newest_migration());
        sqlx::query("VACUUM INTO ?").bind(copy.display().to_string()).execute(&db.writer).await.unwrap();
        sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
            .execute(&db.writer)
            .await
            .unwrap();
        let record = hearth_model::os::UpdateRecord { state, ..Default::default() };
        let memory = Memory { put_back: wished, ..Default::default() };
        db::os_update::set(&db, &record, &memory).await.unwrap();
        (options, db)
    }

    fn tried() -> UpdateState {
        UpdateState::Trying { version: ReleaseVersion::new(1, 0, 2), since: Timestamp::UNIX_EPOCH }
    }

    #[tokio::test]
    async fn the_data_of_a_release_that_was_not_kept_goes_with_it_and_the_reason_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (options, db) = changed_box(folder.path(), tried(), None).await;
        let updates = OsUpdates::open(&options, &db).await.unwrap();
        let path = folder.path().join(db::FILE);
        assert!(put_back_if_due(&updates, &db, &path).await.unwrap());
        let db = Db::open(&path).await.unwrap();
        assert!(!db::has_later_migrations(&db).await.unwrap());
        assert_eq!(db::os_update::get(&db).await.unwrap().0.state, tried());
        // The next start has nothing to do.
        let updates = OsUpdates::open(&options, &db).await.unwrap();
        assert!(!put_back_if_due(&updates, &db, &path).await.unwrap());
    }

    #[tokio::test]
    async fn an_owner_who_goes_back_keeps_the_data_unless_they_want_the_copy() {
        let going = UpdateState::GoingBack { to: ReleaseVersion::new(1, 0, 1) };
        for (wished, put_back) in [(None, false), (Some(ReleaseVersion::new(1, 0, 1)), true)] {
            let folder = tempfile::tempdir().unwrap();
            let (options, db) = changed_box(folder.path(), going.clone(), wished).await;
            let updates = OsUpdates::open(&options, &db).await.unwrap();
            let path = folder.path().join(db::FILE);
            assert_eq!(put_back_if_due(&updates, &db, &path).await.unwrap(), put_back);
            let db = if put_back { Db::open(&path).await.unwrap() } else { db };
            assert_eq!(db::has_later_migrations(&db).await.unwrap(), !put_back);
        }
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
