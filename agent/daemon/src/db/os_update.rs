use hearth_model::os::UpdateRecord;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{Row, SqliteConnection};

use crate::db::Db;
use crate::error::{Error, Result, corrupt};
use crate::os_update::memory::Memory;

/// Returns what is remembered of updates of the operating system; the defaults when nothing is.
pub(crate) async fn get(db: &Db) -> Result<(UpdateRecord, Memory)> {
    let row = sqlx::query("SELECT record, memory FROM os_update").fetch_optional(&db.reader).await?;
    let Some(row) = row else { return Ok(Default::default()) };
    Ok((read(row.get("record"))?, read(row.get("memory"))?))
}

/// Remembers all of it.
pub(crate) async fn set(db: &Db, record: &UpdateRecord, memory: &Memory) -> Result<()> {
    let mut connection = db.writer.acquire().await?;
    set_on(&mut connection, record, memory).await
}

/// Remembers all of it in a database that is not the one in use.
pub(crate) async fn set_on(
    connection: &mut SqliteConnection,
    record: &UpdateRecord,
    memory: &Memory,
) -> Result<()> {
    sqlx::query("INSERT INTO os_update (id, record, memory) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record, memory = excluded.memory")
        .bind(write(record)?)
        .bind(write(memory)?)
        .execute(connection)
        .await?;
    Ok(())
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| corrupt("what is remembered of updates", &error))
}

fn write(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))
}
