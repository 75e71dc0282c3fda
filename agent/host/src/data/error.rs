use std::io;
use std::path::{Path, PathBuf};

use hearth_model::condition::{Reason, ReasonCode};

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
    /// A copy was given up.
    #[error("the copy of {} was given up", path.display())]
    GivenUp {
        /// What was being copied.
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
    /// A step that is not for the host was given to it.
    #[error("the step \"{step}\" is not for the host")]
    NotForTheHost {
        /// The step, in words.
        step: String,
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
                    in_words(*needed_bytes),
                    in_words(*free_bytes)
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
            Error::GivenUp { .. }
            | Error::Taken { .. }
            | Error::InvalidName { .. }
            | Error::NoExchange { .. }
            | Error::NotForTheHost { .. } => {
                Reason::new(ReasonCode::FileError, format!("Hearth could not go on: {self}."))
            }
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn in_words(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => "less than 1 MB".to_owned(),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_reads_sizes_in_words() {
        assert_eq!(in_words(12), "less than 1 MB");
        assert_eq!(in_words(12_345_678), "12 MB");
        assert_eq!(in_words(1_250_000_000), "1.2 GB");
    }
}
