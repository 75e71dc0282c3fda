use std::io;
use std::path::{Path, PathBuf};

use hearth_model::Bytes;
use hearth_model::condition::{Reason, ReasonCode};

use crate::data::mounts::MountPoint;

/// Why a step on an app's folder was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A call on a file or folder failed.
    #[error("failed to {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A copy would fill the disk.
    #[error("a copy of {} needs {needed_bytes} bytes, and {free_bytes} are free", path.display())]
    NoSpace {
        /// What should be copied.
        path: PathBuf,
        /// How much it needs, in bytes.
        needed_bytes: u64,
        /// How much is free, in bytes.
        free_bytes: u64,
    },
    /// A copy differs from what was copied.
    #[error("the copy of {} is not equal to it", path.display())]
    NotEqual {
        /// What was copied.
        path: PathBuf,
    },
    /// Something is mounted in a folder that would have to be moved, deleted or copied.
    #[error("{} cannot be moved, deleted or copied: {}", dir.display(), listed(mounts))]
    Mounted {
        /// The folder.
        dir: PathBuf,
        /// What is mounted in it, or at it.
        mounts: Vec<MountPoint>,
    },
    /// A file or folder is marked as unchangeable.
    #[error("{} is marked as unchangeable (chattr +i or +a)", path.display())]
    Protected {
        /// The file or folder.
        path: PathBuf,
    },
    /// A folder cannot be moved to another disk.
    #[error("{} and {} are on two disks", path.display(), other.display())]
    TwoDisks {
        /// What should be moved.
        path: PathBuf,
        /// Where to.
        other: PathBuf,
    },
    /// Folders are nested too deep for a copy.
    #[error("{} lies more than {max} folders deep", path.display())]
    TooDeep {
        /// The first folder that is too deep.
        path: PathBuf,
        /// How deep folders may be.
        max: usize,
    },
    /// Work that takes long was given up.
    #[error("the work on {} was given up", path.display())]
    GivenUp {
        /// What was being copied or deleted.
        path: PathBuf,
    },
    /// There is data where other data should go.
    #[error("there is a folder {} already", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// A path leads out of the app's folder, itself or by a link.
    #[error("{} leads out of {}", path.display(), dir.display())]
    Outside {
        /// The path.
        path: PathBuf,
        /// The folder that it must stay in.
        dir: PathBuf,
    },
    /// A path that has to be without links has one.
    #[error("{} is a link, or has one on the way to it", path.display())]
    Linked {
        /// The path.
        path: PathBuf,
    },
    /// What a container mounts is not there.
    #[error("{} should be mounted and is not there", path.display())]
    MountMissing {
        /// The path on the host.
        path: PathBuf,
        /// Whether it is in the app's own folder.
        is_own: bool,
    },
    /// The app's folder, or what is in it, is not there.
    #[error("{} is not there", path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
    },
    /// A marker that is not one of ours.
    #[error("{} is not a marker of Hearth", path.display())]
    Marker {
        /// The marker's file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A name that cannot be a snapshot's.
    #[error(
        "`{name}` is not a name for a snapshot: use letters, digits, `-`, `_` and `.`, and begin with a letter or digit"
    )]
    InvalidName {
        /// The name.
        name: String,
    },
    /// The file system cannot exchange two folders.
    #[error("the file system of {} cannot exchange two folders in one go", path.display())]
    NoExchange {
        /// The app's folder.
        path: PathBuf,
    },
}

