use super::disks::Disk;
use super::uses::{Use, Uses};

/// What the data partition needs at least, in bytes; `SizeMinBytes` of the image's `30-data.conf`.
pub const NEEDED_FOR_DATA_BYTES: u64 = 1 << 30;
/// What partitions of the image are counted in, in bytes; a GPT in other sectors is another table.
const SECTOR_BYTES: u64 = 512;
/// Where what a person would miss at once is mounted.
const SYSTEM: [&str; 8] = ["/", "/boot", "/efi", "/etc", "/home", "/nix", "/usr", "/var"];

/// Why a disk may not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It holds the system that runs.
    #[error("`{disk}` holds the system that runs on this machine: {uses}")]
    System {
        /// The disk.
        disk: String,
        /// What is used of it.
        uses: String,
    },
    /// It is in use.
    #[error("`{disk}` is in use: {uses}. Unmount it first, for example with `sudo umount {}`", devices.join(" "))]
    InUse {
        /// The disk.
        disk: String,
        /// What is used of it.
        uses: String,
        /// The devices to unmount.
        devices: Vec<String>,
    },
    /// It cannot be written.
    #[error("`{disk}` is write-protected; an SD card has a switch for that at its side")]
    ReadOnly {
        /// The disk.
        disk: String,
    },
    /// It has no room.
    #[error("`{disk}` has {found_bytes} bytes, and the image with the least for data needs {needed_bytes}")]
    TooSmall {
        /// The disk.
        disk: String,
        /// What it has.
        found_bytes: u64,
        /// What the image needs.
        needed_bytes: u64,
    },
    /// Its sectors are not those of the image's partition table.
    #[error("`{disk}` has sectors of {found_bytes} bytes, and the image is made for {SECTOR_BYTES}")]
    Sectors {
        /// The disk.
        disk: String,
        /// What it has.
        found_bytes: u64,
    },
    /// It is a part of a disk.
    #[error("`{partition}` is a partition; name the whole disk, `{disk}`")]
    Partition {
        /// What was named.
        partition: String,
        /// The disk that it is on.
        disk: String,
    },
    /// It is none.
    #[error("`{path}` is no disk: it is {found}. `hearth flash` without a disk lists those that there are")]
    NotADisk {
        /// What was named.
        path: String,
        /// What it is.
        found: &'static str,
    },
}

/// Says why an image of `image_bytes` may not be written to a disk; `None` when it may.
pub fn refusal(disk: &Disk, uses: &Uses, image_bytes: u64) -> Option<Refusal> {
    let name = disk.path.display().to_string();
    let used = uses.of(disk);
    if !used.is_empty() {
        let words = used.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let is_system = used.iter().any(|one| match one {
            Use::Mounted { at, .. } => SYSTEM.contains(&at.as_str()) || at.starts_with("/boot/"),
            Use::Swap { .. } => true,
            Use::Held { .. } => false,
        });
        if is_system {
            return Some(Refusal::System { disk: name, uses: words });
        }
        let devices = used.iter().map(|one| one.device().to_owned()).collect();
        return Some(Refusal::InUse { disk: name, uses: words, devices });
    }
    if disk.is_read_only {
        return Some(Refusal::ReadOnly { disk: name });
    }
    if disk.sector_bytes != SECTOR_BYTES {
        return Some(Refusal::Sectors { disk: name, found_bytes: disk.sector_bytes });
    }
    let needed_bytes = image_bytes.saturating_add(NEEDED_FOR_DATA_BYTES);
    (disk.size_bytes < needed_bytes).then_some(Refusal::TooSmall {
        disk: name,
        found_bytes: disk.size_bytes,
        needed_bytes,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_least_room_for_data_is_that_of_the_image() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../system-config/usr/lib/repart.d/30-data.conf");
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.lines().any(|line| line == "SizeMinBytes=1G"), "NEEDED_FOR_DATA_BYTES is 1 GiB");
        assert_eq!(super::NEEDED_FOR_DATA_BYTES, 1 << 30);
    }
}
