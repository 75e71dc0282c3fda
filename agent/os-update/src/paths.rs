use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hearth_host::os::Os;
use hearth_model::os::{Boot, ReleaseVersion};
use hearth_update::release::FileRole;
use jiff::Timestamp;
use rustix::fs::{major, minor};

use crate::error::Error;

/// Where an erofs has its magic number, and which that is
/// ([kernel](https://docs.kernel.org/filesystems/erofs.html#on-disk-details)).
const EROFS_MAGIC: (usize, [u8; 4]) = (1024, [0xe2, 0xe1, 0xf5, 0xe0]);
/// What a hash tree of dm-verity begins with
/// ([cryptsetup](https://gitlab.com/cryptsetup/cryptsetup/-/wikis/DMVerity#verity-superblock-format)).
const VERITY_MAGIC: [u8; 8] = *b"verity\0\0";
/// The root of trust, in an image.
const ROOT_OF_TRUST: &str = "usr/share/hearth/releases/root.json";
/// Longest address of a channel, in bytes.
const MAX_ADDRESS_BYTES: u64 = 4096;

/// The files and folders that updates use: those of the running system, and those of Hearth's own.
#[derive(Debug, Clone)]
pub struct UpdatePaths {
    /// The root of the system, `/` on a device.
    pub(crate) root: PathBuf,
    /// Files of a release under way.
    pub(crate) partial: PathBuf,
    /// Files that were checked, from where they are installed; the transfers of sysupdate name it.
    pub(crate) staged: PathBuf,
    /// What the channel said last.
    pub(crate) trust: PathBuf,
    /// A channel that the owner sent.
    pub(crate) uploads: PathBuf,
}

/// Why Hearth does not update the system, for the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unmanaged {
    #[error(
        "Hearth did not install the operating system of this box and does not update it: keep it up to date with its own tools. \
         Your apps are updated here as everywhere."
    )]
    NotOurs,
    #[error(
        "This is Hearth's own system, built without a root of trust for releases, so it cannot tell a real release from a false \
         one and takes none: flash an image that was built with one."
    )]
    NothingTrusted,
}

impl From<Unmanaged> for Error {
    fn from(unmanaged: Unmanaged) -> Self {
        Self::Conflict(unmanaged.to_string())
    }
}

impl UpdatePaths {
    /// Returns the paths below the root of a system, `/` on a device, and below Hearth's state folder.
    pub fn new(root: &Path, state_dir: &Path) -> Self {
        let updates = state_dir.join("updates");
        Self {
            root: root.to_owned(),
            partial: updates.join("partial"),
            staged: updates.join("staged"),
            trust: updates.join("trust"),
            uploads: updates.join("uploads"),
        }
    }

    /// Looks at the system that runs.
    pub(crate) async fn observe(&self) -> Os {
        let root = self.root.clone();
        let observe = move || hearth_host::os::observe(&root);
        tokio::task::spawn_blocking(observe).await.unwrap_or_else(|_| Os {
            name: "Linux".to_owned(),
            image_version: None,
            board: None,
            entries: Vec::new(),
        })
    }

    /// Returns what the boot loader and the kernel say, of a system that Hearth updates.
    pub(crate) async fn boot(&self) -> Result<Boot, Unmanaged> {
        let Os { name: _, image_version, board, entries } = self.observe().await;
        let Some(version) = image_version else { return Err(Unmanaged::NotOurs) };
        if board.is_none() || self.root_of_trust().is_none() {
            return Err(Unmanaged::NothingTrusted);
        }
        let entry = entries.iter().find(|entry| entry.version == version);
        let on_trial = entry.is_some_and(|entry| entry.tries_left.is_some());
        Ok(Boot { id: self.boot_id(), version, on_trial, entries })
    }

    /// Reads the root of trust that came with the image; `None` when it has none.
    pub(crate) fn root_of_trust(&self) -> Option<Vec<u8>> {
        fs::read(self.root.join(ROOT_OF_TRUST)).ok()
    }

