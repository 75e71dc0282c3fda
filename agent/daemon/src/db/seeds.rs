use std::collections::BTreeMap;

use hearth_model::AppId;
use sqlx::{Row, Sqlite, Transaction};

use crate::db::Db;
use crate::error::{Error, Result};

/// Gives an app that is installed for the first time a seed of its own, and returns it. One that has a seed, or whose
/// folder or secrets are kept from before, keeps what it has: its data may be locked with it.
///
/// The release before this one reads the table as well, so that an app has the same secrets with either.
pub(crate) async fn make(tx: &mut Transaction<'_, Sqlite>, app: &AppId) -> Result<Option<String>> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random)
        .map_err(|error| Error::Internal(format!("the system gives no random numbers: {error}")))?;
    let seed = hex::encode(random);
    let made = sqlx::query(
        "INSERT INTO app_seeds (app, seed) SELECT ?1, ?2
         WHERE NOT EXISTS (SELECT 1 FROM app_seeds WHERE app = ?1)
         AND NOT EXISTS (SELECT 1 FROM app_data WHERE app = ?1)
         AND NOT EXISTS (SELECT 1 FROM app_secrets WHERE app = ?1)",
    )
    .bind(app.as_str())
    .bind(&seed)
    .execute(&mut **tx)
    .await?;
    Ok((made.rows_affected() == 1).then_some(seed))
}

/// Returns the seeds of apps that do not use the box's: those made at their install, and those brought from another box.
pub(crate) async fn all(db: &Db) -> Result<BTreeMap<AppId, String>> {
    let rows = sqlx::query("SELECT app, seed FROM app_seeds").fetch_all(&db.reader).await?;
    rows.iter()
        .map(|row| {
            let app = row
                .get::<&str, _>("app")
                .parse()
                .map_err(|error| Error::Internal(format!("in the database: {error}")))?;
            Ok((app, row.get("seed")))
        })
        .collect()
}
