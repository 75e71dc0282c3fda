use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hearth_model::desired::{GenerationInfo, Run};
use hearth_model::observed::EngineState;
use hearth_model::{AppId, AppStatus};
use hearth_os_update::{HealthProbe, PutBack, Store, StoredState, UpdatePaths, due_put_back};
use jiff::tz::TimeZone;

use crate::db::{self, Db};
use crate::error::{Error, Result};
use crate::hearth::{Hearth, Options};
use crate::serve::ADDRESS_FILE;

impl Options {
    /// Returns the files and folders that updates of the operating system use.
    pub(crate) fn update_paths(&self) -> UpdatePaths {
        UpdatePaths::new(&self.os_root, &self.state_dir)
    }
}

/// The database, as updates use it.
pub(crate) struct DbStore {
    db: Db,
    path: PathBuf,
}

impl DbStore {
    pub(crate) fn shared(options: &Options, db: &Db) -> Arc<dyn Store> {
        Arc::new(Self { db: db.clone(), path: options.state_dir.join(db::FILE) })
    }
}

impl Store for DbStore {
    fn load(&self) -> BoxFuture<'_, hearth_os_update::Result<StoredState>> {
        db::os_update::get(&self.db).map(|result| result.map_err(stored)).boxed()
    }

    fn save<'a>(&'a self, state: &'a StoredState) -> BoxFuture<'a, hearth_os_update::Result<()>> {
        db::os_update::set(&self.db, state).map(|result| result.map_err(stored)).boxed()
    }

    fn schema(&self) -> i64 {
        db::newest_migration()
    }

    fn copy_path(&self, schema: i64) -> PathBuf {
        db::copy_path(&self.path, schema)
    }

    fn has_later_migrations(&self) -> BoxFuture<'_, hearth_os_update::Result<bool>> {
        db::has_later_migrations(&self.db).map(|result| result.map_err(stored)).boxed()
    }

    fn changes(&self) -> BoxFuture<'_, hearth_os_update::Result<Vec<GenerationInfo>>> {
        db::generations::all(&self.db).map(|result| result.map_err(stored)).boxed()
    }
}

fn stored(error: Error) -> hearth_os_update::Error {
    hearth_os_update::Error::Store(Box::new(error))
}

impl From<hearth_os_update::Error> for Error {
    fn from(error: hearth_os_update::Error) -> Self {
        match error {
            hearth_os_update::Error::Conflict(text) => Self::Conflict(text),
            hearth_os_update::Error::Refused(text) => Self::Refused(text),
            hearth_os_update::Error::Internal(text) => Self::Internal(text),
            hearth_os_update::Error::Store(error) => match error.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::Internal(other.to_string()),
            },
        }
    }
}

/// Puts the data back to the copy that this release left behind, when the box came back from a release that changed it, or
/// its owner went back and asked for it. Returns whether the database was closed for that, and has to be opened again.
///
/// # Errors
/// When the database cannot be read. A copy that cannot be put back is logged and left: the data stays readable.
pub(crate) async fn put_back_if_due(options: &Options, db: &Db) -> Result<bool> {
    let due = due_put_back(&options.update_paths(), &*DbStore::shared(options, db)).await?;
    let Some(PutBack { copy, state }) = due else { return Ok(false) };
    match db::put_back(db, &options.state_dir.join(db::FILE), &copy, &state).await {
        Ok(kept) => tracing::info!(
            "the data is as it was before the newer release changed it; its data is kept as {}",
            kept.display()
        ),
        Err(error) => tracing::error!("the copy {} could not be put back: {error:#}", copy.display()),
    }
    Ok(true)
}

/// The core, as a release on trial is judged by it.
pub(crate) struct Probe(Hearth);

impl Probe {
    pub(crate) fn of(hearth: Hearth) -> Self {
        Self(hearth)
    }
}

impl HealthProbe for Probe {
    fn engine_state(&self) -> EngineState {
        self.0.engine_state()
    }

    fn apps(&self) -> Arc<BTreeMap<AppId, AppStatus>> {
        self.0.published.borrow().apps.clone()
    }

    fn wanted_apps(&self) -> BoxFuture<'_, BTreeMap<AppId, String>> {
        async {
            let desired = self.0.in_force().desired;
            let known = self.0.apps().await;
            let wanted = desired.apps.iter().filter(|(_, app)| matches!(app.run, Run::Running));
            let name = |id: &AppId| known.iter().find(|app| app.id == *id).map(|app| app.name.clone());
            wanted.map(|(id, _)| (id.clone(), name(id).unwrap_or_else(|| id.to_string()))).collect()
        }
        .boxed()
    }

    fn address_file(&self) -> PathBuf {
        self.0.options.state_dir.join(ADDRESS_FILE)
    }

    fn time_zone(&self) -> TimeZone {
        let surroundings = self.0.surroundings(&self.0.in_force().desired);
        TimeZone::get(&surroundings.time_zone.name).unwrap_or(TimeZone::UTC)
    }

    fn seed(&self) -> String {
        self.0.seeds.read().unwrap_or_else(std::sync::PoisonError::into_inner).of_box().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hearth_model::os::{ReleaseVersion, UpdateState};
    use jiff::Timestamp;

    use super::*;

    /// A box on release 1.0.1 whose data release 1.0.2 has changed, with the copy from before that.
    async fn changed_box(
        folder: &Path,
        state: UpdateState,
        requested: Option<ReleaseVersion>,
    ) -> (Options, Db) {
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
        let mut stored = StoredState::default();
        stored.record.state = state;
        stored.metadata.put_back = requested;
        db::os_update::set(&db, &stored).await.unwrap();
        (options, db)
    }

    fn tried() -> UpdateState {
        UpdateState::Trying { version: ReleaseVersion::new(1, 0, 2), since: Timestamp::UNIX_EPOCH }
    }

    #[tokio::test]
    async fn the_data_of_a_release_that_was_not_kept_goes_with_it_and_the_reason_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (options, db) = changed_box(folder.path(), tried(), None).await;
        assert!(put_back_if_due(&options, &db).await.unwrap());
        let db = Db::open(&folder.path().join(db::FILE)).await.unwrap();
        assert!(!db::has_later_migrations(&db).await.unwrap());
        assert_eq!(db::os_update::get(&db).await.unwrap().record.state, tried());
        // The next start has nothing to do.
        assert!(!put_back_if_due(&options, &db).await.unwrap());
    }

    #[tokio::test]
    async fn an_owner_who_goes_back_keeps_the_data_unless_they_want_the_copy() {
        let going = UpdateState::GoingBack { to: ReleaseVersion::new(1, 0, 1) };
        for (requested, put_back) in [(None, false), (Some(ReleaseVersion::new(1, 0, 1)), true)] {
            let folder = tempfile::tempdir().unwrap();
            let (options, db) = changed_box(folder.path(), going.clone(), requested).await;
            assert_eq!(put_back_if_due(&options, &db).await.unwrap(), put_back);
            let db = if put_back { Db::open(&folder.path().join(db::FILE)).await.unwrap() } else { db };
            assert_eq!(db::has_later_migrations(&db).await.unwrap(), !put_back);
        }
    }
}