    /// Reads when the image was built: every file of it is from then.
    pub(crate) fn built_at(&self) -> Timestamp {
        let modified = fs::metadata(self.root.join(ROOT_OF_TRUST)).and_then(|metadata| metadata.modified());
        modified.ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Reads where the image says that releases come from.
    pub(crate) fn address(&self) -> Option<String> {
        let mut text = String::new();
        let file = fs::File::open(self.root.join("usr/share/hearth/releases/address")).ok()?;
        file.take(MAX_ADDRESS_BYTES).read_to_string(&mut text).ok()?;
        Some(text.trim().to_owned()).filter(|address| !address.is_empty())
    }

    /// Reads the kernel's name of this boot.
    pub(crate) fn boot_id(&self) -> String {
        fs::read_to_string(self.root.join("proc/sys/kernel/random/boot_id"))
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    }

    /// Finds the files and partitions of the release that runs, by what they begin with. What is not found has to be
    /// fetched, nothing else.
    pub(crate) fn running(&self, version: ReleaseVersion) -> BTreeMap<FileRole, PathBuf> {
        let label = self.root.join(format!("dev/disk/by-partlabel/hearth_{version}"));
        let candidates = self.below_the_root().into_iter().chain([label]);
        let mut found: BTreeMap<FileRole, PathBuf> =
            candidates.filter_map(|path| Some((role(&path)?, path))).collect();
        let entries = fs::read_dir(self.root.join(hearth_host::os::ENTRIES)).into_iter().flatten();
        let names = [format!("hearth_{version}.efi"), format!("hearth_{version}+")];
        let kernel = entries.filter_map(Result::ok).map(|entry| entry.path()).find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            *name == names[0] || name.starts_with(&names[1])
        });
        found.extend(kernel.map(|path| (FileRole::Uki, path)));
        found
    }

    /// Returns the partitions that the device of the root is put together from: both have the same label.
    fn below_the_root(&self) -> Vec<PathBuf> {
        let Ok(root) = fs::metadata(&self.root) else { return Vec::new() };
        let device = format!("sys/dev/block/{}:{}/slaves", major(root.dev()), minor(root.dev()));
        let slaves = fs::read_dir(self.root.join(device)).into_iter().flatten().filter_map(Result::ok);
        slaves.map(|slave| self.root.join("dev").join(slave.file_name())).collect()
    }
}

/// Tells what a partition holds.
fn role(path: &Path) -> Option<FileRole> {
    let mut head = [0; EROFS_MAGIC.0 + 4];
    fs::File::open(path).ok()?.read_exact(&mut head).ok()?;
    if head.starts_with(&VERITY_MAGIC) {
        return Some(FileRole::Verity);
    }
    (head[EROFS_MAGIC.0..] == EROFS_MAGIC.1).then_some(FileRole::Root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_found_by_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let paths = UpdatePaths::new(root, Path::new("/var/lib/hearth"));
        let version = ReleaseVersion::new(1, 2, 3);
        assert!(paths.running(version).is_empty());

        let labels = root.join("dev/disk/by-partlabel");
        let entries = root.join(hearth_host::os::ENTRIES);
        fs::create_dir_all(&labels).unwrap();
        fs::create_dir_all(&entries).unwrap();
        let mut erofs = vec![0; 4096];
        erofs[1024..1028].copy_from_slice(&EROFS_MAGIC.1);
        fs::write(labels.join("hearth_1.2.3"), &erofs).unwrap();
        for name in ["hearth_1.2.30.efi", "hearth_1.2.3+2-1.efi", "hearth_1.2.4.efi"] {
            fs::write(entries.join(name), "").unwrap();
        }
        let found = paths.running(version);
        assert_eq!(found[&FileRole::Root], labels.join("hearth_1.2.3"));
        assert_eq!(found[&FileRole::Uki], entries.join("hearth_1.2.3+2-1.efi"));

        // The label may lead to the hash tree as well.
        fs::write(labels.join("hearth_1.2.3"), [&VERITY_MAGIC[..], &[0; 4096]].concat()).unwrap();
        assert_eq!(paths.running(version).keys().next(), Some(&FileRole::Verity));
    }
}
