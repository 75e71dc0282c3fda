use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;

use crate::db::{Db, accounts};

/// Whoever may write into the state folder asks with this file that accounts start anew: the image's reset of settings
/// does, and an owner who lost the password.
const WISH_FILE: &str = "forget-accounts";

/// Deletes every account, and with them every session, when the state folder asks for it. Apps and their data stay, and
/// the next person who opens the dashboard makes the owner's account.
///
/// # Errors
/// When accounts cannot be deleted, or the file cannot be removed: it would delete the next owner's account as well.
pub(super) async fn when_wished(state_dir: &Path, db: &Db) -> anyhow::Result<()> {
    let wish = state_dir.join(WISH_FILE);
    if !wish.try_exists().with_context(|| format!("failed to look for {}", wish.display()))? {
        return Ok(());
    }
    let forgotten = accounts::delete_all(db).await.context("failed to delete the accounts")?;
    match std::fs::remove_file(&wish) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| {
                format!("failed to remove {}; remove it, or accounts are forgotten again", wish.display())
            });
        }
        _ => {}
    }
    tracing::warn!("{} asked for it: {forgotten} accounts were deleted, apps and data stay", wish.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::db::sessions;

    #[tokio::test]
    async fn a_wish_deletes_accounts_with_their_sessions_once() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("hearth.db")).await.unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let ada = accounts::add_first(&db, "ada", "hash", now).await.unwrap().unwrap();
        assert!(sessions::add(&db, b"token", ada.id, "hash", now).await.unwrap());

        when_wished(folder.path(), &db).await.unwrap();
        assert!(accounts::any(&db).await.unwrap(), "nobody wished for it");

        let wish = folder.path().join(WISH_FILE);
        std::fs::write(&wish, "").unwrap();
        when_wished(folder.path(), &db).await.unwrap();
        assert!(!accounts::any(&db).await.unwrap() && !wish.exists());
        let sessions: i64 =
            sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(&db.reader).await.unwrap();
        assert_eq!(sessions, 0);

        let grace = accounts::add_first(&db, "grace", "hash", now).await.unwrap();
        when_wished(folder.path(), &db).await.unwrap();
        assert!(grace.is_some() && accounts::any(&db).await.unwrap(), "one wish counts once");
    }
}
