use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};

/// Proves that this process is the only service on its state folder; the kernel lets go of it with the process,
/// however it ends.
#[derive(Debug)]
pub(super) struct StateLock {
    _file: File,
}

impl StateLock {
    /// Takes the lock of a state folder.
    ///
    /// # Errors
    /// Names the process that holds it.
    pub(super) fn acquire(state_dir: &Path) -> anyhow::Result<Self> {
        let path = state_dir.join("hearth.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("failed to open {}; is the state folder writable?", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let pid = pid.trim();
                let who = if pid.is_empty() { String::new() } else { format!(" (process {pid})") };
                bail!(
                    "another Hearth{who} uses the state folder {}; stop it, or choose another folder with --state-dir",
                    state_dir.display()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("failed to lock {}", path.display()));
            }
        }
        // Only for people and the message above: the lock is the kernel's, not the number, and holds on a full disk too.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateLock::acquire(folder.path()).unwrap();
        let second = StateLock::acquire(folder.path()).unwrap_err().to_string();
        assert!(second.contains(&format!("(process {})", std::process::id())), "{second}");
        drop(first);
        StateLock::acquire(folder.path()).unwrap();
    }
}
