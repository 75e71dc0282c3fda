//! Puts the files of a release together: what the box has already is copied, what it lacks is fetched.
//!
//! A file under way lies in a folder of its own, as long as it will be, with holes where chunks are missing. Nothing else
//! is remembered: whoever starts again reads it and sees by the hashes which chunks are there. So it goes on after a cut
//! at any byte, and what a cut left half written is fetched again.

/// Reads chunks from a pack.
mod pack;
/// A file that is put together.
mod partial;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use hearth_fetch::Cancel;
use hearth_model::os::ReleaseVersion;
use rustix::fs::statvfs;

use crate::chunk::{self, Hash};
use crate::index::Chunk;
use crate::release::{FileRole, ReleaseFile};
use crate::trust::Offer;
use crate::{Error, Result};
use pack::Pack;
use partial::Partial;

/// Free space that stays free: the database and the log must be able to grow meanwhile.
const SPARE_BYTES: u64 = 64 * 1024 * 1024;

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes of the release that are there.
    pub done_bytes: u64,
    /// Bytes of the release.
    pub total_bytes: u64,
    /// Bytes that came over the line.
    pub fetched_bytes: u64,
    /// Bytes that have to come over the line, as far as that is known.
    pub fetch_bytes: u64,
}

/// What a download needs to know.
pub struct Job<'a> {
    /// The release.
    pub offer: &'a Offer,
    /// Folder for files under way; what it holds of other releases is removed.
    pub folder: &'a Path,
    /// Partitions and files that may hold chunks of it: the slot that runs. What cannot be read is left out.
    pub have: &'a BTreeMap<FileRole, PathBuf>,
    /// Most bytes a second, where the owner wants a bound.
    pub rate: Option<u64>,
    /// Stops it.
    pub cancel: Cancel,
    /// Hears how far it is.
    pub progress: &'a dyn Fn(Progress),
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("folder", &self.folder).field("have", &self.have).finish_non_exhaustive()
    }
}

/// Files of a release that are whole and have the hashes that were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Which release.
    pub version: ReleaseVersion,
    /// Where its files are, in the order in which they are written.
    pub files: Vec<PathBuf>,
    /// What it took.
    pub progress: Progress,
}

/// One file, and what is missing of it.
struct Part<'a> {
    file: &'a ReleaseFile,
    chunks: Vec<Chunk>,
    partial: Partial,
}

/// Puts every file of a release together. It blocks.
///
/// # Errors
/// When the disk has too little space, before anything is fetched; when what comes is not what was signed; when the
/// connection ends. What is there stays for the next call, except of a file whose whole hash is wrong.
pub fn download(job: &Job<'_>) -> Result<Downloaded> {
    let description = &job.offer.description;
    clear_others(job.folder, description.version)?;
    let mut parts = Vec::new();
    let mut progress = Progress::default();
    for file in &description.files {
        let chunks = job.offer.channel.index(&file.index)?;
        let wrong = |why: &str| Error::Unreadable { name: file.index.clone(), why: why.to_owned() };
        if chunks.iter().map(|chunk| u64::from(chunk.size)).sum::<u64>() != file.size_bytes {
            return Err(wrong("its chunks are not as large as the file"));
        }
        progress.total_bytes += file.size_bytes;
        let path = job.folder.join(file.name(description.version));
        parts.push(Part { file, partial: Partial::new(path, &chunks), chunks });
    }
    check_space(job.folder, &parts)?;
    for part in &mut parts {
        part.partial.open(&part.chunks, &job.cancel)?;
        progress.done_bytes += part.partial.done_bytes();
        (job.progress)(progress);
    }
    for part in &mut parts {
        copy_what_is_there(job, part, &mut progress)?;
    }
    for part in &parts {
        progress.fetch_bytes += part.partial.missing_packed_bytes();
    }
    (job.progress)(progress);
    for part in &mut parts {
        let signed = job.offer.channel.file(&part.file.pack)?;
        let pack = Pack::new(job.offer.channel.source(), &signed, &part.chunks)?;
        pack.fetch(job, &mut part.partial, &mut progress)?;
    }
    let mut files = Vec::new();
    for part in parts {
        files.push(part.partial.finish(&part.file.sha256, &job.cancel)?);
    }
    (job.progress)(progress);
    Ok(Downloaded { version: description.version, files, progress })
}

/// Removes what is left of downloads of other releases.
fn clear_others(folder: &Path, version: ReleaseVersion) -> Result<()> {
    let failed = |source| Error::Disk { what: "written", path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let ours = format!("hearth_{version}.");
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with(&ours) {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

fn check_space(folder: &Path, parts: &[Part<'_>]) -> Result<()> {
    let free = statvfs(folder).map_err(|error| Error::Disk {
        what: "read",
        path: folder.to_owned(),
        source: error.into(),
    })?;
    let free_bytes = free.f_bavail.saturating_mul(free.f_frsize);
    let missing: u64 =
        parts.iter().map(|part| part.file.size_bytes.saturating_sub(part.partial.allocated_bytes())).sum();
    let needed_bytes = missing + SPARE_BYTES;
    if missing > 0 && needed_bytes > free_bytes {
        return Err(Error::NoSpace { needed_bytes, free_bytes });
    }
    Ok(())
}

/// Copies chunks that the slot that runs has.
fn copy_what_is_there(job: &Job<'_>, part: &mut Part<'_>, progress: &mut Progress) -> Result<()> {
    let Some(path) = job.have.get(&part.file.role) else { return Ok(()) };
    if part.partial.is_whole() {
        return Ok(());
    }
    let Ok(have) = File::open(path) else { return Ok(()) };
    // A slot is larger than what is in it: what lies far behind the end is of no use.
    let have = have.take(part.file.size_bytes + part.file.size_bytes / 2);
    let copied = chunk::each(part.file.role.cutter(), have, |bytes, hash: Hash| {
        if job.cancel.is_cancelled() {
            return Err(Stop::Because(Error::Cancelled));
        }
        progress.done_bytes += part.partial.put(&hash, bytes).map_err(Stop::Because)?;
        (job.progress)(*progress);
        Ok(!part.partial.is_whole())
    });
    match copied {
        // A slot that cannot be read is one that there is nothing to copy from.
        Ok(()) | Err(Stop::Unreadable) => Ok(()),
        Err(Stop::Because(error)) => Err(error),
    }
}

enum Stop {
    Unreadable,
    Because(Error),
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Unreadable
    }
}
