use std::ffi::{CStr, OsStr};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hearth_model::id::AppId;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::data::copy::{self, Borders, Copy, Method};
use crate::data::delete::delete_tree;
use crate::data::error::Error;
use crate::data::left_out::LeftOut;
use crate::data::marker::{HEARTH_FOLDER, Marker, REPLACED_FOLDER, Restoring};
use crate::data::mounts::{self, MountPoint, open_within};
use crate::data::snapshots::sync_file_system;
use crate::data::{AppData, sync_dir};

/// Holds what is being copied, below the folder of the marker.
const ARRIVING: &str = "arriving";

impl AppData {
    /// Puts a snapshot back without moving the app's folder, because something is mounted in it or the snapshot lies on
    /// another disk. What is mounted stays where it is and as it is; everything beside it becomes what it was.
    ///
    /// An owner whose photos lie on a disk that is mounted in the app's folder must be able to update the app, and to go
    /// back: neither moves nor copies what is on that disk. A folder that holds a mount cannot be exchanged for another,
    /// so its files are moved one by one, first out of the way into `.hearth/replaced`, then in from the snapshot. The
    /// marker records which of the two it is, so that a restore that was cut off goes on from there; until it is done
    /// the snapshot is still there, and nothing starts the app.
    pub(super) fn put_back_in_place(
        &self,
        app: &AppId,
        name: &str,
        snapshot: &Path,
    ) -> Result<Vec<LeftOut>, Error> {
        let dir = self.path(app);
        let missing = |path: &Path| Error::Missing { path: path.to_owned() };
        let came = Marker::read(snapshot)?.ok_or_else(|| missing(snapshot))?;
        let mut marker = Marker::read(&dir)?.ok_or_else(|| missing(&dir))?;
        if marker.restoring.as_ref().is_none_or(|restoring| restoring.snapshot != name) {
            self.delete_replaced(app)?;
            check_room(snapshot, &dir)?;
            marker.restoring = Some(Restoring { snapshot: name.to_owned(), is_emptied: false });
            marker.write(&dir)?;
        }
        let hearth = dir.join(HEARTH_FOLDER);
        if marker.restoring.as_ref().is_some_and(|restoring| !restoring.is_emptied) {
            let replaced = hearth.join(REPLACED_FOLDER);
            make_folder(&replaced)?;
            merge(&dir, &dir, &replaced, &hearth)?;
            sync_file_system(&dir)?;
            marker.restoring = Some(Restoring { snapshot: name.to_owned(), is_emptied: true });
            marker.write(&dir)?;
        }
        let left_out = merge(&dir, snapshot, &dir, &hearth)?;
        sync_file_system(&dir)?;
        Marker { restoring: None, ..came }.write(&dir)?;
        Ok(left_out)
    }

    /// Deletes what [`AppData::put_back_in_place`] put out of the way.
    pub(super) fn delete_replaced(&self, app: &AppId) -> Result<(), Error> {
        delete_tree(&self.path(app).join(HEARTH_FOLDER).join(REPLACED_FOLDER), &|| true)
    }
}

/// Checks, before anything is moved, that a snapshot fits whose files have to be copied because they lie on another disk.
fn check_room(snapshot: &Path, dir: &Path) -> Result<(), Error> {
    let open = |path: &Path| copy::open_folder(CWD, path.as_os_str().as_encoded_bytes(), path);
    let (from, to) = (open(snapshot)?, open(dir)?);
    let disk = |fd: &OwnedFd, path: &Path| {
        rustix::fs::fstat(fd).map(|there| there.st_dev).map_err(Error::call("look at", path))
    };
    let is_same_disk = disk(&from, snapshot)? == disk(&to, dir)?;
    if is_same_disk || copy::method_between(&from, &to, snapshot, dir)? == Method::Share {
        return Ok(());
    }
    copy::check_room(copy::size_bytes(&from, snapshot, Borders::LeaveOut)?, snapshot, dir)
}

/// Moves what is in one folder into another, beside what is there. `hearth` is the marker's folder, on the same file
/// system as `to`.
fn merge(app_dir: &Path, from: &Path, to: &Path, hearth: &Path) -> Result<Vec<LeftOut>, Error> {
    let open = |path: &Path| copy::open_folder(CWD, path.as_os_str().as_encoded_bytes(), path);
    let arriving = hearth.join(ARRIVING);
    delete_tree(&arriving, &|| true)?;
    make_folder(&arriving)?;
    let (from_fd, to_fd, arriving_fd) = (open(from)?, open(to)?, open(&arriving)?);
    let method = copy::method_between(&from_fd, &arriving_fd, from, &arriving)?;
    // Links between copied files are made below the app's folder, where both ends are.
    let mut merge = Merge {
        mounts: mounts::below(app_dir)?,
        method,
        copy: Copy::new(method, Borders::LeaveOut, &open(app_dir)?, app_dir, &|_| true)?,
        arriving: &arriving_fd,
        arriving_path: &arriving,
        app_dir,
    };
    merge.folder(&from_fd, &to_fd, from, to, true)?;
    let left_out = merge.copy.left_out;
    delete_tree(&arriving, &|| true)?;
    sync_dir(hearth)?;
    Ok(left_out)
}

