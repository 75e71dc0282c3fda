//! Fetches what strangers serve, an archive or a git repository, into a folder of the caller's.
//!
//! Everything is bounded: bytes over the line, bytes and files on the disk, memory, time. Nothing is written outside the
//! folder, whatever an archive says. It blocks, knows nothing of packages and stores, and keeps no state: the caller gives
//! it the revision that it has, and puts what was fetched in place.

/// Where something is.
mod address;
/// What went wrong.
mod error;
/// Git repositories, by the host's `git`.
mod git;
/// Archives over HTTP.
mod http;
/// Bounds, progress and the way to stop.
mod job;
/// Archives, taken apart.
mod unpack;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use address::{Address, InvalidAddress, Remote, without_password};
pub use error::{Error, Result};
pub use http::{Part, open};
pub use job::{Cancel, Job, Limits, Phase, Progress};

/// Which state of a source was fetched; as long as the source answers with the same one, nothing needs to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Revision {
    /// An archive.
    Archive {
        /// Its entity tag ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#field.etag)), where the server gives one.
        etag: Option<String>,
        /// Its date as the server wrote it, where it gives one.
        last_modified: Option<String>,
        /// SHA-256 of its bytes, hexadecimal.
        sha256: String,
    },
    /// A commit of a git repository.
    Git {
        /// Its hash, hexadecimal.
        commit: String,
    },
}

impl Revision {
    /// Returns 12 hexadecimal digits, enough to tell revisions apart on a page.
    pub fn short(&self) -> &str {
        let (Self::Archive { sha256: hash, .. } | Self::Git { commit: hash }) = self;
        hash.get(..12).unwrap_or(hash)
    }
}

/// What a fetch came to.
#[derive(Debug)]
pub enum Outcome {
    /// The source is as it was; nothing was written. The revision may have a new entity tag.
    Unchanged(Revision),
    /// The source is in a folder now.
    Fetched(Fetched),
}

/// What was fetched.
#[derive(Debug)]
pub struct Fetched {
    /// Which state of the source it is.
    pub revision: Revision,
    /// The folder with its files, in the scratch folder.
    pub tree: PathBuf,
    /// How many entries were left out because they are neither a file nor a folder: links, devices, sockets.
    pub left_out: usize,
}

/// Unpacks an archive that somebody sent, whatever it is called, into the empty folder `tree`. Returns how many entries were
/// left out because they are neither a file nor a folder.
///
/// # Errors
/// When it is no archive, is damaged, reaches a limit or wants to write outside the folder; when the disk is full.
pub fn unpack(archive: &Path, tree: &Path, job: &Job<'_>) -> Result<usize> {
    unpack::archive(archive, tree, job)
}

/// Fetches a source into the empty folder `scratch`, unless it is still at the revision `known`.
///
/// A process that is killed half-way leaves only what is in `scratch`.
///
/// # Errors
/// When the source does not answer, is not what its address says, reaches a limit or wants to write outside its folder; when
/// the disk is full; when the job is cancelled.
pub fn fetch(remote: &Remote, known: Option<&Revision>, scratch: &Path, job: &Job<'_>) -> Result<Outcome> {
    let tree = scratch.join("tree");
    fs::create_dir(&tree).map_err(|source| Error::Write { path: tree.clone(), source })?;
    let (revision, left_out) = match remote {
        Remote::Archive { url } => {
            let archive = scratch.join("archive");
            match http::download(url, known, &archive, job)? {
                http::Answer::Unchanged(revision) => return Ok(Outcome::Unchanged(revision)),
                http::Answer::Downloaded(revision) => (revision, unpack::archive(&archive, &tree, job)?),
            }
        }
        Remote::Git { url, branch } => {
            let repository = git::Repository::new(scratch.join("repository"), url, job)?;
            let commit = repository.remote_commit(branch.as_deref())?;
            let revision = Revision::Git { commit };
            if known == Some(&revision) {
                return Ok(Outcome::Unchanged(revision));
            }
            let commit = repository.fetch(branch.as_deref())?;
            (Revision::Git { commit }, repository.unpack(&tree)?)
        }
    };
    Ok(Outcome::Fetched(Fetched { revision, tree, left_out }))
}
