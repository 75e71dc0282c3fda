use hearth_model::api::session::{Role, User};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::db::Db;

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its row.
    pub id: i64,
    /// Its name and role.
    pub user: User,
}

/// Returns whether there is any account.
pub(crate) async fn any(db: &Db) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM accounts)").fetch_one(&db.reader).await
}

/// Adds the first account; `None` when there is one already, even if it was added at the same instant.
pub(crate) async fn add_first(
    db: &Db,
    username: &str,
    password_hash: &str,
    now: Timestamp,
) -> sqlx::Result<Option<Account>> {
    let row = sqlx::query(
        "INSERT INTO accounts (username, role, password_hash, created_at)
         SELECT ?, 'owner', ?, ? WHERE NOT EXISTS (SELECT 1 FROM accounts)
         RETURNING id, username",
    )
    .bind(username)
    .bind(password_hash)
    .bind(now.as_second())
    .fetch_optional(&db.writer)
    .await?;
    Ok(row.map(|row| account(&row)))
}

/// Returns the account of that name, in any case, with its password hash.
pub(crate) async fn by_username(db: &Db, username: &str) -> sqlx::Result<Option<(Account, String)>> {
    let row = sqlx::query("SELECT id, username, password_hash FROM accounts WHERE username = ?")
        .bind(username)
        .fetch_optional(&db.reader)
        .await?;
    Ok(row.map(|row| (account(&row), row.get("password_hash"))))
}

/// Sets the password and signs out every session of the account but the one with `kept_token_hash`.
///
/// False when the hash is no longer `old_hash`: another change of the password came first.
pub(crate) async fn change_password(
    db: &Db,
    account: i64,
    old_hash: &str,
    new_hash: &str,
    kept_token_hash: &[u8],
) -> sqlx::Result<bool> {
    let mut tx = db.writer.begin().await?;
    let changed = sqlx::query("UPDATE accounts SET password_hash = ? WHERE id = ? AND password_hash = ?")
        .bind(new_hash)
        .bind(account)
        .bind(old_hash)
        .execute(&mut *tx)
        .await?
        .rows_affected();
    sqlx::query("DELETE FROM sessions WHERE account = ? AND token_hash <> ? AND ?")
        .bind(account)
        .bind(kept_token_hash)
        .bind(changed == 1)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(changed == 1)
}

/// Deletes every account with its sessions, and returns how many accounts there were.
pub(crate) async fn delete_all(db: &Db) -> sqlx::Result<u64> {
    Ok(sqlx::query("DELETE FROM accounts").execute(&db.writer).await?.rows_affected())
}

/// Reads the columns `id` and `username`. Every account is an owner's until there are other roles.
pub(super) fn account(row: &SqliteRow) -> Account {
    Account { id: row.get("id"), user: User { username: row.get("username"), role: Role::Owner } }
}