impl Error {
    /// Returns a function that says what was tried, for `map_err`.
    pub(super) fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Error::Io { doing, path, source }
    }

    /// Returns the same for errors of system calls.
    pub(super) fn call(doing: &'static str, path: &Path) -> impl FnOnce(rustix::io::Errno) -> Self {
        let at = Self::at(doing, path);
        move |errno| at(errno.into())
    }

    /// Returns the error of a move that failed.
    pub(super) fn renaming(from: &Path, to: &Path, errno: rustix::io::Errno) -> Self {
        if errno == rustix::io::Errno::XDEV {
            return Self::TwoDisks { path: from.to_owned(), other: to.to_owned() };
        }
        Self::call("rename", from)(errno)
    }

    /// Returns what the owner reads: what happened, and what to do next.
    pub fn reason(&self) -> Reason {
        match self {
            Error::Io { source, .. } if is_full(source) => Reason::new(
                ReasonCode::DiskFull,
                "The disk that holds the apps' data is full. Make room, then try again.",
            ),
            Error::Io { doing, path, source } => Reason::new(
                ReasonCode::FileError,
                format!(
                    "Hearth could not {doing} {}: {source}. Look at the disk, then try again.",
                    path.display()
                ),
            ),
            Error::NoSpace { needed_bytes, free_bytes, .. } => Reason::new(
                ReasonCode::DiskFull,
                format!(
                    "A copy of the app's data needs {}, and {} are free. Make room, then try again.",
                    Bytes(*needed_bytes),
                    Bytes(*free_bytes)
                ),
            ),
            Error::Mounted { dir, mounts } => Reason::new(ReasonCode::FileError, mounted(dir, mounts)),
            Error::Protected { path } => Reason::new(
                ReasonCode::FileError,
                format!(
                    "{path} is marked as unchangeable, so Hearth leaves it alone. Take the mark away with `chattr -i -a {path}`, then try again.",
                    path = path.display()
                ),
            ),
            Error::TwoDisks { path, other } => Reason::new(
                ReasonCode::FileError,
                format!(
                    "{} cannot be moved to {}, because they are on two disks. Keep all of Hearth's state folder on one disk, then try again.",
                    path.display(),
                    other.display()
                ),
            ),
            Error::TooDeep { path, max } => Reason::new(
                ReasonCode::FileError,
                format!(
                    "{} lies more than {max} folders deep, and Hearth copies no deeper. Move or delete it, then try again.",
                    path.display()
                ),
            ),
            Error::Outside { path, .. } => Reason::new(
                ReasonCode::PackageInvalid,
                format!(
                    "{} leads out of the app's folder, so it is not mounted: it would give the app the rest of this box. \
                     Remove the link, or tell who made the package.",
                    path.display()
                ),
            ),
            Error::Linked { path } => Reason::new(
                ReasonCode::PackageInvalid,
                format!(
                    "{} is a link, or there is a link on the way to it, so it is not mounted: the app could make it lead to \
                     the rest of this box. Put the folder or file itself there.",
                    path.display()
                ),
            ),
            Error::MountMissing { path, is_own: true } => Reason::new(
                ReasonCode::FileError,
                format!(
                    "The app needs {}, which is not there: neither its package nor a script of it made it. Put it there, or tell who made the package, then try again.",
                    path.display()
                ),
            ),
            Error::MountMissing { path, is_own: false } => Reason::new(
                ReasonCode::FileError,
                format!(
                    "The app needs {}, which is not there, and Hearth makes nothing outside of apps' own folders. If it is on a disk, connect the disk; otherwise make it yourself (a folder with `mkdir -p`), then try again.",
                    path.display()
                ),
            ),
            Error::Missing { path } => Reason::new(
                ReasonCode::DataMissing,
                format!(
                    "{} is not there. If it is on a disk that was taken out, connect it again.",
                    path.display()
                ),
            ),
            Error::Marker { path, .. } => Reason::new(
                ReasonCode::DataMissing,
                format!(
                    "{} cannot be read, so it is not certain that this is the app's data.",
                    path.display()
                ),
            ),
            Error::NotEqual { .. }
            | Error::GivenUp { .. }
            | Error::Taken { .. }
            | Error::InvalidName { .. }
            | Error::NoExchange { .. } => {
                Reason::new(ReasonCode::FileError, format!("Hearth could not go on: {self}."))
            }
        }
    }
}

/// Names mounts, and how much a copy of each would be.
fn listed(mounts: &[MountPoint]) -> String {
    if mounts.is_empty() {
        return "something is mounted there".to_owned();
    }
    let one = |mount: &MountPoint| match mount.used_bytes() {
        Some(bytes) => format!("{mount} is mounted there, with {}", Bytes(bytes)),
        None => format!("{mount} is mounted there"),
    };
    mounts.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn mounted(dir: &Path, mounts: &[MountPoint]) -> String {
    let first = mounts.first().map_or(dir, |mount| mount.path.as_path());
    format!(
        "Something is mounted in {}: {}. Hearth neither moves, deletes nor copies what lies on another mount. Unmount it with `umount {}`, then try again; what lies on it stays as it is.",
        dir.display(),
        listed(mounts),
        first.display()
    )
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
