use sqlx::{Row, Sqlite, Transaction};

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

/// Returns the address that the box had last in its own network.
pub(crate) async fn address(db: &Db) -> Result<Option<String>> {
    let row = sqlx::query("SELECT value FROM box WHERE key = 'address'").fetch_optional(&db.reader).await?;
    Ok(row.map(|row| row.get("value")))
}

/// Remembers the address that the box has in its own network.
pub(crate) async fn set_address(db: &Db, address: &str) -> Result<()> {
    sqlx::query("INSERT OR REPLACE INTO box (key, value) VALUES ('address', ?)")
        .bind(address)
        .execute(&db.writer)
        .await?;
    Ok(())
}

/// Tells whether something was noted that is done once in the life of a box.
pub(crate) async fn is_noted(db: &Db, key: &str) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM box WHERE key = ?").bind(key).fetch_optional(&db.reader).await?;
    Ok(row.is_some())
}

/// Notes that something was done that is done once in the life of a box.
pub(crate) async fn note(tx: &mut Transaction<'_, Sqlite>, key: &str) -> Result<()> {
    sqlx::query("INSERT INTO box (key, value) VALUES (?, '') ON CONFLICT DO NOTHING")
        .bind(key)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Returns the secret with which this box signs what browsers keep, making it up on the first use.
pub(crate) async fn device_secret(db: &Db) -> Result<String> {
    kept_random(db, "device secret", 32).await
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
