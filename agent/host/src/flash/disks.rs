use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::{Error, Result};
use super::refusal::Refusal;

/// What sysfs counts sizes in, whatever the sectors of the disk are
/// ([ABI](https://docs.kernel.org/admin-guide/abi-stable.html)).
const SYSFS_BLOCK_BYTES: u64 = 512;
/// What looks like a disk and is none, or none to put a system on: memory, mappings of other disks, optical drives.
const NO_DISKS: [&str; 8] = ["dm-", "fd", "loop", "md", "nbd", "ram", "sr", "zram"];

/// A whole disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Its device, for example `/dev/sdb`.
    pub path: PathBuf,
    /// Its name to the kernel, for example `sdb`.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its logical sectors.
    pub sector_bytes: u64,
    /// Who made it and what it is called, as it says itself.
    pub model: Option<String>,
    /// How it is connected.
    pub connection: Connection,
    /// Whether the disk itself says that its medium can be taken out.
    pub is_removable: bool,
    /// Whether it refuses to be written.
    pub is_read_only: bool,
    /// What is on it without a partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Other devices that are made of it, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<String>,
    /// Its partitions, in order.
    pub partitions: Vec<Partition>,
}

/// How a disk is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// By USB.
    Usb,
    /// An SD card in a reader of the machine's own.
    SdCard,
    /// By NVMe.
    Nvme,
    /// By SATA.
    Sata,
    /// A disk of a virtual machine.
    Virtual,
    /// A file that is used as a disk.
    Loop,
    /// In some other way.
    Other,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its name to the kernel, for example `sdb1`.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// What is on it: file system and name, as far as they are known.
    pub content: Option<String>,
    /// Other devices that are made of it, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<String>,
}

impl Disk {
    /// Tells whether it is one that a person plugs in and out: only those are offered.
    pub fn is_offered(&self) -> bool {
        self.is_removable || matches!(self.connection, Connection::Usb | Connection::SdCard)
    }
}

/// Where the kernel and udev tell of disks.
#[derive(Debug, Clone)]
pub struct System {
    pub(super) sys: PathBuf,
    pub(super) proc: PathBuf,
    udev: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self { sys: "/sys".into(), proc: "/proc".into(), udev: "/run/udev/data".into() }
    }
}

impl System {
    /// Lists the disks of this machine that have a medium, by name.
    ///
    /// # Errors
    /// When sysfs cannot be read.
    pub fn disks(&self) -> Result<Vec<Disk>> {
        let folder = self.sys.join("block");
        let mut names = names(&folder).map_err(|source| Error::List { path: folder, source })?;
        names.retain(|name| !NO_DISKS.iter().any(|prefix| name.starts_with(prefix)));
        let mut disks: Vec<Disk> = names.iter().map(|name| self.disk(name)).collect();
        disks.retain(|disk| disk.size_bytes > 0);
        Ok(disks)
    }

    /// Returns the disk that a path names.
    ///
    /// # Errors
    /// When nothing is there, or something that is no whole disk.
    pub fn disk_at(&self, path: &Path) -> Result<Disk> {
        let metadata = fs::metadata(path).map_err(Error::read(path))?;
        let kind = metadata.file_type();
        if !kind.is_block_device() {
            let found = match () {
                () if kind.is_dir() => "a folder",
                () if kind.is_file() => "a file",
                () => "something else",
            };
            return Err(Refusal::NotADisk { path: path.display().to_string(), found }.into());
        }
        let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
        let link = self.sys.join(format!("dev/block/{major}:{minor}"));
        let device = fs::canonicalize(&link).map_err(|source| Error::List { path: link, source })?;
        if device.join("partition").exists() {
            let disk = device.parent().map(name_of).unwrap_or_default();
            return Err(Refusal::Partition {
                partition: path.display().to_string(),
                disk: node(&disk).display().to_string(),
            }
            .into());
        }
        Ok(self.disk(&name_of(&device)))
    }

