//! Whether a channel can be trusted: [TUF](https://theupdateframework.github.io/specification/latest/), by `tough`.
//!
//! The root of trust comes with the image. What a channel said last is kept in a folder, so that an older copy of it is
//! found out; the folder changes only when everything of an answer was verified, and as a whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use futures_util::stream;
use hearth_model::os::{Channel, Release};
use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use tough::error::Error as Tuf;
use tough::{
    Bytes, Limits, Repository, RepositoryLoader, TargetName, Transport, TransportError, TransportErrorKind,
    TransportStream, async_trait,
};

use crate::index::{self, Chunk};
use crate::release::{Description, MAX_DESCRIPTION_BYTES, Pointer, description_name, pointer_name};
use crate::source::Source;
use crate::{Error, Result};

/// Largest metadata file, in bytes; a list of thousands of releases stays below it.
const MAX_METADATA_BYTES: u64 = 4 * 1024 * 1024;
/// Changes of root keys that are followed at once.
const MAX_ROOT_UPDATES: u64 = 64;
/// Where `tough` remembers the latest time that it has seen. A clock that is earlier is refused.
const KNOWN_TIME: &str = "latest_known_time.json";
/// A base that is never asked: only the path behind it counts.
const BASE: &str = "http://channel.invalid/";

/// How a box trusts.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The root metadata that came with the image.
    pub root: Vec<u8>,
    /// Folder for what the channel said last; made when it is missing.
    pub memory: PathBuf,
    /// Kind of this box: the name of a folder of `hardware/`.
    pub board: String,
    /// When the image was built. A clock that is earlier is wrong, and would have metadata believed that expired since: a
    /// neighbour who answers for the time server sets it so.
    pub built_at: Timestamp,
}

/// A channel that was verified.
#[derive(Debug)]
pub struct Verified {
    repository: Repository,
    source: Source,
}

/// A release that a channel offers.
#[derive(Debug)]
pub struct Offer {
    /// What the dashboard shows.
    pub release: Release,
    /// What it is made of.
    pub description: Description,
    /// The channel, for its files.
    pub channel: Verified,
}

/// A file of a channel whose hash and size are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedFile {
    /// Where it is, relative to the channel.
    pub(crate) path: String,
    /// How large it is.
    pub(crate) size_bytes: u64,
    /// SHA-256 of all of it, hexadecimal.
    sha256: String,
}

impl Trust {
    /// Asks a channel for its newest release. It blocks, and must not be called on a runtime's own thread.
    ///
    /// # Errors
    /// When the channel is not reached, or anything of it is not what was signed; what is remembered stays then.
    pub fn ask(&self, source: &Source, channel: Channel) -> Result<Offer> {
        let fresh = self.copy_memory()?;
        let verified = self.load(source, &fresh)?;
        let pointer: Pointer = verified.json(&pointer_name(&self.board, channel), &self.board)?.0;
        let name = description_name(&self.board, pointer.version);
        let (description, digest): (Description, String) = verified.json(&name, &self.board)?;
        let wrong = |why| Error::Unreadable { name: name.clone(), why };
        description.check(&self.board, pointer.version).map_err(wrong)?;
        self.keep_memory(&fresh)?;
        Ok(Offer { release: description.release(digest), description, channel: verified })
    }

    fn load(&self, source: &Source, memory: &Path) -> Result<Verified> {
        // tough is asynchronous; what it waits for here blocks all the same.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Error::Broke(format!("no thread could be started: {error}")))?;
        let parse =
            |path: &str| format!("{BASE}{path}/").parse().map_err(|error| Error::Broke(format!("{error}")));
        let loader = RepositoryLoader::new(&self.root, parse("metadata")?, parse("targets")?)
            .transport(Carrier(source.clone()))
            .datastore(memory)
            .limits(Limits {
                max_root_size: MAX_METADATA_BYTES,
                max_targets_size: MAX_METADATA_BYTES,
                max_timestamp_size: MAX_METADATA_BYTES,
                max_snapshot_size: MAX_METADATA_BYTES,
                max_root_updates: MAX_ROOT_UPDATES,
            });
        let repository = runtime.block_on(loader.load()).map_err(explain)?;
        Ok(Verified { repository, source: source.clone() })
    }

