use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::machine::Machine;
use crate::process::run;

/// File systems that Hearth keeps data on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// Snapshots are cheap and atomic.
    Btrfs,
    /// Snapshots are copies.
    Ext4,
}

impl FileSystem {
    fn make(self, file: &str) -> Result<String> {
        match self {
            Self::Btrfs => run("mkfs.btrfs", &["-q", file]),
            // Nothing is kept back for root, so that a full disk is full.
            Self::Ext4 => run("mkfs.ext4", &["-q", "-m", "0", file]),
        }
    }
}

/// A disk of a chosen size, held in a file and mounted in the test's folder.
#[derive(Debug)]
pub struct Disk {
    file: PathBuf,
    mount_point: PathBuf,
    mounted: bool,
}

impl Disk {
    /// Makes and mounts a disk; at least 128 MiB for btrfs.
    ///
    /// # Errors
    /// Without root or the file system's tools.
    pub fn new(machine: &Machine, name: &str, file_system: FileSystem, mebibytes: u64) -> Result<Self> {
        Self::mounted_at(machine, name, &machine.path(name), file_system, mebibytes)
    }

    /// Makes a disk and mounts it at a folder, which is made.
    ///
    /// # Errors
    /// As [`Disk::new`].
    pub fn mounted_at(
        machine: &Machine,
        name: &str,
        mount_point: &Path,
        file_system: FileSystem,
        mebibytes: u64,
    ) -> Result<Self> {
        let file = machine.path(&format!("{name}.disk"));
        let mount_point = mount_point.to_owned();
        File::create(&file)?.set_len(mebibytes * 1024 * 1024).context("failed to make a disk")?;
        file_system.make(&file.to_string_lossy())?;
        fs::create_dir_all(&mount_point)?;
        let mut disk = Self { file, mount_point, mounted: false };
        disk.mount()?;
        Ok(disk)
    }

    /// Returns where it is mounted.
    pub fn path(&self) -> &Path {
        &self.mount_point
    }

    /// Mounts it.
    ///
    /// # Errors
    /// When it is mounted or damaged.
    pub fn mount(&mut self) -> Result<()> {
        run("mount", &["-o", "loop", &self.file.to_string_lossy(), &self.mount_point.to_string_lossy()])?;
        self.mounted = true;
        Ok(())
    }

    /// Mounts it at another folder, which is made.
    ///
    /// # Errors
    /// As [`Disk::mount`].
    pub fn mount_at(&mut self, mount_point: &Path) -> Result<()> {
        fs::create_dir_all(mount_point)?;
        mount_point.clone_into(&mut self.mount_point);
        self.mount()
    }

    /// Takes it away, even while files on it are open: new look-ups no longer find it.
    ///
    /// # Errors
    /// When it is not mounted.
    pub fn unmount(&mut self) -> Result<()> {
        run("umount", &["--lazy", &self.mount_point.to_string_lossy()])?;
        self.mounted = false;
        Ok(())
    }

    /// Fills it up to `left_kibibytes`.
    ///
    /// # Errors
    /// When the file system cannot be asked.
    pub fn fill(&self, left_kibibytes: u64) -> Result<()> {
        let free: u64 =
            run("df", &["--output=avail", "--block-size=1K", &self.mount_point.to_string_lossy()])?
                .lines()
                .last()
                .context("df prints a number")?
                .trim()
                .parse()?;
        let kibibytes = free.saturating_sub(left_kibibytes).to_string();
        let file = format!("of={}", self.mount_point.join("filler").display());
        // Ends with an error when the disk is full a little earlier, which is as good.
        let _full =
            run("dd", &["if=/dev/zero", &file, "bs=1K", &format!("count={kibibytes}"), "status=none"]);
        run("sync", &["--file-system", &self.mount_point.to_string_lossy()])?;
        Ok(())
    }

    /// Takes away what [`Self::fill`] wrote.
    ///
    /// # Errors
    /// When it was not filled.
    pub fn empty(&self) -> Result<()> {
        Ok(fs::remove_file(self.mount_point.join("filler"))?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Mounts end with the test's thread in any case.
            let _mounted = self.unmount();
        }
    }
}
