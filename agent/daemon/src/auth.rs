//! Who may speak to Hearth: accounts, passwords, sessions, and how often somebody may try.

/// How often somebody may try.
pub(crate) mod attempts;
/// Where a browser keeps its session.
pub(crate) mod cookie;
/// Browsers that were in before.
mod device;
/// Password rules and hashes.
mod password;
/// Who may make the first account.
mod setup_code;
/// Session tokens and how long they last.
mod token;

use std::path::Path;
use std::sync::Arc;

use hearth_model::api::session::{ChangePassword, Credentials, SetUp};
use hearth_model::form::FieldError;
use hearth_model::setup_code::SetupCode;
use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::db::{Db, accounts, identity, sessions};

use attempts::{Attempts, Key as Attempt};
use device::Device;
use password::{Lane, Passwords};

pub(crate) use crate::db::accounts::Account;
pub use hearth_gateway::Peer;
pub use setup_code::SetupCodes;
pub(crate) use token::{ABSOLUTE_LIFETIME, Key, Token};

/// Characters of a user name at most.
const MAX_USERNAME_CHARS: usize = 32;

/// A page that stays open keeps its session in use, and one that was signed out elsewhere goes silent this soon.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// What the owner does who has no set-up code.
const SETUP_CODE_WHERE: &str = "Enter the set-up code: it is on the screen of the box, where the box was flashed or started, \
    and `hearth setup-code` on the box prints it.";

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
    #[error("{SETUP_CODE_WHERE}")]
    SetupCodeNeeded,
    #[error("that is not the set-up code of this box. {SETUP_CODE_WHERE}")]
    WrongSetupCode,
    #[error(
        "a container cannot make the first account; open Hearth in a browser, or use `hearth setup` on the box"
    )]
    FromContainer,
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
    /// What its browser shows at the next sign-in, likewise.
    pub(crate) device: Option<String>,
}

/// Accounts and sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Auth {
    db: Db,
    passwords: Passwords,
    attempts: Attempts,
    codes: SetupCodes,
    device_secret: Arc<OnceCell<String>>,
}

impl Auth {
    /// Returns the accounts and sessions of a database, and the set-up code of its box.
    pub fn new(db: Db, codes: SetupCodes) -> Self {
        Self {
            db,
            passwords: Passwords::new(),
            attempts: Attempts::new(),
            codes,
            device_secret: Arc::default(),
        }
    }

    /// Tells whether the box has an owner.
    pub(crate) async fn is_set_up(&self) -> Result<bool, Error> {
        Ok(accounts::any(&self.db).await?)
    }

    /// Returns the set-up code, and has it written where the box's screen finds it; `None` once there is an owner.
    ///
    /// # Errors
    /// When the database cannot be read, or the system gives no random numbers.
    pub async fn setup_code(&self) -> anyhow::Result<Option<SetupCode>> {
        Ok(self.current_code().await?)
    }

    pub(crate) async fn current_code(&self) -> Result<Option<SetupCode>, Error> {
        if self.is_set_up().await? {
            self.codes.forget();
            return Ok(None);
        }
        self.codes.current().map(Some)
    }

    /// Makes the first owner and signs it in. Of two at the same time exactly one wins.
    pub(crate) async fn set_up(
        &self,
        peer: &Peer,
        set_up: SetUp,
        now: Timestamp,
    ) -> Result<CheckedSession, Error> {
        let SetUp { username, password, code } = set_up;
        if self.is_set_up().await? {
            return Err(Error::AlreadySetUp);
        }
        self.may_set_up(peer, code.as_deref()).await?;
        let mut problems = username_problems(&username);
        problems.extend(password::problems("password", &password, &username));
        if !problems.is_empty() {
            return Err(Error::Fields(problems));
        }
        let hash = self.passwords.hash(password).await?;
        let account =
            accounts::add_first(&self.db, &username, &hash, now).await?.ok_or(Error::AlreadySetUp)?;
        self.codes.forget();
        tracing::info!(target: "audit", user = account.user.username, %peer, "made the first owner");
        self.begin_session((account, Device::new()?), &hash, now).await
    }

    /// Whoever reaches the box's own socket has the box; everybody else shows the code.
    async fn may_set_up(&self, peer: &Peer, code: Option<&str>) -> Result<(), Error> {
        let Peer::Address(address) = peer else { return Ok(()) };
        // Apps that were kept when accounts were forgotten run before their owner has a browser open.
        if hearth_host::network::is_of_a_container(Path::new("/"), *address) {
            tracing::warn!(target: "audit", %peer, "refused a set-up by a container");
            return Err(Error::FromContainer);
        }
        let turn = self.attempts.begin(Attempt::set_up(*address)).await?;
        let checked = self.codes.check(code);
        if let Err(Error::WrongSetupCode) = checked {
            tracing::warn!(target: "audit", %peer, "refused a set-up with a wrong code");
            turn.failed();
        }
        checked
    }

