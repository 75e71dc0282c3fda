use std::path::{Path, PathBuf};

use anyhow::Context;
use hearth_os_update::StoredState;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sqlx::Connection;
use sqlx::migrate::Migrate;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};

use super::{Db, MIGRATIONS_TABLE, newest_migration, os_update, remove_if_present, with_suffix};
use crate::error::Result;

/// Returns where the copy lies that was made before migrations later than `newest` were applied.
pub(crate) fn copy_path(path: &Path, newest: i64) -> PathBuf {
    with_suffix(path, &format!(".before-{newest:04}"))
}

/// Tells whether a newer release has changed the data.
pub(crate) async fn has_later_migrations(db: &Db) -> Result<bool> {
    let mut connection = db.writer.acquire().await?;
    let applied = connection.list_applied_migrations(MIGRATIONS_TABLE).await.map_err(sqlx::Error::from)?;
    Ok(applied.iter().any(|migration| migration.version > newest_migration()))
}

/// Puts a copy in the place of the database, with the state of updates, and closes the database. What was in its
/// place is kept beside it; returns where. Cut off at any point, one of the two is in its place, whole.
///
/// # Errors
/// When the copy cannot be read or written, or the files cannot be exchanged; then the database is as it was, and closed.
pub(crate) async fn put_back(
    db: &Db,
    path: &Path,
    copy: &Path,
    state: &StoredState,
) -> anyhow::Result<PathBuf> {
    // Without a write-ahead log the copy is one file, as the database is once it is closed.
    let options = SqliteConnectOptions::new().filename(copy).journal_mode(SqliteJournalMode::Delete);
    let mut connection =
        SqliteConnection::connect_with(&options).await.context("the copy cannot be opened")?;
    super::check_integrity(&mut connection).await.context("the copy is damaged")?;
    os_update::set_on(&mut connection, state).await.context("the copy cannot be written")?;
    connection.close().await.context("the copy cannot be written")?;
    db.close().await;
    for suffix in ["-wal", "-shm"] {
        anyhow::ensure!(
            std::fs::metadata(with_suffix(path, suffix))
                .map_or(true, |file| file.len() == 0 || suffix == "-shm"),
            "another process uses the database"
        );
        remove_if_present(&with_suffix(path, suffix))
            .context("what belongs to the database cannot be removed")?;
    }
    renameat_with(CWD, copy, CWD, path, RenameFlags::EXCHANGE).context("the files cannot be exchanged")?;
    let kept = with_suffix(path, ".of-newer");
    std::fs::rename(copy, &kept).context("the newer data cannot be renamed")?;
    Ok(kept)
}
