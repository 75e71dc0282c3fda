use sqlx::Row;

use crate::db::Db;
use crate::error::Result;

/// Returns what this box is called on the engine, making it up on the first start.
///
/// Containers carry it as a label, so that two Hearths on one engine never touch one another's apps.
pub(crate) async fn box_id(db: &Db) -> Result<String> {
    kept_random(db, "id", 8).await
}

/// Returns the 64 hexadecimal digits that packages derive secrets from, making them up on the first start.
pub(crate) async fn seed(db: &Db) -> Result<String> {
    kept_random(db, "seed", 32).await
}

async fn kept_random(db: &Db, key: &str, bytes: usize) -> Result<String> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).map_err(|error| {
        crate::error::Error::Internal(format!("the system gives no random numbers: {error}"))
    })?;
    sqlx::query("INSERT INTO box (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(key)
        .bind(hex::encode(random))
        .execute(&db.writer)
        .await?;
    let row = sqlx::query("SELECT value FROM box WHERE key = ?").bind(key).fetch_one(&db.writer).await?;
    Ok(row.get("value"))
}
