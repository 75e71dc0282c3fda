//! The boot partition: the kernels that the boot loader can start, their counters, and which of them it takes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hearth_model::os::{BootEntry, ReleaseVersion};
use rustix::fs::{Advice, IFlags};
use sha2::{Digest, Sha256};

use super::error::{Error, Result};

/// The vendor under which systemd-boot keeps its variables
/// ([Boot Loader Interface](https://systemd.io/BOOT_LOADER_INTERFACE/)).
const VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// Variables that go before `default` of `loader.conf`; a person at the boot menu may have set them.
const CHOICES: [&str; 2] = ["LoaderEntryDefault", "LoaderEntryOneShot"];
/// The newest release with tries left.
const NEWEST: &str = "hearth_*";

/// The boot partition.
#[derive(Debug, Clone)]
pub(super) struct Esp {
    /// Where it is mounted.
    pub(super) path: PathBuf,
    /// Where variables of the firmware are.
    pub(super) variables: PathBuf,
}

/// A kernel that the boot loader can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kernel {
    /// Of which release, with how many tries left.
    pub(super) entry: BootEntry,
    /// The file.
    pub(super) path: PathBuf,
}

impl Esp {
    fn folder(&self) -> PathBuf {
        self.path.join("EFI/Linux")
    }

    fn failed(&self, what: &'static str) -> impl Fn(io::Error) -> Error + use<'_> {
        move |source| Error::Io { what, path: self.folder(), source }
    }

    /// Returns the kernels of Hearth's releases.
    pub(super) fn kernels(&self) -> Result<Vec<Kernel>> {
        let files: io::Result<Vec<_>> = fs::read_dir(self.folder()).and_then(Iterator::collect);
        let files = files.map_err(self.failed("read"))?;
        let kernel = |file: &fs::DirEntry| {
            let entry = BootEntry::of_file(file.file_name().to_str()?)?;
            Some(Kernel { entry, path: file.path() })
        };
        Ok(files.iter().filter_map(kernel).collect())
    }

    /// Returns the kernel of a release. Of several, which only a cut leaves, the one that was kept.
    pub(super) fn kernel(&self, version: ReleaseVersion) -> Result<Option<Kernel>> {
        let of_it = self.kernels()?.into_iter().filter(|kernel| kernel.entry.version == version);
        Ok(of_it.min_by_key(|kernel| kernel.entry.tries_left))
    }

    /// Removes the kernels that `unwanted` names, and what writes that were cut off left behind.
    pub(super) fn remove(&self, unwanted: impl Fn(&BootEntry) -> bool) -> Result<()> {
        for kernel in self.kernels()?.into_iter().filter(|kernel| unwanted(&kernel.entry)) {
            fs::remove_file(&kernel.path).map_err(self.failed("remove a kernel from"))?;
        }
        let files: io::Result<Vec<_>> = fs::read_dir(self.folder()).and_then(Iterator::collect);
        for file in files.map_err(self.failed("read"))? {
            // What systemd-sysupdate calls a file until it is whole.
            if file.file_name().to_str().is_some_and(|name| name.starts_with(".#")) {
                fs::remove_file(file.path()).map_err(self.failed("remove an unfinished file from"))?;
            }
        }
        self.sync()
    }

    /// Gives a kernel another counter: its tries left and done, or none once it was kept.
    pub(super) fn rename(&self, kernel: &Kernel, counter: &str) -> Result<()> {
        let name = format!("hearth_{}{counter}.efi", kernel.entry.version);
        fs::rename(&kernel.path, self.folder().join(name)).map_err(self.failed("rename a kernel in"))?;
        self.sync()
    }

    /// Returns how many bytes are free.
    pub(super) fn free_bytes(&self) -> Result<u64> {
        let space =
            rustix::fs::statvfs(&self.path).map_err(io::Error::from).map_err(self.failed("measure"))?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// Returns the SHA-256 of a file, hexadecimal, read from the disk again.
    pub(super) fn sha256(&self, file: &Path) -> Result<String> {
        self.sync()?;
        let read = || {
            let mut file = File::open(file)?;
            file.sync_all()?;
            rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
            let mut hash = Sha256::new();
            io::copy(&mut file, &mut hash)?;
            Ok(hex::encode(hash.finalize()))
        };
        read().map_err(|source| Error::Io { what: "read back", path: file.to_owned(), source })
    }

    /// Returns when everything is on the disk.
    pub(super) fn sync(&self) -> Result<()> {
        let sync = || File::open(&self.path).and_then(|folder| Ok(rustix::fs::syncfs(&folder)?));
        sync().map_err(self.failed("write to the disk what changed in"))
    }

    /// Has the boot loader take the newest release that has tries left, whatever somebody chose before.
    pub(super) fn take_newest(&self) -> Result<()> {
        self.set_default(NEWEST)
    }

    /// Has the boot loader take this release as long as it was kept or has tries left, else the newest.
    pub(super) fn take(&self, version: ReleaseVersion) -> Result<()> {
        self.set_default(&preferring(version))
    }

    fn set_default(&self, pattern: &str) -> Result<()> {
        for name in CHOICES {
            let path = self.variables.join(format!("{name}-{VENDOR}"));
            forget(&path).map_err(|source| Error::Io {
                what: "remove the firmware's variable",
                path,
                source,
            })?;
        }
        let path = self.path.join("loader/loader.conf");
        let change = || {
            let before = match fs::read_to_string(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
                read => read?,
            };
            let after = with_default(&before, pattern);
            if after == before {
                return Ok(());
            }
            let beside = self.path.join("loader/loader.conf.new");
            let mut file = File::create(&beside)?;
            file.write_all(after.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        };
        change().map_err(|source| Error::Io { what: "write", path: path.clone(), source })?;
        self.sync()
    }
}

/// Removes a variable of the firmware; the kernel protects them from being removed by mistake.
fn forget(path: &Path) -> io::Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    if let Ok(flags) = rustix::fs::ioctl_getflags(&file) {
        rustix::fs::ioctl_setflags(&file, flags - IFlags::IMMUTABLE)?;
    }
    fs::remove_file(path)
}

/// Returns a pattern that names the file of a release without a counter and with tries left, but not with none:
/// `hearth_1.4.0.efi`, `hearth_1.4.0+3-0.efi`, and not `hearth_1.4.0+0-3.efi`. Whatever it does not name, the boot loader
/// sorts, newest first, and takes the first.
fn preferring(version: ReleaseVersion) -> String {
    format!("hearth_{version}[.+][e1-9]*")
}

/// Returns `loader.conf` with another `default`
/// ([loader.conf](https://www.freedesktop.org/software/systemd/man/latest/loader.conf.html)).
fn with_default(text: &str, pattern: &str) -> String {
    let line = format!("default {pattern}");
    let is_default = |line: &str| line.split_ascii_whitespace().next() == Some("default");
    let mut lines: Vec<&str> = text.lines().filter(|line| !is_default(line)).collect();
    let at = text.lines().position(is_default).unwrap_or(lines.len()).min(lines.len());
    lines.insert(at, &line);
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests;
