use std::io;
use std::path::PathBuf;

use hearth_model::os::ReleaseVersion;

/// Why nothing, or not everything, was done to the slots. Each is a sentence for the owner.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system is not Hearth's own image.
    #[error("this system is not Hearth's own image, so it has no slots")]
    NotOurs,
    /// The release that runs cannot be overwritten or taken out.
    #[error("release {0} is the one that runs, so its slot is left alone")]
    Runs(ReleaseVersion),
    /// Only the release that runs can prove itself.
    #[error("release {wanted} does not run, {running} does, so nothing can be said about how well it works")]
    DoesNotRun {
        /// Which one was meant.
        wanted: ReleaseVersion,
        /// Which one runs.
        running: ReleaseVersion,
    },
    /// The other slot is the only one that is known to be good.
    #[error(
        "release {0} is still on trial and may be taken back, so the other slot is left alone; wait until it is settled"
    )]
    OnTrial(ReleaseVersion),
    /// After a change of the other slot nothing would start.
    #[error(
        "the boot loader has no file for release {0}, which runs, so the other slot is left alone; restart the box and try again"
    )]
    NoWayBack(ReleaseVersion),
    /// A release that was kept is not given up for nothing.
    #[error("release {0} was kept and is what the box can go back to, so it is left alone")]
    Kept(ReleaseVersion),
    /// A release that never proved itself is not gone back to.
    #[error("release {0} never proved that it works on this box")]
    Unproven(ReleaseVersion),
    /// A release is not where it should be.
    #[error("release {version} is not {place}")]
    Missing {
        /// Which.
        version: ReleaseVersion,
        /// Where it should be: "in the other slot".
        place: &'static str,
    },
    /// The disk is laid out in another way than Hearth's image lays it out.
    #[error("expected a disk with two slots of which one runs, and found that {0}; nothing was changed")]
    Layout(String),
    /// What was staged is not a whole release.
    #[error("what was downloaded is not release {version} as it was signed: {why}; download it again")]
    Staged {
        /// Which it should be.
        version: ReleaseVersion,
        /// What is wrong with it.
        why: String,
    },
    /// A file does not fit into its partition.
    #[error(
        "the {what} of the release has {needed_bytes} bytes and its partition {bytes}, so it cannot be installed"
    )]
    TooLarge {
        /// Root or hash tree.
        what: &'static str,
        /// Bytes that it has.
        needed_bytes: u64,
        /// Bytes that there are.
        bytes: u64,
    },
    /// The boot partition is full.
    #[error(
        "the kernel of the release needs {needed_bytes} bytes on the boot partition and {free_bytes} are free; files that are \
         not Hearth's may lie there: make room at `{}` and try again", .place.display()
    )]
    BootPartitionFull {
        /// Bytes that it needs.
        needed_bytes: u64,
        /// Bytes that are free.
        free_bytes: u64,
        /// Where the boot partition is mounted.
        place: PathBuf,
    },
    /// What is on the disk is not what was written.
    #[error(
        "what was read back of the {what} is not what was written, so it was taken out again: the disk may be failing; \
         expected SHA-256 {expected}, found {found}"
    )]
    ReadBack {
        /// Root, hash tree or kernel.
        what: &'static str,
        /// SHA-256 that is signed.
        expected: String,
        /// SHA-256 of what is there.
        found: String,
    },
    /// A program of systemd failed.
    #[error("`{program}` failed ({status}): {said}")]
    Program {
        /// Its name.
        program: String,
        /// How it ended.
        status: String,
        /// Its last words.
        said: String,
    },
    /// A program said that all is well, and it is not.
    #[error("`{program}` reported success, but {found}; nothing more was done")]
    Pretended {
        /// Its name.
        program: &'static str,
        /// What was found.
        found: String,
    },
    /// The disk refused.
    #[error("failed to {what} `{}`: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;
