use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use hearth_fetch::{Cancel, Job, Limits};
use hearth_host::data::delete_tree;
use hearth_model::api::os::OsStatus;
use hearth_planner::os_update::{Event, Unfit, next};
use jiff::Timestamp;
use rustix::fs::statvfs;
use tokio::io::AsyncWriteExt;

use crate::{Error, OsUpdates, Result};

/// Largest channel that is taken, in bytes: one release, and what stands beside it.
const MOST_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Most files of a channel.
const MOST_FILES: usize = 10_000;
/// How long unpacking may take.
const UNPACK_WITHIN: Duration = Duration::from_secs(30 * 60);
/// How long a browser may send nothing.
const SILENCE: Duration = Duration::from_secs(60);
/// Free space that stays free.
const SPARE_BYTES: u64 = 64 * 1024 * 1024;

impl OsUpdates {
    /// Takes a channel as a tar archive of its folder, and asks it as it would ask a USB stick.
    ///
    /// # Errors
    /// When something is under way, the archive is none or too large, or the disk is full; nothing of it stays then.
    pub async fn upload<B, E>(&self, body: impl Stream<Item = std::result::Result<B, E>>) -> Result<OsStatus>
    where
        B: AsRef<[u8]>,
        E: Display,
    {
        let boot = self.boot().await?;
        // What is under way may use what was sent before.
        next(&self.stored().record, &boot, Event::CheckWanted, Timestamp::now())
            .map_err(|Unfit(text)| Error::Conflict(text))?;
        // One upload after another: they share a folder.
        let _uploading = self.uploading.try_lock().map_err(|_| {
            Error::Conflict("a release is being uploaded already; wait until that is done".to_owned())
        })?;
        let paths = self.paths.clone();
        let (archive, tree) = (paths.uploads.join("archive"), paths.uploads.join("tree"));
        let result = async {
            blocking({
                let uploads = paths.uploads.clone();
                move || empty(&uploads)
            })
            .await?;
            receive(body, &archive).await?;
            blocking({
                let (archive, tree) = (archive.clone(), tree.clone());
                move || unpack(&archive, &tree)
            })
            .await?;
            let channel = channel_in(&tree)?;
            // From here on the folder is in use, and goes when the question came to nothing.
            self.check(Some(channel.display().to_string())).await
        };
        let result = result.await;
        let leftover = if result.is_ok() { archive } else { paths.uploads };
        let _ = blocking(move || remove(&leftover)).await;
        result
    }
}

/// Writes what is sent to a file, as far as it may be.
async fn receive<B, E>(body: impl Stream<Item = std::result::Result<B, E>>, archive: &Path) -> Result<()>
where
    B: AsRef<[u8]>,
    E: Display,
{
    let mut body = std::pin::pin!(body);
    let failed = |error: io::Error| unwritable(archive, &error);
    let mut file = tokio::fs::File::create_new(archive).await.map_err(failed)?;
    let free = statvfs(archive).map_err(|error| failed(error.into()))?;
    // Once as an archive, and once unpacked.
    let room = free.f_bavail.saturating_mul(free.f_frsize).saturating_sub(SPARE_BYTES) / 2;
    let mut bytes = 0;
    loop {
        let piece = tokio::time::timeout(SILENCE, body.next()).await;
        let piece = match piece {
            Ok(Some(Ok(piece))) => piece,
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                return Err(Error::Refused(format!("the upload broke off ({error}); send it again")));
            }
            Err(_) => {
                let secs = SILENCE.as_secs();
                return Err(Error::Refused(format!("nothing was sent for {secs} s; send it again")));
            }
        };
        let piece = piece.as_ref();
        bytes += piece.len() as u64;
        if bytes > MOST_BYTES {
            return Err(Error::Refused(format!("it is larger than the {MOST_BYTES} bytes that are taken")));
        }
        if bytes > room {
            let text =
                format!("the disk has room for an upload of {room} bytes: make room and send it again");
            return Err(Error::Refused(text));
        }
        file.write_all(piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}

fn unpack(archive: &Path, tree: &Path) -> Result<()> {
    fs::create_dir(tree).map_err(|error| unwritable(tree, &error))?;
    let limits = Limits {
        download_bytes: MOST_BYTES,
        unpacked_bytes: MOST_BYTES,
        files: MOST_FILES,
        time: UNPACK_WITHIN,
    };
    let job = Job::new(limits, Cancel::default(), &|_| {});
    hearth_fetch::unpack(archive, tree, &job).map_err(|error| Error::Refused(error.to_string()))?;
    Ok(())
}

/// Finds the channel in what was unpacked: at its top, or in the one folder that is there.
fn channel_in(tree: &Path) -> Result<PathBuf> {
    let is_channel = |folder: &Path| folder.join("metadata/timestamp.json").is_file();
    if is_channel(tree) {
        return Ok(tree.to_owned());
    }
    let entries = fs::read_dir(tree).map_err(|error| unwritable(tree, &error))?;
    let inner =
        entries.filter_map(io::Result::ok).map(|entry| entry.path()).find(|folder| is_channel(folder));
    inner.ok_or_else(|| {
        let text = "the archive is no channel of releases: it has no file metadata/timestamp.json";
        Error::Refused(text.to_owned())
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| Error::Internal(format!("work on the upload broke off: {error}")))?
}

fn empty(folder: &Path) -> Result<()> {
    remove(folder)?;
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))
}

fn remove(path: &Path) -> Result<()> {
    delete_tree(path, &|| true).map_err(|error| Error::Refused(error.reason().message))
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::Refused(format!("{} cannot be written: {error}; look at the disk of this box", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_found_at_the_top_or_one_below() {
        let folder = tempfile::tempdir().unwrap();
        assert!(channel_in(folder.path()).unwrap_err().to_string().contains("timestamp.json"));
        let inner = folder.path().join("served");
        fs::create_dir_all(inner.join("metadata")).unwrap();
        fs::write(inner.join("metadata/timestamp.json"), "{}").unwrap();
        assert_eq!(channel_in(folder.path()).unwrap(), inner);
        assert_eq!(channel_in(&inner).unwrap(), inner);
    }
}
