//! The disk with its two slots: which one runs, what the other one is called, and what is really in it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hearth_model::os::ReleaseVersion;
use rustix::fs::{FlockOperation, OFlags};
use sha2::{Digest, Sha256};

use super::error::{Error, Result};
use super::gpt::{Guid, Partition, Table, guid};

/// Types of a root and its hash tree
/// ([Discoverable Partitions](https://uapi-group.org/specifications/specs/discoverable_partitions_specification/)).
const KINDS: [(Guid, Guid); 2] = [
    // x86-64
    (guid(0x4f68_bce3_e8cd_4db1_96e7_fbca_f984_b709), guid(0x2c73_57ed_ebd2_46d9_aec1_23d4_37ec_2bf5)),
    // arm64
    (guid(0xb921_b045_1df0_41c3_af44_4c6f_280d_3fae), guid(0xdf33_00ce_d69f_4c92_978c_9bfb_0f38_d820)),
];
/// The label of a slot with nothing in it; systemd-sysupdate writes only into such.
const EMPTY: &str = "_empty";
/// Reads past the cache begin and end at multiples of this, in memory and on the disk.
const ALIGNMENT: usize = 4096;
/// Bytes of one read.
const READ_BYTES: usize = 1024 * 1024;

/// The disk that the running root is on.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    /// Its device.
    pub(super) path: PathBuf,
    /// Numbers of the partitions that the running root is made of.
    pub(super) in_use: Vec<usize>,
}

/// The slot that does not run.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// The root.
    pub(super) root: Partition,
    /// Its hash tree.
    pub(super) verity: Partition,
}

impl Slot {
    /// Tells whether both labels name this release.
    pub(super) fn holds(&self, version: ReleaseVersion) -> bool {
        [&self.root, &self.verity].iter().all(|partition| partition.label == label(version))
    }

    /// Tells whether a label names this release.
    pub(super) fn holds_part_of(&self, version: ReleaseVersion) -> bool {
        [&self.root, &self.verity].iter().any(|partition| partition.label == label(version))
    }
}

/// Returns the label of partitions with a release.
fn label(version: ReleaseVersion) -> String {
    format!("hearth_{version}")
}

/// Returns the identifiers by which the initrd finds root and hash tree of a root hash, 64 hexadecimal digits
/// ([systemd-veritysetup-generator](https://www.freedesktop.org/software/systemd/man/latest/systemd-veritysetup-generator.html)).
pub(super) fn identifiers(root_hash: &str) -> Option<(Guid, Guid)> {
    let half = |range| u128::from_str_radix(root_hash.get::<std::ops::Range<usize>>(range)?, 16).ok();
    Some((guid(half(0..32)?), guid(half(32..64)?)))
}

impl Disk {
    /// Finds the disk below the root that runs: `/` is on device-mapper, and that on two partitions.
    pub(super) fn of_running_root(sys: &Path, dev: &Path, root: &Path) -> Result<Self> {
        let failed = |source| Error::Io {
            what: "find the disk of the running system, at",
            path: root.to_owned(),
            source,
        };
        let number = fs::metadata(root).map_err(failed)?.dev();
        let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
        let mut in_use = Vec::new();
        let mut disk = None;
        for slave in fs::read_dir(sys.join(format!("dev/block/{major}:{minor}/slaves"))).map_err(failed)? {
            let partition = fs::canonicalize(slave.map_err(failed)?.path()).map_err(failed)?;
            let text = fs::read_to_string(partition.join("partition")).map_err(failed)?;
            in_use.extend(text.trim().parse::<usize>());
            disk = partition.parent().and_then(Path::file_name).map(|name| dev.join(name));
        }
        match disk {
            Some(path) => Ok(Self { path, in_use }),
            None => Err(Error::Layout(format!(
                "the running system lies on no partitions (device {major}:{minor})"
            ))),
        }
    }

