use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use super::disks::{Disk, System};
use super::error::{Error, Result};

/// What a disk, or a part of it, is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// A file system on it is mounted.
    Mounted {
        /// The device with the file system.
        device: String,
        /// Where.
        at: String,
    },
    /// The machine swaps to it.
    Swap {
        /// The device.
        device: String,
    },
    /// Something else is made of it.
    Held {
        /// The device.
        device: String,
        /// What.
        by: String,
    },
}

impl Use {
    /// Returns the device file, for example `/dev/sdb1`.
    pub fn device(&self) -> &str {
        let (Self::Mounted { device, .. } | Self::Swap { device } | Self::Held { device, .. }) = self;
        device
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mounted { device, at } => write!(f, "`{device}` is mounted at `{at}`"),
            Self::Swap { device } => write!(f, "`{device}` is swap"),
            Self::Held { device, by } => write!(f, "`{device}` is part of `{by}`"),
        }
    }
}

/// What all disks of a machine are used for.
#[derive(Debug, Clone, Default)]
pub struct Uses(BTreeMap<String, Vec<Use>>);

impl Uses {
    /// Reads them anew; they change when somebody plugs in a disk.
    ///
    /// # Errors
    /// When the list of mounts cannot be read. Without it no disk may be written.
    pub fn read(system: &System) -> Result<Self> {
        let mut uses = Self::default();
        let path = system.proc.join("self/mountinfo");
        let mounts = fs::read_to_string(&path).map_err(|source| Error::List { path, source })?;
        for (number, at, source) in mounts.lines().filter_map(mount) {
            // File systems of several disks have a number of their own; what they name is one of the disks.
            let device = fs::read_link(system.sys.join("dev/block").join(number))
                .ok()
                .or_else(|| source.starts_with("/dev/").then(|| real(&source)));
            if let Some(name) = device.as_deref().and_then(name) {
                let device = format!("/dev/{name}");
                uses.add(name, Use::Mounted { device, at });
            }
        }
        let swaps = fs::read_to_string(system.proc.join("swaps")).unwrap_or_default();
        for path in swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next()) {
            if let Some(name) = name(&real(path)) {
                uses.add(name, Use::Swap { device: path.to_owned() });
            }
        }
        uses.add_btrfs(system);
        Ok(uses)
    }

    /// Returns what a disk is used for; empty when nothing uses it.
    pub fn of(&self, disk: &Disk) -> Vec<Use> {
        let whole = (&disk.name, &disk.holders);
        let parts = disk.partitions.iter().map(|partition| (&partition.name, &partition.holders));
        let mut found = Vec::new();
        for (name, holders) in std::iter::once(whole).chain(parts) {
            found.extend(self.0.get(name).into_iter().flatten().cloned());
            for by in holders {
                found.extend(self.0.get(by).into_iter().flatten().cloned());
                found.push(Use::Held { device: format!("/dev/{name}"), by: by.clone() });
            }
        }
        found
    }

    /// The list of mounts names one disk of a btrfs; sysfs has a folder for each that is mounted, with all of them.
    fn add_btrfs(&mut self, system: &System) {
        for filesystem in fs::read_dir(system.sys.join("fs/btrfs")).into_iter().flatten().flatten() {
            for device in fs::read_dir(filesystem.path().join("devices")).into_iter().flatten().flatten() {
                let name = device.file_name().to_string_lossy().into_owned();
                if !self.0.contains_key(&name) {
                    let by = format!("btrfs {}", filesystem.file_name().to_string_lossy());
                    self.add(&name, Use::Held { device: format!("/dev/{name}"), by });
                }
            }
        }
    }

    fn add(&mut self, name: &str, one: Use) {
        let known = self.0.entry(name.to_owned()).or_default();
        if !known.contains(&one) {
            known.push(one);
        }
    }
}

/// Returns number, mount point and source of a line of
/// [mountinfo](https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html).
fn mount(line: &str) -> Option<(&str, String, String)> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(2);
    let (number, at) = (before.next()?, before.nth(1)?);
    Some((number, unescape(at), unescape(after.split(' ').nth(1)?)))
}

/// Undoes mountinfo's writing of a space as `\040`.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

/// Follows links such as `/dev/mapper/root`.
fn real(path: &str) -> std::path::PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.into())
}

fn name(device: &Path) -> Option<&str> {
    device.file_name()?.to_str()
}
