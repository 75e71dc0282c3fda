use std::fs;
use std::path::{Path, PathBuf};

use hearth_model::id::AppId;
use hearth_model::observed::Snapshot;
use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::data::error::Error;
use crate::data::left_out::LeftOut;
use crate::data::marker::{Marker, SnapshotMarker};
use crate::data::trash::Kind;
use crate::data::{AppData, copy, delete, exists, mounts, nested, new_folder, rename, sync_dir};

/// Ends the name of data that was replaced by a snapshot.
const REPLACED: &str = ".failed";

impl AppData {
    /// Copies the app's folder aside: a snapshot where it is a subvolume of btrfs, else a copy that shares its blocks
    /// where the file system can (btrfs, XFS), else a plain one. Nothing may write to the folder meanwhile.
    ///
    /// A copy of this name that is there is kept. Data that was replaced before is deleted when the copy is complete.
    /// Fails with [`Error::NoSpace`] before a plain copy that would not fit.
    ///
    /// What is mounted in the app's folder is not copied; it stays as it is when the copy is put back. Returns what the
    /// copy lacks.
    pub fn snapshot(&self, app: &AppId, name: &str) -> Result<Vec<LeftOut>, Error> {
        let target = self.snapshot_path(app, name)?;
        let mut left_out = Vec::new();
        if !exists(&target)? {
            let (partial, lacks) = self.copy_aside(app, name)?;
            rename(&partial, &target)?;
            left_out = lacks;
        }
        for replaced in self.names(app)?.iter().filter(|name| name.ends_with(REPLACED)) {
            self.discard(app, replaced)?;
        }
        self.delete_replaced(app)?;
        Ok(left_out)
    }

    /// Checks that nothing mounted is in the way of a copy and of putting one back; changes nothing. What is mounted in the
    /// app's folder is in the way only inside a subvolume in it.
    ///
    /// # Errors
    /// [`Error::Mounted`] with what is in the way.
    pub fn check_copies(&self, app: &AppId) -> Result<(), Error> {
        let dir = self.path(app);
        if exists(&dir)? {
            nested::check(&dir)?;
        }
        mounts::check_none_below(&self.snapshots.join(app.as_str()))
    }

    /// Makes the copy under a name that nothing looks at; returns its path, and what it lacks.
    pub(super) fn copy_aside(&self, app: &AppId, name: &str) -> Result<(PathBuf, Vec<LeftOut>), Error> {
        let source = self.path(app);
        let target = self.snapshot_path(app, name)?;
        let dir = self.snapshots.join(app.as_str());
        fs::create_dir_all(&dir).map_err(Error::at("make the folder", &dir))?;
        let partial = dir.join(format!(".{name}.new"));
        debug_assert_ne!(partial, target);
        self.delete_unfinished(app)?;
        let Some(marker) = Marker::read(&source)? else { return Err(Error::Missing { path: source }) };
        let left_out = match nested::snapshot(&source, &partial)? {
            Some(left_out) => left_out,
            None => {
                new_folder(&partial)?;
                match copy::folder(&source, &partial) {
                    Ok(left_out) => left_out,
                    Err(error) => {
                        // Room that a failed copy holds may be just what is missing.
                        delete(&partial)?;
                        return Err(error);
                    }
                }
            }
        };
        let snapshot = SnapshotMarker { name: name.to_owned(), at: Timestamp::now() };
        Marker { snapshot: Some(snapshot), ..marker }.write(&partial)?;
        sync_file_system(&partial)?;
        Ok((partial, left_out))
    }

    /// Puts a snapshot in the place of the app's folder and keeps what was there as `<name>.failed`: in one exchange,
    /// or file by file where something is mounted in the app's folder. Returns what of the snapshot did not come back.
    ///
    /// Done again, it changes nothing: the marker that came with the snapshot tells.
    pub fn restore(&self, app: &AppId, name: &str) -> Result<Vec<LeftOut>, Error> {
        let (dir, snapshot) = (self.path(app), self.snapshot_path(app, name)?);
        let marker = Marker::read(&dir)?;
        let mut left_out = Vec::new();
        if marker.as_ref().and_then(|marker| marker.snapshot.as_ref()).is_none_or(|from| from.name != name) {
            mounts::check_none_below(&snapshot)?;
            let is_begun = marker.is_some_and(|marker| marker.restoring.is_some());
            if is_begun || !mounts::below(&dir)?.is_empty() || !self.exchange(app, &snapshot)? {
                left_out = self.put_back_in_place(app, name, &snapshot)?;
            }
        }
        self.put_replaced_aside(app, name)?;
        Ok(left_out)
    }