    fn disk(&self, name: &str) -> Disk {
        let device = self.sys.join("block").join(name);
        let real = fs::canonicalize(&device).unwrap_or_else(|_| device.clone());
        let mut partitions: Vec<(u64, Partition)> = names(&device)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|name| {
                let folder = device.join(&name);
                let number = number(&folder.join("partition"))?;
                Some((number, self.partition(name, &folder)))
            })
            .collect();
        partitions.sort_by_key(|(number, _)| *number);
        let words = [text(&device.join("device/vendor")), text(&device.join("device/model"))];
        let model = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let model =
            Some(model).filter(|model| !model.is_empty()).or_else(|| text(&device.join("device/name")));
        Disk {
            path: node(name),
            name: name.to_owned(),
            size_bytes: size(&device),
            sector_bytes: number(&device.join("queue/logical_block_size")).unwrap_or(SYSFS_BLOCK_BYTES),
            model: model.or_else(|| text(&device.join("loop/backing_file"))),
            connection: connection(&real, &device),
            is_removable: number(&device.join("removable")) == Some(1),
            is_read_only: number(&device.join("ro")) == Some(1),
            content: self.content(&device),
            holders: self.holders(&device),
            partitions: partitions.into_iter().map(|(_, partition)| partition).collect(),
        }
    }

    fn partition(&self, name: String, folder: &Path) -> Partition {
        Partition {
            size_bytes: size(folder),
            content: self.content(folder),
            holders: self.holders(folder),
            name,
        }
    }

    /// Returns file system and name of what is on a device, out of udev's database, and the name that its partition table
    /// has where udev does not run.
    fn content(&self, device: &Path) -> Option<String> {
        let number = text(&device.join("dev"))?;
        let known = fs::read_to_string(self.udev.join(format!("b{number}"))).unwrap_or_default();
        let find = |name: &str| {
            known.lines().find_map(|line| {
                line.strip_prefix("E:")?.strip_prefix(name)?.strip_prefix('=').map(str::to_owned)
            })
        };
        let event = fs::read_to_string(device.join("uevent")).unwrap_or_default();
        let name = find("ID_FS_LABEL")
            .or_else(|| event.lines().find_map(|line| line.strip_prefix("PARTNAME=").map(str::to_owned)));
        let words: Vec<String> = [find("ID_FS_TYPE"), name].into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Returns the names of the devices that are made of one, and of those that are made of these in turn.
    fn holders(&self, device: &Path) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut open = vec![device.to_owned()];
        while let Some(device) = open.pop() {
            for name in names(&device.join("holders")).unwrap_or_default() {
                if !found.contains(&name) {
                    open.push(self.sys.join("block").join(&name));
                    found.push(name);
                }
            }
        }
        found
    }
}

fn connection(real: &Path, device: &Path) -> Connection {
    let path = real.to_string_lossy();
    let has = |part: &str| path.contains(part);
    if has("/usb") {
        Connection::Usb
    } else if has("/mmc") {
        let is_card = text(&device.join("device/type")).is_some_and(|kind| kind == "SD");
        if is_card { Connection::SdCard } else { Connection::Other }
    } else if has("/nvme") {
        Connection::Nvme
    } else if has("/ata") {
        Connection::Sata
    } else if has("/virtio") {
        Connection::Virtual
    } else if has("/loop") {
        Connection::Loop
    } else {
        Connection::Other
    }
}

/// Returns the device file of a kernel name, in which a slash is written as `!`.
fn node(name: &str) -> PathBuf {
    Path::new("/dev").join(name.replace('!', "/"))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn size(device: &Path) -> u64 {
    number(&device.join("size")).unwrap_or(0).saturating_mul(SYSFS_BLOCK_BYTES)
}

fn number(path: &Path) -> Option<u64> {
    text(path)?.parse().ok()
}

/// Returns what a file of sysfs says, if it says anything.
fn text(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
impl System {
    /// Returns one whose files lie in a folder of a test.
    pub(super) fn below(root: &Path) -> Self {
        Self { sys: root.join("sys"), proc: root.join("proc"), udev: root.join("udev") }
    }
}

#[cfg(test)]
mod tests;