    /// Signs somebody in. Waits while others under the same [key](attempts::Key) are tried.
    pub(crate) async fn sign_in(
        &self,
        peer: &Peer,
        credentials: Credentials,
        now: Timestamp,
    ) -> Result<CheckedSession, Error> {
        let Credentials { username, password, device } = credentials;
        let is_name = username_problems(&username).is_empty();
        let known = if is_name { accounts::by_username(&self.db, &username).await? } else { None };
        let device = match (&known, device) {
            (Some((account, _)), Some(shown)) => Device::read(&shown, account, self.device_secret().await?),
            _ => None,
        };
        let lane = if device.is_some() { Lane::Known } else { Lane::Stranger };
        let attempt = match (peer, &known, device) {
            (Peer::LocalUser(_), _, _) => None,
            (Peer::Address(_), Some((account, _)), Some(Device(id))) => Some(Attempt::Device(account.id, id)),
            // Names that nobody has are counted like others, so that the wait does not tell which there are.
            (Peer::Address(address), _, _) => {
                Some(Attempt::sign_in(if is_name { &username } else { "" }, *address))
            }
        };
        let turn = match attempt {
            Some(attempt) => Some(self.attempts.begin(attempt).await?),
            None => None,
        };
        // An unknown name costs the same hash as a wrong password, so that the time tells nothing.
        let right = match &known {
            Some((_, hash)) => self.passwords.verify(password, hash.clone(), lane).await?,
            None => self.passwords.verify_nothing(password).await.map(|()| false)?,
        };
        let Some((account, hash)) = known.filter(|_| right) else {
            if let Some(turn) = turn {
                turn.failed();
            }
            tracing::warn!(target: "audit", %peer, "refused a sign-in with a wrong name or password");
            return Err(Error::WrongCredentials);
        };
        if let Some(turn) = turn {
            turn.succeeded();
        }
        let device = match device {
            Some(known) => known,
            None => Device::new()?,
        };
        let session = self.begin_session((account, device), &hash, now).await?;
        let user = &session.account.user.username;
        tracing::info!(target: "audit", user, %peer, "signed in");
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
        Ok(Some(CheckedSession { account: stored.account, token, key: None, device: None }))
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
    pub(crate) async fn sign_out(&self, peer: &Peer, session: &CheckedSession) -> Result<(), Error> {
        sessions::remove(&self.db, &session.token.hash()).await?;
        tracing::info!(target: "audit", user = session.account.user.username, %peer, "signed out");
        Ok(())
    }

    /// Changes the password of a session's account and ends all its other sessions.
    pub(crate) async fn change_password(
        &self,
        peer: &Peer,
        session: &CheckedSession,
        change: ChangePassword,
    ) -> Result<(), Error> {
        let username = &session.account.user.username;
        // Only who is signed in to the account gets here: others who guess its password do not make it wait.
        let turn = self.attempts.begin(Attempt::Password(session.account.id)).await?;
        let (account, old_hash) =
            accounts::by_username(&self.db, username).await?.ok_or(Error::WrongCredentials)?;
        if !self.passwords.verify(change.current, old_hash.clone(), Lane::Known).await? {
            turn.failed();
            tracing::warn!(target: "audit", user = username, %peer, "refused a change of the password");
            return Err(Error::WrongPassword);
        }
        turn.succeeded();
        let problems = password::problems("new", &change.new, username);
        if !problems.is_empty() {
            return Err(Error::Fields(problems));
        }
        let new_hash = self.passwords.hash(change.new).await?;
        let kept = session.token.hash();
        if !accounts::change_password(&self.db, account.id, &old_hash, &new_hash, &kept).await? {
            return Err(Error::ChangedMeanwhile);
        }
        tracing::info!(target: "audit", user = username, %peer, "changed the password and signed out other sessions");
        Ok(())
    }

    async fn begin_session(
        &self,
        (account, device): (Account, Device),
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
        let device = device.to_text(&account, self.device_secret().await?);
        Ok(CheckedSession { account, token, key: Some(key), device: Some(device) })
    }

    async fn device_secret(&self) -> Result<&str, Error> {
        let secret = self.device_secret.get_or_try_init(|| identity::device_secret(&self.db)).await;
        secret.map(String::as_str).map_err(|error| Error::Hash(error.to_string()))
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
