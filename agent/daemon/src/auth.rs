//! Who may speak to Hearth: accounts, passwords, sessions, and how often somebody may try.

/// Where a browser keeps its session.
pub(crate) mod cookie;
/// Password rules and hashes.
mod password;
/// How often somebody may try.
mod rate_limit;
/// Session tokens and how long they last.
mod token;

use hearth_model::api::session::{ChangePassword, Credentials};
use hearth_model::form::FieldError;
use jiff::Timestamp;

use crate::db::{Db, accounts, sessions};

use password::Passwords;
use rate_limit::RateLimits;

pub(crate) use crate::db::accounts::Account;
pub use rate_limit::Peer;
pub(crate) use token::{ABSOLUTE_LIFETIME, Key, Token};

/// Characters of a user name at most.
const MAX_USERNAME_CHARS: usize = 32;

/// A page that stays open keeps its session in use, and one that was signed out elsewhere goes silent this soon.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// Why somebody was not let in, or an account was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The same whether the name or the password is wrong, so that names cannot be found out.
    #[error("that user name and password do not match")]
    WrongCredentials,
    #[error("the current password is not right")]
    WrongPassword,
    #[error("too many attempts; try again in {retry_after_secs} seconds")]
    TooMany { retry_after_secs: u64 },
    #[error("this box has an owner already; sign in instead")]
    AlreadySetUp,
    #[error("some answers need your attention")]
    Fields(Vec<FieldError>),
    #[error("the password was changed somewhere else at the same moment; sign in again")]
    ChangedMeanwhile,
    #[error("the database could not be read or written")]
    Database(#[from] sqlx::Error),
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// A session whose token was checked.
#[derive(Debug, Clone)]
pub(crate) struct CheckedSession {
    pub(crate) account: Account,
    pub(crate) token: Token,
    /// Its key, at the moment when it begins: afterwards nobody but the client has it.
    pub(crate) key: Option<Key>,
}

/// Accounts and sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Auth {
    db: Db,
    passwords: Passwords,
    limits: RateLimits,
}

impl Auth {
    /// Returns the accounts and sessions of a database.
    pub fn new(db: Db) -> Self {
        Self { db, passwords: Passwords::new(), limits: RateLimits::new() }
    }

    /// Tells whether the box has an owner.
    pub(crate) async fn is_set_up(&self) -> Result<bool, Error> {
        Ok(accounts::any(&self.db).await?)
    }

    /// Makes the first owner and signs it in. Of two at the same time exactly one wins.
    pub(crate) async fn set_up(
        &self,
        peer: &Peer,
        credentials: Credentials,
        now: Timestamp,
    ) -> Result<CheckedSession, Error> {
        self.limits.check_peer(peer)?;
        if self.is_set_up().await? {
            return Err(Error::AlreadySetUp);
        }
        let mut problems = username_problems(&credentials.username);
        problems.extend(password::problems("password", &credentials.password, &credentials.username));
        if !problems.is_empty() {
            return Err(Error::Fields(problems));
        }
        let hash = self.passwords.hash(credentials.password).await?;
        let account = accounts::add_first(&self.db, &credentials.username, &hash, now)
            .await?
            .ok_or(Error::AlreadySetUp)?;
        tracing::info!(target: "audit", user = account.user.username, "made the first owner");
        self.begin_session(account, &hash, now).await
    }

    /// Signs somebody in.
    pub(crate) async fn sign_in(
        &self,
        peer: &Peer,
        credentials: Credentials,
        now: Timestamp,
    ) -> Result<CheckedSession, Error> {
        self.limits.check_peer(peer)?;
        let Credentials { username, password } = credentials;
        let known = if username_problems(&username).is_empty() {
            self.limits.check_username(&username)?;
            accounts::by_username(&self.db, &username).await?
        } else {
            None
        };
        // An unknown name costs the same hash as a wrong password, so that the time tells nothing.
        let Some((account, hash)) = known else {
            self.passwords.verify_nothing(password).await?;
            tracing::warn!(target: "audit", "refused a sign-in with an unknown name");
            return Err(Error::WrongCredentials);
        };
        if !self.passwords.verify(password, hash.clone()).await? {
            tracing::warn!(target: "audit", user = account.user.username, "refused a sign-in with a wrong password");
            return Err(Error::WrongCredentials);
        }
        let session = self.begin_session(account, &hash, now).await?;
        tracing::info!(target: "audit", user = session.account.user.username, "signed in");
        Ok(session)
    }