    fn failed(&self, what: &'static str) -> impl Fn(io::Error) -> Error + use<'_> {
        move |source| Error::Io { what, path: self.path.clone(), source }
    }

    fn table(&self) -> Result<Table> {
        let failed = self.failed("read the partition table of");
        File::open(&self.path).and_then(|disk| Table::read(&disk)).map_err(failed)
    }

    /// Returns the slot that does not run.
    pub(super) fn other_slot(&self) -> Result<Slot> {
        let partitions = self.table()?.partitions();
        let of_kind = |kind: Guid| partitions.iter().filter(move |partition| partition.kind == kind);
        // Slot A is the first root and the first hash tree, slot B the second of each.
        let slots: Vec<Slot> = KINDS
            .into_iter()
            .flat_map(|(root, verity)| of_kind(root).cloned().zip(of_kind(verity).cloned()))
            .map(|(root, verity)| Slot { root, verity })
            .collect();
        let runs =
            |slot: &Slot| [&slot.root, &slot.verity].map(|partition| self.in_use.contains(&partition.number));
        let free: Vec<&Slot> = slots.iter().filter(|slot| runs(slot) == [false, false]).collect();
        let running = slots.iter().filter(|slot| runs(slot) == [true, true]).count();
        match free[..] {
            [slot] if running == 1 => Ok(slot.clone()),
            _ => Err(Error::Layout(format!(
                "`{}` has {} slots of which {running} runs and {} are free",
                self.path.display(),
                slots.len(),
                free.len()
            ))),
        }
    }

    /// Says of the slot that does not run that nothing is in it. With `root_hash` it also gets the identifiers by which
    /// that root will be found; systemd-sysupdate leaves them as they are.
    pub(super) fn empty(&self, slot: &Slot, root_hash: Option<&str>) -> Result<()> {
        let (root, verity) = root_hash.and_then(identifiers).unzip();
        let failed = self.failed("write the partition table of");
        let change = || {
            let disk = OpenOptions::new().read(true).write(true).open(&self.path)?;
            // udev does not look meanwhile, and looks again when it is closed.
            rustix::fs::flock(&disk, FlockOperation::LockExclusive)?;
            let mut table = Table::read(&disk)?;
            table.set(slot.root.number, EMPTY, root);
            table.set(slot.verity.number, EMPTY, verity);
            table.write(&disk)
        };
        change().map_err(failed)
    }

    /// Returns the SHA-256 of the first bytes of a partition, hexadecimal, as they are on the disk: past the cache.
    pub(super) fn sha256(
        &self,
        partition: &Partition,
        size_bytes: u64,
        progress: &dyn Fn(u64),
    ) -> Result<String> {
        let mut hash = Sha256::new();
        let read = self.read(partition, size_bytes, &mut |bytes, done| {
            hash.update(bytes);
            progress(done);
        });
        read.map_err(self.failed("read back what was written to"))?;
        Ok(hex::encode(hash.finalize()))
    }

    /// Returns the first bytes of a partition, as they are on the disk.
    pub(super) fn beginning(&self, partition: &Partition, size_bytes: u64) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        let read = self.read(partition, size_bytes, &mut |bytes, _| all.extend_from_slice(bytes));
        read.map_err(self.failed("read back what was written to"))?;
        Ok(all)
    }

    fn read(
        &self,
        partition: &Partition,
        size_bytes: u64,
        take: &mut dyn FnMut(&[u8], u64),
    ) -> io::Result<()> {
        let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or_default();
        let disk = OpenOptions::new().read(true).custom_flags(flags).open(&self.path)?;
        let mut memory = vec![0_u8; READ_BYTES + ALIGNMENT];
        let offset = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        let buffer = &mut memory[offset..offset + READ_BYTES];
        let mut done = 0;
        while done < size_bytes {
            // A whole number of blocks, also behind the last byte: the partition goes on.
            let room = usize::try_from(partition.size_bytes - done).unwrap_or(READ_BYTES).min(READ_BYTES);
            let got = disk.read_at(&mut buffer[..room], partition.start + done)?;
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let wanted = usize::try_from(size_bytes - done).unwrap_or(got).min(got);
            done += wanted as u64;
            take(&buffer[..wanted], done);
        }
        Ok(())
    }
}
