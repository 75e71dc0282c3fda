//! Calls of btrfs that no safe library offers. Each is one ioctl with one plain structure
//! ([linux/btrfs.h](https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/btrfs.h)).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::ioctl::{self, Setter, opcode};

/// `BTRFS_SUPER_MAGIC`.
const MAGIC: u64 = 0x9123_683E;

/// Inode number of the top of a subvolume, `BTRFS_FIRST_FREE_OBJECTID`.
const SUBVOLUME_INODE: u64 = 256;

/// `BTRFS_PATH_NAME_MAX`.
const NAME_MAX: usize = 4087;

/// `struct btrfs_ioctl_vol_args`.
#[repr(C)]
struct VolumeArgs {
    fd: i64,
    name: [u8; NAME_MAX + 1],
}

/// `BTRFS_IOCTL_MAGIC`.
const GROUP: u8 = 0x94;
const SNAP_CREATE: ioctl::Opcode = opcode::write::<VolumeArgs>(GROUP, 1);
const SUBVOL_CREATE: ioctl::Opcode = opcode::write::<VolumeArgs>(GROUP, 14);
const SNAP_DESTROY: ioctl::Opcode = opcode::write::<VolumeArgs>(GROUP, 15);

/// Tells whether a folder lies on btrfs.
pub(super) fn is_btrfs(dir: &Path) -> bool {
    rustix::fs::statfs(dir).is_ok_and(|disk| u64::try_from(disk.f_type) == Ok(MAGIC))
}

/// Tells whether a folder is the top of a subvolume.
pub(super) fn is_subvolume(dir: &Path) -> bool {
    let is_top = std::fs::symlink_metadata(dir).is_ok_and(|dir| dir.is_dir() && dir.ino() == SUBVOLUME_INODE);
    is_top && is_btrfs(dir)
}

/// Makes an empty subvolume.
pub(super) fn create_subvolume(path: &Path) -> io::Result<()> {
    let (parent, args) = at(path, 0)?;
    // SAFETY: the kernel reads one `btrfs_ioctl_vol_args`, which `VolumeArgs` is, and writes nothing.
    #[expect(unsafe_code, reason = "an ioctl of btrfs; see the SAFETY comment")]
    unsafe {
        ioctl::ioctl(parent, Setter::<SUBVOL_CREATE, VolumeArgs>::new(args))?;
    }
    Ok(())
}

/// Makes a writable snapshot of a subvolume. Subvolumes inside it are not part of it, and are empty folders there.
pub(super) fn snapshot(subvolume: &Path, path: &Path) -> io::Result<()> {
    let subvolume = File::open(subvolume)?;
    let (parent, args) = at(path, i64::from(subvolume.as_fd().as_raw_fd()))?;
    // SAFETY: the kernel reads one `btrfs_ioctl_vol_args`, which `VolumeArgs` is, and writes nothing; the descriptor
    // in it is open until after the call.
    #[expect(unsafe_code, reason = "an ioctl of btrfs; see the SAFETY comment")]
    unsafe {
        ioctl::ioctl(parent, Setter::<SNAP_CREATE, VolumeArgs>::new(args))?;
    }
    Ok(())
}

/// Deletes a subvolume with all that is in it. Fails when there are subvolumes inside it.
pub(super) fn delete_subvolume(path: &Path) -> io::Result<()> {
    let (parent, args) = at(path, 0)?;
    // SAFETY: the kernel reads one `btrfs_ioctl_vol_args`, which `VolumeArgs` is, and writes nothing.
    #[expect(unsafe_code, reason = "an ioctl of btrfs; see the SAFETY comment")]
    unsafe {
        ioctl::ioctl(parent, Setter::<SNAP_DESTROY, VolumeArgs>::new(args))?;
    }
    Ok(())
}

/// Returns the folder above, opened, and the last part of the path as the kernel wants it.
fn at(path: &Path, fd: i64) -> io::Result<(File, VolumeArgs)> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let (parent, last) = (path.parent().ok_or_else(invalid)?, path.file_name().ok_or_else(invalid)?);
    let mut name = [0; NAME_MAX + 1];
    // Shorter than the array, so that a zero ends it.
    name[..NAME_MAX].get_mut(..last.len()).ok_or_else(invalid)?.copy_from_slice(last.as_bytes());
    Ok((File::open(parent)?, VolumeArgs { fd, name }))
}