    /// Returns the session of a token, `None` when there is none or it ended; extends it when it was last seen a
    /// while ago.
    pub(crate) async fn session(
        &self,
        token: Token,
        now: Timestamp,
    ) -> Result<Option<CheckedSession>, Error> {
        let Some(stored) = sessions::find(&self.db, &token.hash()).await? else {
            return Ok(None);
        };
        match token::judge(stored.created_at_secs, stored.last_seen_at_secs, now) {
            token::Verdict::Ended => return Ok(None),
            token::Verdict::Fresh => {}
            token::Verdict::Extend => sessions::touch(&self.db, &token.hash(), now).await?,
        }
        Ok(Some(CheckedSession { account: stored.account, token, key: None }))
    }

    /// Resolves when a session ended meanwhile; until then it counts as in use.
    pub(crate) async fn ended(&self, session: CheckedSession) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // A database that is busy for a moment ends no session.
            if let Ok(None) = self.session(session.token.clone(), Timestamp::now()).await {
                return;
            }
        }
    }

    /// Ends a session; one that is gone is no error.
    pub(crate) async fn sign_out(&self, session: &CheckedSession) -> Result<(), Error> {
        sessions::remove(&self.db, &session.token.hash()).await?;
        tracing::info!(target: "audit", user = session.account.user.username, "signed out");
        Ok(())
    }

    /// Changes the password of a session's account and ends all its other sessions.
    pub(crate) async fn change_password(
        &self,
        session: &CheckedSession,
        change: ChangePassword,
    ) -> Result<(), Error> {
        let username = &session.account.user.username;
        self.limits.check_username(username)?;
        let (account, old_hash) =
            accounts::by_username(&self.db, username).await?.ok_or(Error::WrongCredentials)?;
        if !self.passwords.verify(change.current, old_hash.clone()).await? {
            tracing::warn!(target: "audit", user = username, "refused a change of the password");
            return Err(Error::WrongPassword);
        }
        let problems = password::problems("new", &change.new, username);
        if !problems.is_empty() {
            return Err(Error::Fields(problems));
        }
        let new_hash = self.passwords.hash(change.new).await?;
        let kept = session.token.hash();
        if !accounts::change_password(&self.db, account.id, &old_hash, &new_hash, &kept).await? {
            return Err(Error::ChangedMeanwhile);
        }
        tracing::info!(target: "audit", user = username, "changed the password and signed out other sessions");
        Ok(())
    }

    async fn begin_session(
        &self,
        account: Account,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<CheckedSession, Error> {
        let key = Key::new().map_err(|error| Error::Hash(error.to_string()))?;
        let token = key.token();
        let (idle_since, begun_since) = token::horizons(now);
        sessions::remove_ended(&self.db, idle_since, begun_since).await?;
        if !sessions::add(&self.db, &token.hash(), account.id, password_hash, now).await? {
            return Err(Error::ChangedMeanwhile);
        }
        Ok(CheckedSession { account, token, key: Some(key) })
    }
}

fn username_problems(username: &str) -> Vec<FieldError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !username.is_empty() && username.len() <= MAX_USERNAME_CHARS && username.chars().all(allowed) {
        return Vec::new();
    }
    vec![FieldError {
        field: "username".to_owned(),
        label: "User name".to_owned(),
        problem: format!("use 1 to {MAX_USERNAME_CHARS} letters, digits, `.`, `_` and `-`"),
    }]
}

#[cfg(test)]
mod tests;