/// A merge of two folders that goes on.
struct Merge<'a> {
    mounts: Vec<MountPoint>,
    method: Method,
    copy: Copy<'a>,
    /// Holds each copy until it is whole.
    arriving: &'a OwnedFd,
    arriving_path: &'a Path,
    app_dir: &'a Path,
}

impl Merge<'_> {
    fn folder(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        from_path: &Path,
        to_path: &Path,
        is_top: bool,
    ) -> Result<(), Error> {
        for name in copy::names(from, from_path)? {
            if is_top && name.to_bytes() == HEARTH_FOLDER.as_bytes() {
                continue;
            }
            let own = OsStr::from_bytes(name.to_bytes());
            self.entry(from, to, &name, &from_path.join(own), &to_path.join(own))?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &CStr,
        from_path: &Path,
        to_path: &Path,
    ) -> Result<(), Error> {
        let holds_a_mount = |path: &Path| self.mounts.iter().any(|mount| mount.path.starts_with(path));
        if holds_a_mount(from_path) || holds_a_mount(to_path) {
            return self.folder_around_a_mount(from, to, name, from_path, to_path);
        }
        match rustix::fs::renameat_with(from, name, to, name, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            // A folder is there because something was mounted in it; a file because it was copied before.
            Err(Errno::EXIST | Errno::NOTEMPTY) => {
                self.folder_around_a_mount(from, to, name, from_path, to_path)
            }
            Err(Errno::XDEV) => self.copy(from, to, name, from_path, to_path),
            Err(errno) => Err(Error::renaming(from_path, to_path, errno)),
        }
    }

    /// Moves what is in a folder that cannot be moved itself. A mount point is left as it is.
    fn folder_around_a_mount(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &CStr,
        from_path: &Path,
        to_path: &Path,
    ) -> Result<(), Error> {
        let Some(inner_from) = open_own_folder(from, name, from_path)? else { return Ok(()) };
        match rustix::fs::mkdirat(to, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(Error::call("make the folder", to_path)(errno)),
        }
        let Some(inner_to) = open_own_folder(to, name, to_path)? else { return Ok(()) };
        // Before its times change.
        let stat = rustix::fs::fstat(&inner_from).map_err(Error::call("look at", from_path))?;
        self.folder(&inner_from, &inner_to, from_path, to_path, false)?;
        self.copy.attributes(&inner_from, &inner_to, &stat, from_path)?;
        drop(inner_from);
        match rustix::fs::unlinkat(from, name, AtFlags::REMOVEDIR) {
            // A mount, or what was copied rather than moved, is still in it.
            Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY | Errno::NOENT) => Ok(()),
            Err(errno) => Err(Error::call("delete", from_path)(errno)),
        }
    }

    fn copy(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &CStr,
        from_path: &Path,
        to_path: &Path,
    ) -> Result<(), Error> {
        if self.method == Method::Plain {
            copy::check_room(
                copy::size_of(from, name, from_path, Borders::LeaveOut)?,
                from_path,
                self.arriving_path,
            )?;
        }
        let own = OsStr::from_bytes(name.to_bytes());
        let below = |path: &Path| path.strip_prefix(self.app_dir).unwrap_or(path).to_owned();
        let (first, then) = (below(&self.arriving_path.join(own)), below(to_path));
        self.copy.entry(from, self.arriving, name, from_path, &first)?;
        match rustix::fs::renameat_with(self.arriving, name, to, name, RenameFlags::NOREPLACE) {
            Ok(()) => {
                self.copy.note_move(&first, &then);
                Ok(())
            }
            Err(errno) => Err(Error::renaming(&self.arriving_path.join(own), to_path, errno)),
        }
    }
}

/// Opens a folder; `None` for a mount point and for what is no folder.
fn open_own_folder(at: &OwnedFd, name: &CStr, path: &Path) -> Result<Option<OwnedFd>, Error> {
    match open_within(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW) {
        Ok(dir) => Ok(Some(dir)),
        Err(Errno::XDEV | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(errno) => Err(Error::call("open", path)(errno)),
    }
}

fn make_folder(path: &Path) -> Result<(), Error> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Error::at("make the folder", path)(error))
        }
        _ => Ok(()),
    }
}
