use std::fs;
use std::path::{Path, PathBuf};

use hearth_model::id::AppId;
use hearth_model::observed::Snapshot;
use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::data::error::Error;
use crate::data::marker::{Marker, SnapshotMarker};
use crate::data::{AppData, btrfs, copy, delete, exists, new_folder, rename, sync_dir};

/// Ends the name of data that was replaced by a snapshot.
const REPLACED: &str = ".failed";

impl AppData {
    /// Copies the app's folder aside: a snapshot where it is a subvolume of btrfs, else a copy that shares its blocks
    /// where the file system can (btrfs, XFS), else a plain one. Nothing may write to the folder meanwhile.
    ///
    /// A copy of this name that is there is kept. Data that was replaced before is deleted when the copy is complete.
    /// Fails with [`Error::NoSpace`] before a plain copy that would not fit.
    pub fn snapshot(&self, app: &AppId, name: &str) -> Result<(), Error> {
        let target = self.snapshot_path(app, name)?;
        if !exists(&target)? {
            let partial = self.copy_aside(app, name)?;
            rename(&partial, &target)?;
        }
        for replaced in self.names(app)?.iter().filter(|name| name.ends_with(REPLACED)) {
            self.discard(app, replaced)?;
        }
        Ok(())
    }

    /// Makes the copy under a name that nothing looks at; returns its path.
    pub(super) fn copy_aside(&self, app: &AppId, name: &str) -> Result<PathBuf, Error> {
        let source = self.path(app);
        let target = self.snapshot_path(app, name)?;
        let dir = self.snapshots.join(app.as_str());
        fs::create_dir_all(&dir).map_err(Error::at("make the folder", &dir))?;
        let partial = dir.join(format!(".{name}.new"));
        debug_assert_ne!(partial, target);
        delete(&partial)?;
        let Some(marker) = Marker::read(&source)? else { return Err(Error::Missing { path: source }) };
        if btrfs::is_subvolume(&source) && btrfs::is_btrfs(&dir) {
            btrfs::snapshot(&source, &partial).map_err(Error::at("make the snapshot", &partial))?;
        } else {
            new_folder(&partial)?;
            if let Err(error) = copy::folder(&source, &partial) {
                // Room that a failed copy holds may be just what is missing.
                delete(&partial)?;
                return Err(error);
            }
        }
        let snapshot = SnapshotMarker { name: name.to_owned(), at: Timestamp::now() };
        Marker { snapshot: Some(snapshot), ..marker }.write(&partial)?;
        sync_file_system(&partial)?;
        Ok(partial)
    }

    /// Puts a snapshot in the place of the app's folder, in one exchange, and keeps what was there as `<name>.failed`.
    ///
    /// Done again, it changes nothing: the marker that came with the snapshot tells.
    pub fn restore(&self, app: &AppId, name: &str) -> Result<(), Error> {
        let snapshot = self.snapshot_path(app, name)?;
        if self.restored_from(app)?.as_deref() != Some(name) {
            self.exchange(app, &snapshot)?;
        }
        self.put_replaced_aside(app, name)
    }

    /// Exchanges the app's folder for a snapshot.
    pub(super) fn exchange(&self, app: &AppId, snapshot: &Path) -> Result<(), Error> {
        let dir = self.path(app);
        if Marker::read(snapshot)?.is_none() {
            return Err(Error::Missing { path: snapshot.to_owned() });
        }
        match rustix::fs::renameat_with(CWD, &dir, CWD, snapshot, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            // The folder is gone, and the copy is whole: better than nothing, and than an empty folder.
            Err(Errno::NOENT) => return rename(snapshot, &dir),
            Err(Errno::INVAL | Errno::NOSYS) => return Err(Error::NoExchange { path: dir }),
            Err(errno) => return Err(Error::call("exchange", &dir)(errno)),
        }
        sync_dir(&self.apps)?;
        sync_dir(&self.snapshots.join(app.as_str()))
    }

    /// Renames what was replaced, so that it is no longer taken for the snapshot.
    fn put_replaced_aside(&self, app: &AppId, name: &str) -> Result<(), Error> {
        let place = self.snapshot_path(app, name)?;
        if !exists(&place)? {
            return Ok(());
        }
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
        self.throw_away(&path, &format!("{app}.{name}"))?;
        self.empty_trash()
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
