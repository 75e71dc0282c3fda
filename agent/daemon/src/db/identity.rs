use sqlx::Row;

use crate::db::Db;
use crate::error::Result;

/// Returns what this box is called on the engine, making it up on the first start.
///
/// Containers carry it as a label, so that two Hearths on one engine never touch one another's apps.
pub(crate) async fn box_id(db: &Db) -> Result<String> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|error| {
        crate::error::Error::Internal(format!("the system gives no random numbers: {error}"))
    })?;
    sqlx::query("INSERT INTO box (key, value) VALUES ('id', ?) ON CONFLICT DO NOTHING")
        .bind(hex::encode(random))
        .execute(&db.writer)
        .await?;
    let row = sqlx::query("SELECT value FROM box WHERE key = 'id'").fetch_one(&db.writer).await?;
    Ok(row.get("value"))
}