    /// Exchanges the app's folder for a snapshot; `false` when they lie on two disks.
    pub(super) fn exchange(&self, app: &AppId, snapshot: &Path) -> Result<bool, Error> {
        let dir = self.path(app);
        if Marker::read(snapshot)?.is_none() {
            return Err(Error::Missing { path: snapshot.to_owned() });
        }
        match rustix::fs::renameat_with(CWD, &dir, CWD, snapshot, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            // The folder is gone, and the copy is whole: better than nothing, and than an empty folder.
            Err(Errno::NOENT) => return rename(snapshot, &dir).map(|()| true),
            Err(Errno::XDEV) => return Ok(false),
            Err(Errno::INVAL | Errno::NOSYS) => return Err(Error::NoExchange { path: dir }),
            Err(errno) => return Err(Error::renaming(&dir, snapshot, errno)),
        }
        sync_dir(&self.apps)?;
        sync_dir(&self.snapshots.join(app.as_str()))?;
        Ok(true)
    }

    /// Renames what was replaced, so that it is no longer taken for the snapshot.
    fn put_replaced_aside(&self, app: &AppId, name: &str) -> Result<(), Error> {
        let place = self.snapshot_path(app, name)?;
        if !exists(&place)? {
            return Ok(());
        }
        // What is left of a snapshot that was put back file by file.
        if Marker::read(&place)?.and_then(|marker| marker.snapshot).is_some_and(|from| from.name == name) {
            return self.throw_away(&place, app, Kind::Copy);
        }
        mounts::check_none_below(&place)?;
        let replaced = format!("{name}{REPLACED}");
        self.discard(app, &replaced)?;
        rename(&place, &self.snapshots.join(app.as_str()).join(replaced))
    }

    /// Returns the name of the snapshot that the app's folder is, if it was put back.
    pub fn restored_from(&self, app: &AppId) -> Result<Option<String>, Error> {
        let marker = Marker::read(&self.path(app))?;
        Ok(marker.and_then(|marker| marker.snapshot).map(|snapshot| snapshot.name))
    }

    /// Returns the app's snapshots, oldest first. Data that was replaced is not among them.
    pub fn snapshots(&self, app: &AppId) -> Result<Vec<Snapshot>, Error> {
        let dir = self.snapshots.join(app.as_str());
        let mut snapshots = Vec::new();
        for name in self.names(app)? {
            if name.ends_with(REPLACED) {
                continue;
            }
            // Between the two halves of a restore, the replaced data has the snapshot's name and another marker.
            match Marker::read(&dir.join(&name))?.and_then(|marker| marker.snapshot) {
                Some(snapshot) if snapshot.name == name => snapshots.push(Snapshot { name, at: snapshot.at }),
                _ => {}
            }
        }
        snapshots.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        Ok(snapshots)
    }

    /// Deletes a snapshot, and the data that it replaced; one that is not there is as it should be.
    pub fn remove_snapshot(&self, app: &AppId, name: &str) -> Result<(), Error> {
        self.snapshot_path(app, name)?;
        self.discard(app, &format!("{name}{REPLACED}"))?;
        self.discard(app, name)
    }

    fn discard(&self, app: &AppId, name: &str) -> Result<(), Error> {
        let path = self.snapshots.join(app.as_str()).join(name);
        self.throw_away(&path, app, Kind::Copy)
    }

    /// Deletes copies that were cut off, so that the room they hold is there for the next.
    fn delete_unfinished(&self, app: &AppId) -> Result<(), Error> {
        let dir = self.snapshots.join(app.as_str());
        for entry in fs::read_dir(&dir).map_err(Error::at("read", &dir))? {
            let entry = entry.map_err(Error::at("read", &dir))?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                delete(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Names of complete copies; those being made begin with a dot.
    fn names(&self, app: &AppId) -> Result<Vec<String>, Error> {
        let dir = self.snapshots.join(app.as_str());
        if !exists(&dir)? {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&dir).map_err(Error::at("read", &dir))? {
            let entry = entry.map_err(Error::at("read", &dir))?;
            names.extend(entry.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
        }
        Ok(names)
    }

    fn snapshot_path(&self, app: &AppId, name: &str) -> Result<PathBuf, Error> {
        let first_ok = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        let rest_ok = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !first_ok || !rest_ok || name.len() > 200 || name.ends_with(REPLACED) {
            return Err(Error::InvalidName { name: name.chars().take(200).collect() });
        }
        Ok(self.snapshots.join(app.as_str()).join(name))
    }
}

/// Makes sure that everything that was written is on the disk: a copy of many files at once, not one by one.
pub(super) fn sync_file_system(dir: &Path) -> Result<(), Error> {
    let opened = fs::File::open(dir).map_err(Error::at("open", dir))?;
    rustix::fs::syncfs(&opened).map_err(Error::call("write to the disk", dir))
}
