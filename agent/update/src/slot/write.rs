//! A release into the slot that does not run, and out of it.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hearth_model::os::{BootEntry, ReleaseVersion, SlotProgress};

use super::disk::{Slot, identifiers};
use super::error::{Error, Result};
use super::program::Transferred;
use super::{Answers, Machine, PROGRESS, program};
use crate::release::{Description, FileRole, ReleaseFile};
use crate::verity;

/// Bytes of a hash tree that its root hash is made of: superblock and top block, for every block size there is.
const TOP_OF_TREE_BYTES: u64 = 128 * 1024;
/// Steps of progress that are not written down, in bytes.
const PROGRESS_STEP_BYTES: u64 = 4 * 1024 * 1024;
/// What a cluster of the boot partition and a longer folder may take beside the file itself, in bytes.
const ESP_SPARE_BYTES: u64 = 256 * 1024;

impl Machine {
    pub(super) fn write(&self, version: ReleaseVersion) -> Result<()> {
        self.check_other_may_change(version)?;
        let staged = Staged::read(self, version)?;
        let slot = self.disk.other_slot()?;
        let (root, tree) = (&staged.root, &staged.tree);
        for (what, file, partition) in [("root", root, &slot.root), ("hash tree", tree, &slot.verity)] {
            if file.size_bytes > partition.size_bytes {
                return Err(Error::TooLarge {
                    what,
                    needed_bytes: file.size_bytes,
                    bytes: partition.size_bytes,
                });
            }
        }
        let progress = Progress::new(self, [root.size_bytes, tree.size_bytes]);
        // What is overwritten is not started any more, and neither is what was there of this release before.
        self.esp.remove(|entry| entry.version != self.running)?;
        if !(slot.holds(version) && self.has_identifiers(&slot, &staged.description.root_hash)) {
            self.disk.empty(&slot, Some(&staged.description.root_hash))?;
            let mut sysupdate = self.sysupdate(&self.programs.slot, version);
            let socket = self.answers.join("notify");
            if let Err(error) =
                program::run_with_progress(&mut sysupdate, &socket, &|how_far| progress.written(how_far))
            {
                self.disk.empty(&slot, None)?;
                return Err(error);
            }
        }
        progress.read_back(0);
        let slot = self.disk.other_slot()?;
        let checked = self.check_labels(&slot, &staged.description).and_then(|()| {
            self.read_back("root", &slot.root, root, &|done| progress.read_back(done))?;
            self.read_back("hash tree", &slot.verity, tree, &|done| {
                progress.read_back(root.size_bytes + done);
            })
        });
        if checked.is_err() {
            self.disk.empty(&slot, None)?;
        }
        checked
    }

    pub(super) fn enable(&self, version: ReleaseVersion) -> Result<()> {
        self.check_other_may_change(version)?;
        let staged = Staged::read(self, version)?;
        let slot = self.disk.other_slot()?;
        self.check_labels(&slot, &staged.description)?;
        let top = self.disk.beginning(&slot.verity, TOP_OF_TREE_BYTES.min(staged.tree.size_bytes))?;
        let found = verity::root_hash(&top[..]).map(hex::encode).unwrap_or_else(|error| error.to_string());
        if found != staged.description.root_hash {
            let expected = staged.description.root_hash;
            return Err(Error::ReadBack { what: "hash tree", expected, found });
        }
        // Somebody may have chosen another release; what is new is to be tried.
        self.esp.take_newest()?;
        let is_unwanted = |entry: &BootEntry| {
            entry.version != self.running
                && (entry.version != version || entry.tries_left != Some(FRESH_TRIES))
        };
        self.esp.remove(is_unwanted)?;
        if self.esp.kernel(version)?.is_none() {
            let (needed_bytes, free_bytes) =
                (staged.kernel.size_bytes + ESP_SPARE_BYTES, self.esp.free_bytes()?);
            if needed_bytes > free_bytes {
                let place = self.esp.path.clone();
                return Err(Error::BootPartitionFull { needed_bytes, free_bytes, place });
            }
            program::run(&mut self.sysupdate(&self.programs.kernel, version))?;
        }
        let found = match self.esp.kernel(version)? {
            Some(kernel) if kernel.entry.tries_left == Some(FRESH_TRIES) => self.esp.sha256(&kernel.path)?,
            _ => {
                let found = format!("the boot partition has no kernel of {version} with {FRESH_TRIES} tries");
                return Err(Error::Pretended { program: "systemd-sysupdate", found });
            }
        };
        if found != staged.kernel.sha256 {
            self.esp.remove(|entry| entry.version == version)?;
            let expected = staged.kernel.sha256;
            return Err(Error::ReadBack { what: "kernel", expected, found });
        }
        Ok(())
    }

