use std::collections::BTreeMap;

use hearth_model::AppId;
use hearth_model::update::AppUpdate;
use sqlx::{Row, Sqlite, Transaction};

use crate::db::Db;
use crate::error::{Error, Result, corrupt};

/// Returns the update of every app that has one.
pub(crate) async fn all(db: &Db) -> Result<BTreeMap<AppId, AppUpdate>> {
    let rows = sqlx::query("SELECT app, record FROM app_updates").fetch_all(&db.reader).await?;
    rows.iter()
        .map(|row| {
            let app = row.get::<&str, _>("app");
            let app = app.parse().map_err(|error| Error::Internal(format!("in the database: {error}")))?;
            let record = serde_json::from_str(row.get::<&str, _>("record"))
                .map_err(|error| corrupt("an app's update", &error))?;
            Ok((app, record))
        })
        .collect()
}

/// Sets or takes away the update of an app.
pub(crate) async fn set(
    tx: &mut Transaction<'_, Sqlite>,
    app: &AppId,
    update: Option<&AppUpdate>,
) -> Result<()> {
    match update {
        None => {
            sqlx::query("DELETE FROM app_updates WHERE app = ?")
                .bind(app.as_str())
                .execute(&mut **tx)
                .await?;
        }
        Some(update) => {
            let json = serde_json::to_string(update).map_err(|error| Error::Internal(error.to_string()))?;
            sqlx::query("INSERT INTO app_updates (app, record) VALUES (?, ?) ON CONFLICT (app) DO UPDATE SET record = excluded.record")
                .bind(app.as_str())
                .bind(json)
                .execute(&mut **tx)
                .await?;
        }
    }
    Ok(())
}
