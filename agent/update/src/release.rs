//! What a channel says about a release, in two signed targets: which one is the newest, and what it is made of.

use hearth_model::os::{Channel, Release, ReleaseVersion};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::chunk::Cutter;

/// Largest release notes, in bytes.
pub const MAX_NOTES_BYTES: usize = 64 * 1024;
/// Largest description of a release, in bytes.
pub const MAX_DESCRIPTION_BYTES: u64 = 256 * 1024;

/// Returns the name of the target that says which release a channel has for a kind of box.
pub fn pointer_name(board: &str, channel: Channel) -> String {
    format!("{board}.{}.json", channel.name())
}

/// Returns the name of the target that describes a release.
pub fn description_name(board: &str, version: ReleaseVersion) -> String {
    format!("hearth_{version}.{board}.json")
}

/// Which release a channel has for a kind of box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// Its number.
    pub version: ReleaseVersion,
}

/// What a release is made of.
///
/// Fields may be added: an older Hearth must be able to read what leads it to a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Its number.
    pub version: ReleaseVersion,
    /// For which kind of box: the name of a folder of `hardware/`.
    pub board: String,
    /// When it was made, UTC.
    pub released_at: Timestamp,
    /// What is new, in Markdown.
    pub notes: String,
    /// Root hash of dm-verity, hexadecimal: what is read back from the slot must come to it.
    pub root_hash: String,
    /// Its files, in the order in which they are written.
    pub files: Vec<ReleaseFile>,
}

/// Which file of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileRole {
    /// The root file system.
    Root,
    /// Its hash tree.
    Verity,
    /// Kernel, initrd and root hash in one EFI file.
    Uki,
}

impl FileRole {
    /// All of them, in the order in which they are written: the last makes the boot loader try the release.
    pub const ALL: [FileRole; 3] = [FileRole::Root, FileRole::Verity, FileRole::Uki];

    /// Returns how it is cut into chunks.
    pub const fn cutter(self) -> Cutter {
        match self {
            FileRole::Root | FileRole::Verity => Cutter::Blocks,
            FileRole::Uki => Cutter::Content,
        }
    }

    /// Returns what its file name ends with, here and in the transfers of sysupdate.
    pub const fn suffix(self) -> &'static str {
        match self {
            FileRole::Root => "root",
            FileRole::Verity => "verity",
            FileRole::Uki => "efi",
        }
    }
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseFile {
    /// Which.
    pub role: FileRole,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// SHA-256 of all of it, hexadecimal.
    pub sha256: String,
    /// The target that says which chunks it is made of.
    pub index: String,
    /// The target that holds each different chunk once, as zstd frames.
    pub pack: String,
}

impl ReleaseFile {
    /// Returns the name under which systemd-sysupdate looks for it.
    pub fn name(&self, version: ReleaseVersion) -> String {
        format!("hearth_{version}.{}", self.role.suffix())
    }
}

impl Description {
    /// Says what is wrong with a description, although it is signed: it is for another box, or lacks a file.
    ///
    /// # Errors
    /// Says what.
    pub fn check(&self, board: &str, version: ReleaseVersion) -> Result<(), String> {
        if self.version != version || self.board != board {
            return Err(format!(
                "it describes {} for {}, not {version} for {board}",
                self.version, self.board
            ));
        }
        if self.notes.len() > MAX_NOTES_BYTES {
            return Err(format!("its notes are longer than {MAX_NOTES_BYTES} bytes"));
        }
        if !self.files.iter().map(|file| file.role).eq(FileRole::ALL) {
            return Err("it does not have exactly root, hash tree and kernel, in this order".to_owned());
        }
        let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash(&self.root_hash) || !self.files.iter().all(|file| is_hash(&file.sha256)) {
            return Err("a hash in it is not SHA-256".to_owned());
        }
        Ok(())
    }

    /// Returns what the dashboard shows of it; `digest` is the hash of the description.
    pub fn release(&self, digest: String) -> Release {
        Release {
            version: self.version,
            digest,
            released_at: self.released_at,
            notes: self.notes.clone(),
            size_bytes: self.files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.size_bytes)),
        }
    }
}
