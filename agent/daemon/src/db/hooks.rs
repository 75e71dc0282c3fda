use std::collections::BTreeMap;

use hearth_model::{AppId, Digest, Hook};
use sqlx::Row;

use crate::db::Db;
use crate::error::{Error, Result};

/// Returns for which package each hook of each app ran last.
pub(crate) async fn all(db: &Db) -> Result<BTreeMap<AppId, BTreeMap<Hook, Digest>>> {
    let rows = sqlx::query("SELECT app, hook, package FROM app_hooks").fetch_all(&db.reader).await?;
    let mut done: BTreeMap<AppId, BTreeMap<Hook, Digest>> = BTreeMap::new();
    for row in rows {
        let wrong = |error: String| Error::Internal(format!("in the database: {error}"));
        let app = row.get::<&str, _>("app").parse().map_err(|error| wrong(format!("{error}")))?;
        let package = row.get::<&str, _>("package").parse().map_err(|error| wrong(format!("{error}")))?;
        // A hook that this version does not know is of no use to it.
        if let Some(hook) = Hook::of_name(row.get("hook")) {
            done.entry(app).or_default().insert(hook, package);
        }
    }
    Ok(done)
}

/// Records that a hook of an app ran.
pub(crate) async fn set(db: &Db, app: &AppId, hook: Hook, package: &Digest) -> Result<()> {
    sqlx::query(
        "INSERT INTO app_hooks (app, hook, package) VALUES (?, ?, ?) \
         ON CONFLICT (app, hook) DO UPDATE SET package = excluded.package",
    )
    .bind(app.as_str())
    .bind(hook.name())
    .bind(package.to_string())
    .execute(&db.writer)
    .await?;
    Ok(())
}
