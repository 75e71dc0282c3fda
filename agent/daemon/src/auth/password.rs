use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use hearth_model::form::FieldError;
use tokio::sync::Semaphore;

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
    } else {
        return Vec::new();
    };
    vec![FieldError { field: field.to_owned(), label: "Password".to_owned(), problem }]
}

/// Makes and checks password hashes: Argon2id with the
/// [parameters that OWASP recommends](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id)
/// (19 MiB, two passes, one lane), which are the library's own.
#[derive(Debug, Clone)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(HASHES_AT_ONCE)) }
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
    pub(super) async fn verify(&self, password: String, hash: String) -> Result<bool, Error> {
        // What is too long to have been set is not worth hashing; its length is no secret of ours.
        if password.len() > MAX_CHARS * 4 {
            return Ok(false);
        }
        self.in_turn(move || {
            Ok(Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok())
        })
        .await
    }

    /// Takes as long as [`Passwords::verify`] and says nothing.
    pub(super) async fn verify_nothing(&self, password: String) -> Result<(), Error> {
        if password.len() <= MAX_CHARS * 4 {
            self.hash(password).await?;
        }
        Ok(())
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
        assert!(passwords.verify("correct horse".into(), hash.clone()).await.unwrap());
        assert!(!passwords.verify("battery staple".into(), hash.clone()).await.unwrap());
        assert!(!passwords.verify("x".repeat(5000), hash).await.unwrap());
        assert!(!passwords.verify("correct horse".into(), "not a hash".into()).await.unwrap());
    }

    #[test]
    fn passwords_are_judged_by_length_in_characters() {
        for (password, fine) in [
            ("", false),
            ("123456789", false),
            ("1234567890", true),
            ("zehn Ümläuté", true),
            ("administrator", false),
            ("Administrator", false),
        ] {
            assert_eq!(problems("password", password, "administrator").is_empty(), fine, "{password:?}");
        }
        assert!(problems("password", &"ü".repeat(256), "a").is_empty());
        assert!(!problems("password", &"ü".repeat(257), "a").is_empty());
    }
}
