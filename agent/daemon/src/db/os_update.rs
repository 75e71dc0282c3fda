use hearth_model::os::UpdateRecord;
use hearth_os_update::{StoredState, UpdateMetadata};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{Row, SqliteConnection};

use crate::db::Db;
use crate::error::{Error, Result, corrupt};

/// Returns the state of updates of the operating system; the defaults when none is stored.
pub(crate) async fn get(db: &Db) -> Result<StoredState> {
    let row = sqlx::query("SELECT record, memory FROM os_update").fetch_optional(&db.reader).await?;
    let Some(row) = row else { return Ok(StoredState::default()) };
    let record: UpdateRecord = read(row.get("record"))?;
    let metadata: UpdateMetadata = read(row.get("memory"))?;
    Ok(StoredState { record, metadata })
}

/// Stores the state of updates.
pub(crate) async fn set(db: &Db, state: &StoredState) -> Result<()> {
    let mut connection = db.writer.acquire().await?;
    set_on(&mut connection, state).await
}

/// Stores the state of updates in a database that is not the one in use.
pub(crate) async fn set_on(connection: &mut SqliteConnection, state: &StoredState) -> Result<()> {
    sqlx::query("INSERT INTO os_update (id, record, memory) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record, memory = excluded.memory")
        .bind(write(&state.record)?)
        .bind(write(&state.metadata)?)
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