    fn copy_memory(&self) -> Result<PathBuf> {
        let fresh = self.beside("fresh");
        let copied = remove(&fresh).and_then(|()| fs::create_dir_all(&fresh)).and_then(|()| {
            for file in fs::read_dir(&self.memory).into_iter().flatten().filter_map(std::result::Result::ok) {
                fs::copy(file.path(), fresh.join(file.file_name()))?;
            }
            self.raise_known_time(&fresh.join(KNOWN_TIME))
        });
        copied.map_err(|source| Error::Disk { what: "written", path: fresh.clone(), source })?;
        Ok(fresh)
    }

    fn raise_known_time(&self, path: &Path) -> std::io::Result<()> {
        let known = fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Timestamp>(&bytes).ok());
        if known.is_some_and(|known| known >= self.built_at) {
            return Ok(());
        }
        fs::write(path, serde_json::to_vec(&self.built_at)?)
    }

    /// Puts what was verified in the place of what was remembered, in one step: after a cut at any instant a box remembers
    /// the one or the other, and never nothing, which would have it believe an older copy of the channel.
    fn keep_memory(&self, fresh: &Path) -> Result<()> {
        let kept = sync_all(fresh).and_then(|()| {
            let exchanged = renameat_with(CWD, fresh, CWD, &self.memory, RenameFlags::EXCHANGE);
            match exchanged {
                Err(Errno::NOENT) => fs::rename(fresh, &self.memory)?,
                exchanged => exchanged?,
            }
            if let Some(folder) = self.memory.parent() {
                File::open(folder)?.sync_all()?;
            }
            // After an exchange this is what was remembered before.
            remove(fresh)
        });
        kept.map_err(|source| Error::Disk { what: "written", path: self.memory.clone(), source })
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.memory.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(suffix);
        self.memory.with_file_name(name)
    }
}

/// Returns when the files of a folder, and their names, are on the disk.
fn sync_all(folder: &Path) -> std::io::Result<()> {
    for file in fs::read_dir(folder)? {
        File::open(file?.path())?.sync_all()?;
    }
    File::open(folder)?.sync_all()
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Verified {
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Reads a target, verified.
    fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let SignedFile { path, size_bytes, sha256 } = self.file(name)?;
        if size_bytes > limit {
            return Err(Error::Endless(name.to_owned()));
        }
        let bytes = self.source.read(&path, size_bytes)?;
        if bytes.len() as u64 > size_bytes {
            return Err(Error::Endless(name.to_owned()));
        }
        if hex::encode(Sha256::digest(&bytes)) != sha256 {
            return Err(Error::Mixed(name.to_owned()));
        }
        Ok(bytes)
    }

    /// Reads a target as JSON; also returns its hash.
    fn json<T: serde::de::DeserializeOwned>(&self, name: &str, board: &str) -> Result<(T, String)> {
        if self.file(name).is_err() {
            return Err(Error::NoRelease(board.to_owned()));
        }
        let bytes = self.read(name, MAX_DESCRIPTION_BYTES)?;
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| Error::Unreadable { name: name.to_owned(), why: error.to_string() })?;
        Ok((value, hex::encode(Sha256::digest(&bytes))))
    }

    /// Reads an index.
    pub(crate) fn index(&self, name: &str) -> Result<Vec<Chunk>> {
        let bytes = self.read(name, index::MAX_INDEX_BYTES)?;
        index::decode(&bytes)
            .map_err(|error| Error::Unreadable { name: name.to_owned(), why: error.to_string() })
    }

    /// Returns where a target is, and what it must be.
    pub(crate) fn file(&self, name: &str) -> Result<SignedFile> {
        let missing = || Error::Missing(name.to_owned());
        let target_name = TargetName::new(name).map_err(|_| missing())?;
        let target = self.repository.targets().signed.targets.get(&target_name).ok_or_else(missing)?;
        let sha256 = hex::encode(&target.hashes.sha256[..]);
        Ok(SignedFile { path: format!("targets/{sha256}.{name}"), size_bytes: target.length, sha256 })
    }
}

/// Brings metadata to `tough` from a source.
#[derive(Debug, Clone)]
struct Carrier(Source);

