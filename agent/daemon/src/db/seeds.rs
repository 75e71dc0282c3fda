use std::collections::BTreeMap;

use hearth_model::AppId;
use sqlx::Row;

use crate::db::Db;
use crate::error::{Error, Result};

/// Returns the seeds that apps brought from another box.
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
