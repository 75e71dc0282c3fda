use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, OFlags};
use rustix::io::Errno;

use crate::data::copy::{open_folder, times};
use crate::data::delete::delete_tree;
use crate::data::error::Error;
use crate::data::left_out::{LeftOut, Lost};
use crate::data::marker::{HEARTH_FOLDER, REPLACED_FOLDER};
use crate::data::mounts::{self, MountPoint, open_within};
use crate::data::{btrfs, c_name};

/// Makes a snapshot of a subvolume with the subvolumes inside it, as an app that runs containers or a database of its own
/// may make them; they belong to the app as any folder does. Returns what the snapshot lacks; `None` when the source is
/// no subvolume, or lies on another disk.
///
/// # Errors
/// [`Error::Mounted`] when something is mounted in a subvolume inside: files cannot be moved between subvolumes, so such
/// a snapshot could not be put back.
pub(super) fn snapshot(source: &Path, target: &Path) -> Result<Option<Vec<LeftOut>>, Error> {
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(Error::call("make the snapshot", target)(Errno::INVAL));
    };
    let from = open_folder(CWD, source.as_os_str().as_encoded_bytes(), source)?;
    if !btrfs::is_subvolume(&from) || !btrfs::is_btrfs(parent) {
        return Ok(None);
    }
    let mounts = mounts_beside_subvolumes(&from, source)?;
    let parent = open_folder(CWD, parent.as_os_str().as_encoded_bytes(), parent)?;
    match btrfs::snapshot(&from, &parent, name) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => return Ok(None),
        Err(error) => return Err(Error::at("make the snapshot", target)(error)),
    }
    let to = open_folder(&parent, name.as_encoded_bytes(), target)?;
    inside(&from, &to, target)?;
    // What a going back replaced is no part of the data.
    delete_tree(&target.join(HEARTH_FOLDER).join(REPLACED_FOLDER), &|| true)?;
    let lacks = |mount: MountPoint| LeftOut { path: mount.path.clone(), what: Lost::Mount(Some(mount)) };
    Ok(Some(mounts.into_iter().map(lacks).collect()))
}

/// Checks that a snapshot of a folder could be put back, as [`snapshot`] does before it makes one.
pub(super) fn check(source: &Path) -> Result<(), Error> {
    let from = open_folder(CWD, source.as_os_str().as_encoded_bytes(), source)?;
    if btrfs::is_subvolume(&from) {
        mounts_beside_subvolumes(&from, source)?;
    }
    Ok(())
}

/// Returns what is mounted in a subvolume; fails when it is mounted in a subvolume inside that.
fn mounts_beside_subvolumes(from: &OwnedFd, source: &Path) -> Result<Vec<MountPoint>, Error> {
    let mut mounts = mounts::below(source)?;
    mounts.retain(|mount| mount.path != source);
    let inner = btrfs::nested(from).map_err(Error::at("list the subvolumes in", source))?;
    let is_in_inner =
        |mount: &MountPoint| inner.iter().any(|inner| mount.path.starts_with(source.join(inner)));
    if mounts.iter().any(is_in_inner) {
        mounts.retain(is_in_inner);
        return Err(Error::Mounted { dir: source.to_owned(), mounts });
    }
    Ok(mounts)
}

/// Makes snapshots of the subvolumes in another; in its own snapshot they are empty folders until then.
fn inside(from: &OwnedFd, to: &OwnedFd, path: &Path) -> Result<(), Error> {
    for inner in btrfs::nested(from).map_err(Error::at("list the subvolumes in", path))? {
        let target = path.join(&inner);
        let failed = |errno: Errno| Error::call("make the snapshot", &target)(errno);
        let (Some(parent), Some(name)) = (inner.parent(), inner.file_name()) else { continue };
        let parent = if parent == Path::new("") { Path::new(".") } else { parent };
        let folder = OFlags::RDONLY | OFlags::DIRECTORY;
        let name_in = c_name(name, &target)?;
        let outer_from = open_within(from, parent, folder).map_err(failed)?;
        let outer_to = open_within(to, parent, folder).map_err(failed)?;
        let inner_from = open_within(&outer_from, &*name_in, folder).map_err(failed)?;
        rustix::fs::unlinkat(&outer_to, &*name_in, AtFlags::REMOVEDIR).map_err(failed)?;
        btrfs::snapshot(&inner_from, &outer_to, OsStr::new(name))
            .map_err(Error::at("make the snapshot", &target))?;
        let inner_to = open_within(&outer_to, &*name_in, folder).map_err(failed)?;
        inside(&inner_from, &inner_to, &target)?;
        // The folder that holds it is as it was.
        let stat = rustix::fs::fstat(&outer_from).map_err(failed)?;
        rustix::fs::futimens(&outer_to, &times(&stat)).map_err(failed)?;
    }
    Ok(())
}
