use hearth_model::desired::{Actor, GenerationInfo};
use hearth_model::{Desired, Generation};
use jiff::Timestamp;
use sqlx::{Row, Sqlite, Transaction};

use crate::db::Db;
use crate::error::{Error, Result, corrupt};

/// Generations that are kept: enough to go back a year of daily changes, bounded so that the file stays small.
const KEPT: i64 = 400;

/// Returns the generation in force; generation 0, which wants nothing, when there is none.
pub(crate) async fn current(db: &Db) -> Result<(Generation, Desired)> {
    let row = sqlx::query("SELECT generation, desired FROM generations ORDER BY generation DESC LIMIT 1")
        .fetch_optional(&db.reader)
        .await?;
    match row {
        None => Ok((Generation(0), Desired { hearth: 1, ..Desired::default() })),
        Some(row) => Ok((generation(&row), document(&row)?)),
    }
}

/// Returns one generation.
pub(crate) async fn one(db: &Db, wanted: Generation) -> Result<(GenerationInfo, Desired)> {
    let row = sqlx::query("SELECT generation, at, actor, why, desired, (SELECT MAX(generation) FROM generations) AS newest FROM generations WHERE generation = ?")
        .bind(number(wanted))
        .fetch_optional(&db.reader)
        .await?
        .ok_or(Error::NoSuchGeneration(wanted))?;
    Ok((info(&row)?, document(&row)?))
}

/// Returns all generations, newest first.
pub(crate) async fn all(db: &Db) -> Result<Vec<GenerationInfo>> {
    let rows = sqlx::query(
        "SELECT generation, at, actor, why, (SELECT MAX(generation) FROM generations) AS newest FROM generations ORDER BY generation DESC",
    )
    .fetch_all(&db.reader)
    .await?;
    rows.iter().map(info).collect()
}

/// Adds a generation; fails when its number is taken, so that two changes at once cannot both win.
pub(crate) async fn add(
    tx: &mut Transaction<'_, Sqlite>,
    generation: Generation,
    at: Timestamp,
    by: &Actor,
    why: &str,
    desired: &Desired,
) -> Result<()> {
    let actor = serde_json::to_string(by).map_err(|error| Error::Internal(error.to_string()))?;
    let document = serde_json::to_string(desired).map_err(|error| Error::Internal(error.to_string()))?;
    sqlx::query("INSERT INTO generations (generation, at, actor, why, desired) VALUES (?, ?, ?, ?, ?)")
        .bind(number(generation))
        .bind(at.to_string())
        .bind(actor)
        .bind(why)
        .bind(document)
        .execute(&mut **tx)
        .await?;
    sqlx::query("DELETE FROM generations WHERE generation <= ?")
        .bind(number(generation) - KEPT)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn number(generation: Generation) -> i64 {
    i64::try_from(generation.0).unwrap_or(i64::MAX)
}

fn generation(row: &sqlx::sqlite::SqliteRow) -> Generation {
    Generation(u64::try_from(row.get::<i64, _>("generation")).unwrap_or(0))
}

fn document(row: &sqlx::sqlite::SqliteRow) -> Result<Desired> {
    serde_json::from_str(row.get::<&str, _>("desired")).map_err(|error| corrupt("a generation", &error))
}

fn info(row: &sqlx::sqlite::SqliteRow) -> Result<GenerationInfo> {
    let at = row.get::<&str, _>("at");
    Ok(GenerationInfo {
        generation: generation(row),
        at: at
            .parse()
            .map_err(|error| Error::Internal(format!("`{at}` in the database is no time: {error}")))?,
        by: serde_json::from_str(row.get::<&str, _>("actor"))
            .map_err(|error| corrupt("a generation", &error))?,
        why: row.get("why"),
        current: row.get::<i64, _>("generation") == row.get::<i64, _>("newest"),
    })
}
