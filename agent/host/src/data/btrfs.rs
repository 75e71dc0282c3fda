//! Calls of btrfs that no safe library offers. Each is one ioctl with one plain structure
//! ([linux/btrfs.h](https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/btrfs.h)).

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::ioctl::{self, Setter, Updater, opcode};

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

/// Subvolumes that one call lists at most, `BTRFS_MAX_ROOTREF_BUFFER_NUM`.
const MAX_LISTED: usize = 255;

/// `struct btrfs_ioctl_get_subvol_rootref_args`.
#[repr(C)]
struct ListArgs {
    min_id: u64,
    found: [Listed; MAX_LISTED],
    count: u8,
    align: [u8; 7],
}

/// A subvolume inside another: its id, and the inode of the folder that holds it.
#[repr(C)]
#[derive(Clone, Copy)]
struct Listed {
    id: u64,
    dir: u64,
}

/// `struct btrfs_ioctl_ino_lookup_user_args`.
#[repr(C)]
struct PathArgs {
    dir: u64,
    id: u64,
    name: [u8; 256],
    path: [u8; 3824],
}

/// `BTRFS_IOCTL_MAGIC`.
const GROUP: u8 = 0x94;
const SNAP_CREATE: ioctl::Opcode = opcode::write::<VolumeArgs>(GROUP, 1);
const SUBVOL_CREATE: ioctl::Opcode = opcode::write::<VolumeArgs>(GROUP, 14);
const SNAP_DESTROY: ioctl::Opcode = opcode::write::<VolumeArgs>(GROUP, 15);
const GET_SUBVOL_ROOTREF: ioctl::Opcode = opcode::read_write::<ListArgs>(GROUP, 61);
const INO_LOOKUP_USER: ioctl::Opcode = opcode::read_write::<PathArgs>(GROUP, 62);

/// Tells whether a folder lies on btrfs.
pub(super) fn is_btrfs(dir: &Path) -> bool {
    rustix::fs::statfs(dir).is_ok_and(|disk| u64::try_from(disk.f_type) == Ok(MAGIC))
}

/// Tells whether an open folder is the top of a subvolume.
pub(super) fn is_subvolume(dir: impl AsFd) -> bool {
    rustix::fs::fstat(&dir).is_ok_and(|dir| dir.st_ino == SUBVOLUME_INODE)
        && rustix::fs::fstatfs(&dir).is_ok_and(|disk| u64::try_from(disk.f_type) == Ok(MAGIC))
}

/// Makes an empty subvolume.
pub(super) fn create_subvolume(path: &Path) -> io::Result<()> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let (parent, last) = (path.parent().ok_or_else(invalid)?, path.file_name().ok_or_else(invalid)?);
    let (parent, args) = (File::open(parent)?, named(last, 0)?);
    // SAFETY: the kernel reads one `btrfs_ioctl_vol_args`, which `VolumeArgs` is, and writes nothing.
    #[expect(unsafe_code, reason = "an ioctl of btrfs; see the SAFETY comment")]
    unsafe {
        ioctl::ioctl(parent, Setter::<SUBVOL_CREATE, VolumeArgs>::new(args))?;
    }
    Ok(())
}

/// Makes a writable snapshot of a subvolume in an open folder. Subvolumes inside it are empty folders there.
pub(super) fn snapshot(subvolume: impl AsFd, parent: impl AsFd, name: &OsStr) -> io::Result<()> {
    let args = named(name, i64::from(subvolume.as_fd().as_raw_fd()))?;
    // SAFETY: the kernel reads one `btrfs_ioctl_vol_args`, which `VolumeArgs` is, and writes nothing; the descriptor
    // in it is open until after the call.
    #[expect(unsafe_code, reason = "an ioctl of btrfs; see the SAFETY comment")]
    unsafe {
        ioctl::ioctl(parent, Setter::<SNAP_CREATE, VolumeArgs>::new(args))?;
    }
    Ok(())
}

/// Deletes a subvolume of an open folder with all that is in it. Fails when there are subvolumes inside it.
pub(super) fn delete_subvolume(parent: impl AsFd, name: &CStr) -> io::Result<()> {
    let args = named(OsStr::from_bytes(name.to_bytes()), 0)?;
    // SAFETY: the kernel reads one `btrfs_ioctl_vol_args`, which `VolumeArgs` is, and writes nothing.
    #[expect(unsafe_code, reason = "an ioctl of btrfs; see the SAFETY comment")]
    unsafe {
        ioctl::ioctl(parent, Setter::<SNAP_DESTROY, VolumeArgs>::new(args))?;
    }
    Ok(())
}

/// Returns the subvolumes right inside an open one, relative to it; those inside these are not among them.
pub(super) fn nested(subvolume: impl AsFd) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let mut args =
        ListArgs { min_id: 0, found: [Listed { id: 0, dir: 0 }; MAX_LISTED], count: 0, align: [0; 7] };
    loop {
        // SAFETY: the kernel reads and writes one `btrfs_ioctl_get_subvol_rootref_args`, which `ListArgs` is.
        #[expect(unsafe_code, reason = "an ioctl of btrfs; see the SAFETY comment")]
        let listed =
            unsafe { ioctl::ioctl(&subvolume, Updater::<GET_SUBVOL_ROOTREF, ListArgs>::new(&mut args)) };
        let is_last = match listed {
            Ok(()) => true,
            // There are more than fit; `min_id` was moved on.
            Err(Errno::OVERFLOW) => false,
            Err(errno) => return Err(errno.into()),
        };
        for found in args.found.iter().take(usize::from(args.count)) {
            all.extend(path_of(&subvolume, *found)?);
        }
        if is_last {
            return Ok(all);
        }
    }
}

/// Returns where a subvolume lies in an open one; `None` when it has gone meanwhile.
fn path_of(outer: impl AsFd, Listed { id, dir }: Listed) -> io::Result<Option<PathBuf>> {
    let mut args = PathArgs { dir, id, name: [0; 256], path: [0; 3824] };
    // SAFETY: the kernel reads and writes one `btrfs_ioctl_ino_lookup_user_args`, which `PathArgs` is.
    #[expect(unsafe_code, reason = "an ioctl of btrfs; see the SAFETY comment")]
    let found = unsafe { ioctl::ioctl(outer, Updater::<INO_LOOKUP_USER, PathArgs>::new(&mut args)) };
    match found {
        Ok(()) => {}
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    }
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        PathBuf::from(OsStr::from_bytes(&bytes[..end]))
    };
    Ok(Some(text(&args.path).join(text(&args.name))))
}

/// Returns the name as the kernel wants it.
fn named(name: &OsStr, fd: i64) -> io::Result<VolumeArgs> {
    let mut bytes = [0; NAME_MAX + 1];
    // Shorter than the array, so that a zero ends it.
    let room = bytes[..NAME_MAX].get_mut(..name.len());
    room.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?.copy_from_slice(name.as_bytes());
    Ok(VolumeArgs { fd, name: bytes })
}