#[async_trait]
impl Transport for Carrier {
    async fn fetch(&self, url: url::Url) -> std::result::Result<TransportStream, TransportError> {
        let name = url.path().trim_start_matches('/');
        // One byte more than may be: tough then says that it is too much.
        match self.0.read(name, MAX_METADATA_BYTES.max(index::MAX_INDEX_BYTES)) {
            Ok(bytes) => Ok(Box::pin(stream::iter([Ok(Bytes::from(bytes))]))),
            Err(Error::Missing(name)) => Err(TransportError::new(TransportErrorKind::FileNotFound, name)),
            Err(error) => Err(TransportError::new_with_cause(TransportErrorKind::Other, name, error)),
        }
    }
}

/// Says in our words what `tough` found.
fn explain(error: Tuf) -> Error {
    match error {
        Tuf::VerifyMetadata { role, .. } => Error::Untrusted { role: role.to_string() },
        Tuf::VerifyRoleMetadata { role, .. } => Error::Untrusted { role },
        Tuf::VerifyTrustedMetadata { .. } => Error::Untrusted { role: "root".to_owned() },
        Tuf::ExpiredMetadata { role, .. } => Error::Expired { expired_role: role.to_string() },
        Tuf::OlderMetadata { role, current_version, new_version, .. } => Error::RolledBack {
            role: role.to_string(),
            seen: current_version.to_string(),
            found: new_version.to_string(),
        },
        Tuf::OlderSnapshotInTimestamp { snapshot_old, snapshot_new, .. } => Error::RolledBack {
            role: "snapshot".to_owned(),
            seen: snapshot_old.to_string(),
            found: snapshot_new.to_string(),
        },
        Tuf::SnapshotRoleRollback { role, old_role_version, new_role_version, .. } => Error::RolledBack {
            role,
            seen: old_role_version.to_string(),
            found: new_role_version.to_string(),
        },
        Tuf::VersionMismatch { role, .. } => Error::Mixed(format!("{role}.json")),
        Tuf::MaxUpdatesExceeded { .. } => Error::Endless("root.json".to_owned()),
        Tuf::SystemTimeSteppedBackward { .. } => Error::ClockWentBack,
        Tuf::MetaMissing { role, .. } => Error::Mixed(format!("{role}.json")),
        Tuf::ParseMetadata { role, source, .. } => {
            Error::Unreadable { name: format!("{role}.json"), why: source.to_string() }
        }
        Tuf::Transport { source, .. } => explain_transport(&source),
        other => Error::Broke(other.to_string()),
    }
}

/// What arrived was not what was signed, or nothing arrived: `tough` has all of it come out of the stream.
fn explain_transport(error: &TransportError) -> Error {
    let name = file_name(error.url());
    if error.kind() == TransportErrorKind::FileNotFound {
        return Error::Missing(name);
    }
    let Some(cause) = std::error::Error::source(error) else { return Error::Unreachable(error.to_string()) };
    match (cause.downcast_ref::<Tuf>(), cause.downcast_ref::<Error>()) {
        (Some(Tuf::HashMismatch { .. }), _) => Error::Mixed(name),
        (Some(Tuf::MaxSizeExceeded { .. }), _) => Error::Endless(name),
        (_, Some(Error::Slow { least_bytes, within })) => {
            Error::Slow { least_bytes: *least_bytes, within: *within }
        }
        (_, _) => Error::Unreachable(cause.to_string()),
    }
}

fn file_name(url: &str) -> String {
    url.rsplit('/').next().unwrap_or(url).to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn what_is_remembered_is_there_at_every_instant() {
        let folder = tempfile::tempdir().unwrap();
        let trust = Trust {
            root: Vec::new(),
            memory: folder.path().join("memory"),
            board: "x86-64".to_owned(),
            built_at: Timestamp::UNIX_EPOCH,
        };
        let keep = |number: u32| {
            let fresh = trust.copy_memory().unwrap();
            fs::write(fresh.join("timestamp.json"), number.to_string()).unwrap();
            trust.keep_memory(&fresh).unwrap();
        };
        keep(0);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let looker = scope.spawn(|| {
                let mut looks = 0_u32;
                while !is_over.load(Ordering::Relaxed) {
                    // An open folder stays the one that it was, so its name is what is looked at.
                    assert!(trust.memory.exists(), "look {looks}");
                    looks += 1;
                }
                looks
            });
            for number in 1..100 {
                keep(number);
            }
            is_over.store(true, Ordering::Relaxed);
            assert!(looker.join().unwrap() > 0);
        });
        assert_eq!(fs::read(trust.memory.join("timestamp.json")).unwrap(), b"99");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
