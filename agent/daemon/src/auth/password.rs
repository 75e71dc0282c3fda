use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use hearth_model::form::FieldError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;

/// Fewest characters ([NIST SP 800-63B](https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver): length, no
/// rules of composition).
const MIN_CHARS: usize = 10;
/// Most characters: long enough for a sentence, short enough to be no work to hash.
const MAX_CHARS: usize = 256;
/// One hash takes 19 MiB, half of what the whole service may use: they are made one after another.
const HASHES_AT_ONCE: usize = 1;

/// Returns what is wrong with a new password.
pub(super) fn problems(field: &str, password: &str, username: &str) -> Vec<FieldError> {
    let characters = password.chars().count();
    let problem = if characters < MIN_CHARS {
        format!("use at least {MIN_CHARS} characters; a few words in a row are easy to remember")
    } else if characters > MAX_CHARS {
        format!("use at most {MAX_CHARS} characters")
    } else if !username.is_empty() && password.eq_ignore_ascii_case(username) {
        "must not be the user name".to_owned()
    } else if is_common(password) {
        "is one of the passwords that are guessed first; choose one that is your own".to_owned()
    } else {
        return Vec::new();
    };
    vec![FieldError { field: field.to_owned(), label: "Password".to_owned(), problem }]
}

/// Passwords of ten characters and more that many people have, most common first, in small letters: from the list of
/// [zxcvbn](https://github.com/dropbox/zxcvbn) (MIT licence), which was counted over leaked ones.
const COMMON: &str = include_str!("common-passwords.txt");

/// Tells whether guessers try this one first; one character over and over counts as well.
fn is_common(password: &str) -> bool {
    let small = password.to_lowercase();
    let mut characters = small.chars();
    let first = characters.next();
    characters.all(|character| Some(character) == first) || COMMON.lines().any(|common| common == small)
}

/// Makes and checks password hashes: Argon2id with the
/// [parameters that OWASP recommends](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id)
/// (19 MiB, two passes, one lane), which are the library's own.
///
/// Strangers wait for one another before they wait for a turn, so a browser that was in before waits for one hash at most,
/// however many others are guessed at.
#[derive(Debug, Clone)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// Who waits for a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Somebody who was signed in before.
    Known,
    /// Anybody.
    Stranger,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let one_after_another = || Arc::new(Semaphore::new(HASHES_AT_ONCE));
        Self { turns: one_after_another(), strangers: one_after_another() }
    }

    /// Returns the hash of a password in the PHC string format.
    pub(super) async fn hash(&self, password: String) -> Result<String, Error> {
        self.in_turn(move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|error| Error::Hash(error.to_string()))
        })
        .await
    }

    /// Tells whether a password is the one of a hash.
    pub(super) async fn verify(&self, password: String, hash: String, lane: Lane) -> Result<bool, Error> {
        // What is too long to have been set is not worth hashing; its length is no secret of ours.
        if password.len() > MAX_CHARS * 4 {
            return Ok(false);
        }
        let _behind_other_strangers = match lane {
            Lane::Known => None,
            Lane::Stranger => Some(self.stranger().await?),
        };
        self.in_turn(move || {
            Ok(Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok())
        })
        .await
    }

    /// Takes as long as [`Passwords::verify`] and says nothing.
    pub(super) async fn verify_nothing(&self, password: String) -> Result<(), Error> {
        if password.len() <= MAX_CHARS * 4 {
            let _behind_other_strangers = self.stranger().await?;
            self.hash(password).await?;
        }
        Ok(())
    }

    async fn stranger(&self) -> Result<OwnedSemaphorePermit, Error> {
        let turn = Arc::clone(&self.strangers).acquire_owned().await;
        turn.map_err(|error| Error::Hash(error.to_string()))
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| Error::Hash(error.to_string()))?;
        // The turn goes into the closure: a visitor who hangs up does not let the next hash begin beside this one.
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(|error| Error::Hash(error.to_string()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_is_of_its_password_only() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse".into(), hash.clone(), Lane::Known).await.unwrap());
        assert!(!passwords.verify("battery staple".into(), hash.clone(), Lane::Stranger).await.unwrap());
        assert!(!passwords.verify("x".repeat(5000), hash, Lane::Known).await.unwrap());
        assert!(!passwords.verify("correct horse".into(), "not a hash".into(), Lane::Known).await.unwrap());
    }

    #[test]
    fn passwords_are_judged_by_length_in_characters() {
        for (password, fine) in [
            ("", false),
            ("123456789", false),
            ("1234567890", false),
            ("aaaaaaaaaaaa", false),
            ("QwertyUiop", false),
            ("1234567890x", true),
            ("zehn Ümläuté", true),
            ("administrator", false),
            ("Administrator", false),
        ] {
            assert_eq!(problems("password", password, "administrator").is_empty(), fine, "{password:?}");
        }
        assert!(problems("password", &"üb".repeat(128), "a").is_empty());
        assert!(!problems("password", &"üb".repeat(129), "a").is_empty());
    }
}
