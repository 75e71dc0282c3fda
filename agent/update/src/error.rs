use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a channel was not believed, or a release not put together. Nothing was written to a slot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The channel was not reached; nothing can be said about it.
    #[error("{0}")]
    Unreachable(String),
    /// A file of the channel is not there.
    #[error(
        "the channel has no file `{0}`; it may be in the middle of a change, so try again in some minutes"
    )]
    Missing(String),
    /// Signatures are missing, wrong, or of keys that this box does not trust.
    #[error(
        "the channel's {role} is not signed by keys that this box trusts, so nothing of it was taken; somebody may be answering in its place"
    )]
    Untrusted {
        /// The role of TUF: root, timestamp, snapshot or targets.
        role: String,
    },
    /// What the channel says is past its date.
    #[error(
        "the channel's {expired_role} is signed for a time that is over: the channel has stopped, somebody is holding it back, or the clock of this box is wrong"
    )]
    Expired {
        /// The role of TUF that expired.
        expired_role: String,
    },
    /// The channel is older than what this box has seen of it.
    #[error(
        "the channel's {role} is older than what it served before (version {found} after {seen}); somebody may be serving an old copy of it"
    )]
    RolledBack {
        /// The role of TUF.
        role: String,
        /// What it served before.
        seen: String,
        /// What it serves now.
        found: String,
    },
    /// Files of the channel do not belong together.
    #[error(
        "the channel's file `{0}` is not the one that its signed list names: cut off, changed, or of another release"
    )]
    Mixed(String),
    /// A file of the channel has no end.
    #[error("the channel's file `{0}` is larger than it may be")]
    Endless(String),
    /// The clock of the box is earlier than it was, or than its image was built.
    #[error(
        "the clock of this box went back or is earlier than its system was built, so nothing can be said about dates; wait until its time is set again"
    )]
    ClockWentBack,
    /// A file of the channel cannot be read.
    #[error("the channel's file `{name}` cannot be read: {why}")]
    Unreadable {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The release is for other boxes.
    #[error("the channel has no release for this kind of box, `{0}`")]
    NoRelease(String),
    /// The server sends next to nothing.
    #[error("the server sent less than {least_bytes} bytes in {} s", .within.as_secs())]
    Slow {
        /// How much it should have sent.
        least_bytes: u64,
        /// In how long.
        within: Duration,
    },
    /// The connection ended, or brought something else than what was asked for.
    #[error("{0}")]
    Broke(String),
    /// The disk has too little space.
    #[error(
        "the update needs {needed_bytes} bytes of free space and there are {free_bytes}; nothing was fetched: make room and try again"
    )]
    NoSpace {
        /// What it needs beyond what is there of it already.
        needed_bytes: u64,
        /// What is free.
        free_bytes: u64,
    },
    /// The caller does not want it any more.
    #[error("it was cancelled")]
    Cancelled,
    /// The disk refused.
    #[error("`{}` cannot be {what}: {source}", .path.display())]
    Disk {
        /// What was tried: read, written.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// Tells whether trying again later may help although nobody changes anything.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::Missing(_)
            | Self::Slow { .. }
            | Self::Broke(_)
            | Self::ClockWentBack => true,
            Self::Untrusted { .. }
            | Self::Expired { .. }
            | Self::RolledBack { .. }
            | Self::Mixed(_)
            | Self::Endless(_)
            | Self::Unreadable { .. }
            | Self::NoRelease(_)
            | Self::NoSpace { .. }
            | Self::Cancelled
            | Self::Disk { .. } => false,
        }
    }
}

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;
