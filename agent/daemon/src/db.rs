//! The database: one SQLite file. Plain SQL, one function per query, one file per group of tables.

/// People who may sign in.
pub(crate) mod accounts;
/// Copies from before the data was laid out anew.
mod copies;
/// Folders of apps that were made, and the secrets that live as long.
pub(crate) mod data;
/// What the owner wants, by generation.
pub(crate) mod generations;
/// Scripts of packages that ran.
pub(crate) mod hooks;
/// What this box is called.
pub(crate) mod identity;
/// Updates of the operating system.
pub(crate) mod os_update;
/// Packages that a generation names.
pub(crate) mod packages;
/// Seeds that apps brought from another box.
pub(crate) mod seeds;
/// Browsers that are signed in.
pub(crate) mod sessions;
/// Apps on their way to another version.
pub(crate) mod updates;

pub(crate) use copies::{copy_path, has_later_migrations, put_back};

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{Migrate, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Connection, Row};

/// Its name in the state folder.
pub(crate) const FILE: &str = "hearth.db";
/// Where sqlx records the migrations that were applied.
const MIGRATIONS_TABLE: &str = "_sqlx_migrations";
/// How long a connection waits for another process (a backup, a shell) to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers at once; more wait.
const READERS: u32 = 4;

/// The open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    /// Connections that only read, and never wait for the writer.
    pub(crate) reader: SqlitePool,
    /// The one connection that writes, so that writers queue here rather than fail as busy.
    pub(crate) writer: SqlitePool,
}

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the database {} {cause}", path.display())]
pub struct OpenError {
    path: PathBuf,
    /// What is the matter, and what to do.
    pub cause: Cause,
    #[source]
    source: sqlx::Error,
}

/// What is the matter with a database file
/// ([SQLite result codes](https://www.sqlite.org/rescode.html)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// Another process holds it.
    #[error("is locked by another process; stop what uses it and start again")]
    Locked,
    /// It may not be written.
    #[error("cannot be written; make the file and its folder writable for this user")]
    ReadOnly,
    /// There is no space left.
    #[error("cannot grow because the disk is full; free some space and start again")]
    DiskFull,
    /// It is damaged, or no database.
    #[error(
        "is damaged or is not a database; put back one of the copies named `hearth.db.before-*` beside it, or a backup"
    )]
    Damaged,
    /// The folder is missing, or may not be entered.
    #[error("cannot be opened; check that its folder is there and that this user may write in it")]
    CannotOpen,
    /// The disk does not answer.
    #[error("cannot be read or written; check the disk that it is on")]
    Io,
    /// A migration failed; the file is as it was before it.
    #[error("could not be brought up to this version of Hearth; it was left as it was")]
    Migration,
    /// Something else.
    #[error("could not be opened")]
    Other,
}

impl Cause {
    /// Returns what an error of SQLite means.
    pub fn of(error: &sqlx::Error) -> Self {
        let code = match error {
            sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<u32>().ok()),
            sqlx::Error::Io(error) => return Self::of_io(error),
            _ => None,
        };
        // The low byte is the primary result code, whatever the extended one adds.
        match code.map(|code| code & 0xff) {
            Some(5 | 6) => Cause::Locked,
            Some(8) => Cause::ReadOnly,
            Some(10) => Cause::Io,
            Some(11 | 26) => Cause::Damaged,
            Some(13) => Cause::DiskFull,
            Some(14) => Cause::CannotOpen,
            _ => Cause::Other,
        }
    }

    fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Cause::CannotOpen,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::IsADirectory => {
                Cause::ReadOnly
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Cause::DiskFull,
            _ => Cause::Io,
        }
    }
}

impl Db {
    /// Opens the database at `path`, making it when there is none, and brings it up to this version.
    ///
    /// An existing file is copied aside as `hearth.db.before-<version>` before a migration changes it.
    ///
    /// # Errors
    /// Says what is the matter with the file and what to do about it.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let failed =
            |source: sqlx::Error| OpenError { path: path.to_owned(), cause: Cause::of(&source), source };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        make_private(path).map_err(|error| failed(error.into()))?;
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
        check_integrity(&mut connection).await.map_err(|source| match Cause::of(&source) {
            Cause::Other => OpenError { path: path.to_owned(), cause: Cause::Damaged, source },
            cause => OpenError { path: path.to_owned(), cause, source },
        })?;
        let migrator = migrator();
        copy_before_migration(&mut connection, &migrator, path).await.map_err(failed)?;
        migrator.run(&mut connection).await.map_err(|error| OpenError {
            path: path.to_owned(),
            cause: Cause::Migration,
            source: error.into(),
        })?;
        connection.close().await.map_err(failed)?;

        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await;
        let reader =
            SqlitePoolOptions::new().max_connections(READERS).connect_with(options.read_only(true)).await;
        Ok(Self { reader: reader.map_err(failed)?, writer: writer.map_err(failed)? })
    }

    /// Closes every connection, so that the file is whole without its write-ahead log.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// Makes the file, when there is none, so that only this user can read it: it holds secrets of apps. SQLite gives the
/// files beside it the same rights.
fn make_private(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

/// Migrations only add: the database stays readable by the previous release, which may come back on the same data.
fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    // So migrations of a newer release are no error to this one.
    migrator.set_ignore_missing(true);
    migrator
}

/// Returns the number of the newest migration that this version knows.
pub(crate) fn newest_migration() -> i64 {
    migrator().iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Damage is found at the start, by name, rather than in the middle of a change.
async fn check_integrity(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    let verdict = sqlx::query("PRAGMA quick_check(1)").fetch_one(connection).await?;
    match verdict.try_get::<&str, _>(0)? {
        "ok" => Ok(()),
        problem => Err(sqlx::Error::Protocol(problem.to_owned())),
    }
}

async fn copy_before_migration(
    connection: &mut SqliteConnection,
    migrator: &Migrator,
    path: &Path,
) -> sqlx::Result<()> {
    connection.ensure_migrations_table(MIGRATIONS_TABLE).await?;
    let applied = connection.list_applied_migrations(MIGRATIONS_TABLE).await?;
    let Some(newest) = applied.iter().map(|migration| migration.version).max() else {
        return Ok(());
    };
    if migrator.iter().all(|migration| applied.iter().any(|done| done.version == migration.version)) {
        return Ok(());
    }
    // `VACUUM INTO` gives a whole copy with the write-ahead log folded in; it refuses a file that exists, so the
    // copy takes its name only when it is complete.
    let copy = copy_path(path, newest);
    let unfinished = with_suffix(path, ".before-unfinished");
    remove_if_present(&unfinished)?;
    sqlx::query("VACUUM INTO ?").bind(unfinished.display().to_string()).execute(connection).await?;
    std::fs::rename(&unfinished, &copy)?;
    tracing::info!("copied the database to {} before bringing it up to date", copy.display());
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove_if_present(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod statements;
#[cfg(test)]
mod tests;
