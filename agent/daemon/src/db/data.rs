use std::collections::{BTreeMap, BTreeSet};

use hearth_model::{AppId, Digest, Hook};
use jiff::Timestamp;
use sqlx::Row;

use crate::db::Db;
use crate::error::{Error, Result};

/// Returns the apps whose folder was made once and not deleted since.
pub(crate) async fn created(db: &Db) -> Result<BTreeSet<AppId>> {
    let rows = sqlx::query("SELECT app FROM app_data").fetch_all(&db.reader).await?;
    rows.iter()
        .map(|row| {
            row.get::<&str, _>("app")
                .parse()
                .map_err(|error| Error::Internal(format!("in the database: {error}")))
        })
        .collect()
}

/// Records that an app's folder was made.
pub(crate) async fn set_created(db: &Db, app: &AppId, at: Timestamp) -> Result<()> {
    sqlx::query("INSERT INTO app_data (app, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(app.as_str())
        .bind(at.to_string())
        .execute(&db.writer)
        .await?;
    Ok(())
}

/// Forgets an app's folder and the secrets that went with it: it was deleted, or its owner starts afresh.
pub(crate) async fn forget(db: &Db, app: &AppId) -> Result<()> {
    let mut tx = db.writer.begin().await?;
    sqlx::query("DELETE FROM app_data WHERE app = ?").bind(app.as_str()).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM app_hooks WHERE app = ?").bind(app.as_str()).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM app_secrets WHERE app = ?").bind(app.as_str()).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM app_seeds WHERE app = ?").bind(app.as_str()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Records a folder that came from another box, with the seed that its secrets were derived from there. It was installed
/// there, so the hooks of an install have run for its package.
pub(crate) async fn set_brought(
    db: &Db,
    app: &AppId,
    seed: &str,
    package: &Digest,
    at: Timestamp,
) -> Result<()> {
    let mut tx = db.writer.begin().await?;
    sqlx::query("INSERT OR REPLACE INTO app_data (app, created_at) VALUES (?, ?)")
        .bind(app.as_str())
        .bind(at.to_string())
        .execute(&mut *tx)
        .await?;
    sqlx::query("INSERT OR REPLACE INTO app_seeds (app, seed) VALUES (?, ?)")
        .bind(app.as_str())
        .bind(seed)
        .execute(&mut *tx)
        .await?;
    for hook in [Hook::PreInstall, Hook::PostInstall, Hook::PostUpdate] {
        sqlx::query("INSERT OR REPLACE INTO app_hooks (app, hook, package) VALUES (?, ?, ?)")
            .bind(app.as_str())
            .bind(hook.name())
            .bind(package.as_str())
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Returns the secrets that Hearth made for an app.
pub(crate) async fn secrets(db: &Db, app: &AppId) -> Result<BTreeMap<String, String>> {
    let rows = sqlx::query("SELECT name, value FROM app_secrets WHERE app = ?")
        .bind(app.as_str())
        .fetch_all(&db.reader)
        .await?;
    Ok(rows.iter().map(|row| (row.get("name"), row.get("value"))).collect())
}

/// Adds secrets, all or none; one that is there already stays, since data may be locked with it.
pub(crate) async fn add_secrets(db: &Db, app: &AppId, secrets: &BTreeMap<String, String>) -> Result<()> {
    let mut all = db.writer.begin().await?;
    for (name, value) in secrets {
        sqlx::query("INSERT INTO app_secrets (app, name, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(app.as_str())
            .bind(name)
            .bind(value)
            .execute(&mut *all)
            .await?;
    }
    all.commit().await?;
    Ok(())
}
