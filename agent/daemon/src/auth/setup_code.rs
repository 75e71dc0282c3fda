use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hearth_model::setup_code::{RANDOM_BYTES, SetupCode};
use sha2::{Digest as _, Sha256};

use super::Error;

/// The file in the state folder that holds the code while the box has no owner. It survives restarts, so that an address that
/// was printed with it stays good; a device finds there the code that was chosen while it was flashed.
const FILE: &str = "setup-code";
/// Wrong codes, from all addresses together, after which there is a new one. Below that somebody on the network who guesses
/// cannot take the printed one away from the owner, and has seen less than a millionth of all codes.
const WRONG_AT_MOST: u32 = 1000;

/// The set-up code of a box without an owner. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SetupCodes {
    file: PathBuf,
    current: Arc<Mutex<Option<Current>>>,
}

#[derive(Debug)]
struct Current {
    code: SetupCode,
    wrong: u32,
}

impl SetupCodes {
    /// Returns the code of a state folder; nothing is read or written yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { file: state_dir.join(FILE), current: Arc::default() }
    }

    /// Returns the code, making one up where there is none.
    pub(super) fn current(&self) -> Result<SetupCode, Error> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = &*current {
            return Ok(current.code.clone());
        }
        let code = match self.stored() {
            Some(code) => code,
            None => self.make()?,
        };
        *current = Some(Current { code: code.clone(), wrong: 0 });
        Ok(code)
    }

    /// Checks what somebody shows. Many wrong ones bring a new code.
    pub(super) fn check(&self, shown: Option<&str>) -> Result<(), Error> {
        let code = self.current()?;
        let shown = shown.filter(|shown| !shown.trim().is_empty()).ok_or(Error::SetupCodeNeeded)?;
        // Hashed, so that the time of the comparison says nothing about the code.
        let digest = |code: &SetupCode| Sha256::digest(code.to_string());
        if shown.parse().is_ok_and(|shown| digest(&shown) == digest(&code)) {
            return Ok(());
        }
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = &mut *current {
            current.wrong += 1;
            if current.wrong >= WRONG_AT_MOST {
                tracing::warn!(target: "audit", "{WRONG_AT_MOST} wrong set-up codes were tried; there is a new one");
                *current = Current { code: self.make()?, wrong: 0 };
            }
        }
        Err(Error::WrongSetupCode)
    }

    /// Forgets the code: the box has an owner.
    pub(super) fn forget(&self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match std::fs::remove_file(&self.file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(
                    "{} cannot be removed; it is of no use any more: {error}",
                    self.file.display()
                );
            }
            _ => {}
        }
    }

    fn stored(&self) -> Option<SetupCode> {
        let text = std::fs::read_to_string(&self.file).ok()?;
        let code = text.parse().ok();
        if code.is_none() {
            tracing::warn!("{} holds no set-up code; it is replaced by a new one", self.file.display());
        }
        code
    }

    fn make(&self) -> Result<SetupCode, Error> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(|error| Error::Hash(error.to_string()))?;
        let code = SetupCode::from_random(random);
        // On a full disk it lasts until the next start; the owner can still ask for it at the socket.
        if let Err(error) = self.store(&code) {
            tracing::warn!("the set-up code cannot be written to {}: {error}", self.file.display());
        }
        Ok(code)
    }

    /// Writes the file for the service's own user alone, and whole or not at all.
    fn store(&self, code: &SetupCode) -> std::io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{code}")?;
        file.persist(&self.file)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_code_lasts_until_the_box_has_an_owner() {
        let folder = tempfile::tempdir().unwrap();
        let code = SetupCodes::new(folder.path()).current().unwrap();
        let again = SetupCodes::new(folder.path());
        assert_eq!(again.current().unwrap(), code, "after a restart");
        let file = folder.path().join(FILE);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        again.check(Some(&code.to_string().to_lowercase())).unwrap();
        again.forget();
        assert!(!file.exists());
        assert_ne!(again.current().unwrap(), code, "a new owner needs a new code");
    }

    #[test]
    fn a_code_that_was_chosen_while_flashing_counts_and_nonsense_does_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "acde4679\n").unwrap();
        let codes = SetupCodes::new(folder.path());
        assert_eq!(codes.current().unwrap().to_string(), "ACDE-4679");
        std::fs::write(folder.path().join(FILE), "hearth\n").unwrap();
        let codes = SetupCodes::new(folder.path());
        assert!(codes.check(Some("hearth")).is_err());
        codes.check(Some(&codes.current().unwrap().to_string())).unwrap();
    }

    #[test]
    fn wrong_codes_bring_a_new_one_in_the_end_and_missing_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let codes = SetupCodes::new(folder.path());
        let first = codes.current().unwrap();
        for _ in 1..WRONG_AT_MOST {
            assert!(matches!(codes.check(Some("no code")), Err(Error::WrongSetupCode)));
            assert!(matches!(codes.check(Some(" ")), Err(Error::SetupCodeNeeded)));
        }
        codes.check(Some(&first.to_string())).unwrap();
        assert!(codes.check(Some("ACDE-4679")).is_err());
        assert!(codes.check(Some(&first.to_string())).is_err(), "it would be guessed one day");
        let second = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        codes.check(Some(&second)).unwrap();
    }
}
