use std::io;
use std::path::PathBuf;

use super::{InvalidSetting, Refusal};

/// Result of this module.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an image did not get onto a disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the image, its checksum, its signature or its key cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What the system says of its disks cannot be read.
    #[error("the disks of this machine cannot be listed: `{}` cannot be read", path.display())]
    List {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no image.
    #[error("`{}` is no image of Hearth: {found}; expected a file that ends in `.raw.zst` or `.raw`", path.display())]
    NotAnImage {
        /// Which.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The compressed image breaks off or is not what was compressed.
    #[error("`{}` is damaged at {at_bytes} bytes of what it holds; fetch it again", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How much of it could be decompressed.
        at_bytes: u64,
        /// Why.
        source: io::Error,
    },
    /// The file is not the one that its checksum is of.
    #[error("`{}` has the SHA-256 {found}, and {expected} stands in `{}`; fetch it again", path.display(), checksum.display())]
    Checksum {
        /// The image.
        path: PathBuf,
        /// The file with the checksum.
        checksum: PathBuf,
        /// What stands there, hexadecimal.
        expected: String,
        /// What the image has, hexadecimal.
        found: String,
    },
    /// The checksum file has none.
    #[error("expected `{}` to begin with a SHA-256 in 64 hexadecimal digits, found `{found}`", path.display())]
    NoChecksum {
        /// The file.
        path: PathBuf,
        /// Its beginning.
        found: String,
    },
    /// The key is none.
    #[error("`{key}` is no public key of minisign: {why}")]
    Key {
        /// Its text, or the file it is in.
        key: String,
        /// Why.
        why: String,
    },
    /// There is no signature although a key is known.
    #[error("`{}` is missing, and a release is signed: fetch it from where the image came from", path.display())]
    Unsigned {
        /// Where the signature was expected.
        path: PathBuf,
    },
    /// The signature is not of this key and this file.
    #[error("the signature in `{}` does not hold for the image ({why}): do not use this image", path.display())]
    Signature {
        /// The file with the signature.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The disk may not be written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk cannot be opened.
    #[error("`{}` cannot be opened for writing{}", path.display(), hint(source))]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk failed half-way.
    #[error(
        "`{}` failed while Hearth tried to {doing} at byte {at_bytes}. If it was pulled out, plug it in again; if not, it is \
         worn out or its reader is: take another. Then start from the beginning, since what is on it now does not start",
        path.display()
    )]
    Device {
        /// Which.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Where.
        at_bytes: u64,
        /// Why.
        source: io::Error,
    },
    /// The disk does not hold what was written to it.
    #[error(
        "what was read back from `{}` differs from what was written, from byte {at_bytes} on: it is worn out, or it claims more \
         room than it has. Take another",
        path.display()
    )]
    Different {
        /// Which.
        path: PathBuf,
        /// Beginning of the first piece that differs.
        at_bytes: u64,
    },
    /// A setting is not one that the device would take.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// The image has no partition for the settings.
    #[error("the image has no partition that settings could be written to: {0}")]
    NoSettingsPartition(String),
}

impl Error {
    pub(super) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; run the command with `sudo`",
        io::ErrorKind::ResourceBusy => ", because something uses it; unmount what is on it",
        _ => "",
    }
}
