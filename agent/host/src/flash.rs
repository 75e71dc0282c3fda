//! Puts an image of the operating system on a disk: which disks there are and which may be written, whether the image is
//! the one that was published, the writing, the reading back, and the settings that the first start finds.
//!
//! Nothing here asks a person anything: the caller has chosen the image and the disk, and has consent.

/// The raw device, written and read past the cache.
mod device;
/// Disks of this machine.
mod disks;
/// What went wrong.
mod error;
/// The partition table of an image.
mod gpt;
/// The image, and whether it is the published one.
mod image;
/// Why a disk may not be written.
mod refusal;
/// What the first start finds.
mod settings;
/// What disks are used for.
mod uses;
/// Image to disk, and back.
mod write;

pub use device::Device;
pub use disks::{Connection, Disk, Partition, System};
pub use error::{Error, Result};
pub use image::{Checked, Checksum, Image, Key, Signature};
pub use refusal::{NEEDED_FOR_DATA_BYTES, Refusal, refusal};
pub use settings::{FILE_NAME as SETTINGS_FILE_NAME, InvalidSetting, Owner, Settings, Wifi};
pub use uses::{Use, Uses};
pub use write::{Written, read_back, write};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The image is compared with its checksum and signature; nothing is written yet.
    Checking,
    /// The image is written.
    Writing,
    /// What was written is read back and compared.
    Verifying,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes so far: of the file while it is checked, of the disk later.
    pub bytes: u64,
    /// Bytes there will be.
    pub total_bytes: u64,
}
