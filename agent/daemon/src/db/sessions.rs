use jiff::Timestamp;
use sqlx::Row;

use crate::db::Db;
use crate::db::accounts::{self, Account};

/// A session and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredSession {
    pub(crate) account: Account,
    pub(crate) created_at_secs: i64,
    pub(crate) last_seen_at_secs: i64,
}

/// Adds a session, if the account's password is still the one of `password_hash`: a password that is changed while
/// somebody signs in with the old one leaves no session behind.
pub(crate) async fn add(
    db: &Db,
    token_hash: &[u8],
    account: i64,
    password_hash: &str,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let added = sqlx::query(
        "INSERT INTO sessions (token_hash, account, created_at, last_seen_at)
         SELECT ?, id, ?, ? FROM accounts WHERE id = ? AND password_hash = ?",
    )
    .bind(token_hash)
    .bind(now.as_second())
    .bind(now.as_second())
    .bind(account)
    .bind(password_hash)
    .execute(&db.writer)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// Removes the sessions of everybody that ended: last seen before `idle_since`, or begun before `begun_since`.
pub(crate) async fn remove_ended(db: &Db, idle_since: Timestamp, begun_since: Timestamp) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM sessions WHERE last_seen_at < ? OR created_at < ?")
        .bind(idle_since.as_second())
        .bind(begun_since.as_second())
        .execute(&db.writer)
        .await?;
    Ok(())
}

/// Returns a session, whether it ended or not.
pub(crate) async fn find(db: &Db, token_hash: &[u8]) -> sqlx::Result<Option<StoredSession>> {
    let row = sqlx::query(
        "SELECT accounts.id, username, sessions.created_at, last_seen_at
         FROM sessions JOIN accounts ON accounts.id = sessions.account WHERE token_hash = ?",
    )
    .bind(token_hash)
    .fetch_optional(&db.reader)
    .await?;
    Ok(row.map(|row| StoredSession {
        account: accounts::account(&row),
        created_at_secs: row.get("created_at"),
        last_seen_at_secs: row.get("last_seen_at"),
    }))
}

/// Records that a session was used.
pub(crate) async fn touch(db: &Db, token_hash: &[u8], now: Timestamp) -> sqlx::Result<()> {
    sqlx::query("UPDATE sessions SET last_seen_at = ? WHERE token_hash = ?")
        .bind(now.as_second())
        .bind(token_hash)
        .execute(&db.writer)
        .await?;
    Ok(())
}

/// Ends a session; one that is gone is no error.
pub(crate) async fn remove(db: &Db, token_hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM sessions WHERE token_hash = ?").bind(token_hash).execute(&db.writer).await?;
    Ok(())
}