    pub(super) fn withdraw(&self, version: ReleaseVersion) -> Result<()> {
        if version == self.running {
            return Err(Error::Runs(version));
        }
        if self.esp.kernel(version)?.is_some_and(|kernel| kernel.entry.tries_left.is_none()) {
            return Err(Error::Kept(version));
        }
        self.esp.remove(|entry| entry.version == version)?;
        let slot = self.disk.other_slot()?;
        if slot.holds_part_of(version) {
            self.disk.empty(&slot, None)?;
        }
        Ok(())
    }

    fn sysupdate(&self, transfers: &str, version: ReleaseVersion) -> Command {
        let mut command = Command::new(&self.programs.sysupdate);
        command.args([transfers, "update"]).arg(version.to_string());
        command.env("SYSTEMD_LOG_TARGET", "console").env("LC_ALL", "C.UTF-8");
        command
    }

    fn has_identifiers(&self, slot: &Slot, root_hash: &str) -> bool {
        identifiers(root_hash).is_some_and(|ids| ids == (slot.root.id, slot.verity.id))
    }

    /// Returns when the labels name the release, and the identifiers lead the initrd to it.
    fn check_labels(&self, slot: &Slot, description: &Description) -> Result<()> {
        let version = description.version;
        if slot.holds(version) && self.has_identifiers(slot, &description.root_hash) {
            return Ok(());
        }
        Err(Error::Missing { version, place: "in the slot that does not run" })
    }

    fn read_back(
        &self,
        what: &'static str,
        partition: &super::gpt::Partition,
        file: &ReleaseFile,
        progress: &dyn Fn(u64),
    ) -> Result<()> {
        let found = self.disk.sha256(partition, file.size_bytes, progress)?;
        if found == file.sha256 {
            return Ok(());
        }
        Err(Error::ReadBack { what, expected: file.sha256.clone(), found })
    }
}

/// Tries that a new release has.
const FRESH_TRIES: u32 = 3;

/// A release as the agent laid it out, after everything of it was verified.
struct Staged {
    description: Description,
    root: ReleaseFile,
    tree: ReleaseFile,
    kernel: ReleaseFile,
}

impl Staged {
    fn read(machine: &Machine, version: ReleaseVersion) -> Result<Self> {
        let wrong = |why: String| Error::Staged { version, why };
        let path: PathBuf = machine.staged.join(format!("hearth_{version}.json"));
        let text =
            fs::read(&path).map_err(|source| Error::Io { what: "read", path: path.clone(), source })?;
        let description: Description =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        description.check(&description.board, version).map_err(wrong)?;
        let file = |role: FileRole| {
            let file = description.files.iter().find(|file| file.role == role).cloned();
            let file = file.ok_or_else(|| wrong(format!("it has no {}", role.suffix())))?;
            let name = file.name(version);
            match fs::metadata(machine.staged.join(&name)) {
                Ok(found) if found.is_file() && found.len() == file.size_bytes => Ok(file),
                Ok(found) => {
                    let (expected, found) = (file.size_bytes, found.len());
                    Err(wrong(format!("`{name}` has {found} bytes instead of {expected}")))
                }
                Err(error) => Err(wrong(format!("`{name}`: {error}"))),
            }
        };
        let (root, tree, kernel) = (file(FileRole::Root)?, file(FileRole::Verity)?, file(FileRole::Uki)?);
        Ok(Self { description, root, tree, kernel })
    }
}

/// How far a write is, where the agent reads it. That it cannot be told is no reason to stop.
struct Progress<'a> {
    answers: Answers<'a>,
    /// Of root and hash tree.
    bytes: [u64; 2],
    told: Cell<Option<u64>>,
}

impl<'a> Progress<'a> {
    fn new(machine: &'a Machine, bytes: [u64; 2]) -> Self {
        let progress = Self { answers: Answers(&machine.answers), bytes, told: Cell::new(None) };
        progress.tell(0);
        progress
    }

    fn written(&self, Transferred { done, percent }: Transferred) {
        let done = usize::from(done).min(self.bytes.len());
        let before: u64 = self.bytes[..done].iter().sum();
        let present = self.bytes.get(done).copied().unwrap_or_default();
        self.tell((before + present / 100 * u64::from(percent)) / 2);
    }

    fn read_back(&self, bytes: u64) {
        self.tell((self.bytes.iter().sum::<u64>() + bytes) / 2);
    }

    fn tell(&self, done_bytes: u64) {
        if self.told.get().is_some_and(|told| done_bytes < told + PROGRESS_STEP_BYTES) {
            return;
        }
        self.told.set(Some(done_bytes));
        let total_bytes = self.bytes.iter().sum();
        let _ = self.answers.put(PROGRESS, &SlotProgress { done_bytes, total_bytes });
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.answers.0.join(format!("{PROGRESS}.json")));
    }
}
