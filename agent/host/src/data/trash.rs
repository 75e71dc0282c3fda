use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hearth_model::id::AppId;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::data::delete::{check_unmarked, delete_tree};
use crate::data::error::Error;
use crate::data::{AppData, exists, look, mounts, rename, sync_dir};

/// Something that was thrown away and is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trashed {
    /// Where it lies now.
    pub path: PathBuf,
    /// Whose it was; `None` for what somebody else put there.
    pub app: Option<AppId>,
}

/// What is thrown away of an app, for its name in the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The app's own folder.
    Data,
    /// A copy of it.
    Copy,
}

impl AppData {
    /// Moves the app's folder and its copies into the trash, from where [`AppData::trash`] and
    /// [`AppData::delete_trashed`] delete them: nothing half deleted is ever taken for the app's data.
    ///
    /// # Errors
    /// As [`AppData::check_removal`], before anything is moved.
    pub fn remove(&self, app: &AppId) -> Result<(), Error> {
        self.check_removal(app)?;
        self.throw_away(&self.path(app), app, Kind::Data)?;
        let snapshots = self.snapshots.join(app.as_str());
        if exists(&snapshots)? {
            for entry in fs::read_dir(&snapshots).map_err(Error::at("read", &snapshots))? {
                let entry = entry.map_err(Error::at("read", &snapshots))?;
                self.throw_away(&entry.path(), app, Kind::Copy)?;
            }
            fs::remove_dir(&snapshots).map_err(Error::at("delete", &snapshots))?;
        }
        Ok(())
    }

    /// Checks that [`AppData::remove`] would move nothing but the app's own files; changes nothing.
    ///
    /// # Errors
    /// [`Error::Mounted`] when something is mounted in one of the folders: a mount moves with the folder that holds it,
    /// and what it holds is not the app's to delete. [`Error::Protected`] when a folder itself is marked as unchangeable.
    pub fn check_removal(&self, app: &AppId) -> Result<(), Error> {
        for dir in [self.path(app), self.snapshots.join(app.as_str())] {
            mounts::check_none_below(&dir)?;
            check_unmarked(&dir)?;
        }
        Ok(())
    }

    /// Returns what is in the trash.
    ///
    /// # Errors
    /// When the folder of the trash cannot be read.
    pub fn trash(&self) -> Result<Vec<Trashed>, Error> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.trash).map_err(Error::at("read", &self.trash))? {
            let entry = entry.map_err(Error::at("read", &self.trash))?;
            let name = entry.file_name();
            let app = name.to_str().and_then(|name| name.split('.').next()).and_then(|app| app.parse().ok());
            found.push(Trashed { path: entry.path(), app });
        }
        found.sort();
        Ok(found)
    }

    /// Deletes something that is in the trash, as [`delete_tree`] does. May be cut off and done again.
    ///
    /// # Errors
    /// Why something of it is still there.
    pub fn delete_trashed(&self, trashed: &Trashed, go_on: &dyn Fn() -> bool) -> Result<(), Error> {
        delete_tree(&trashed.path, go_on)
    }

    /// Returns how much room something in the trash still takes up, without what is mounted in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn trashed_bytes(&self, trashed: &Trashed) -> Result<u64, Error> {
        match fs::symlink_metadata(&trashed.path) {
            Ok(there) if there.is_dir() => look::measure(&trashed.path).map(|measure| measure.size_bytes),
            Ok(there) => Ok(there.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::at("look at", &trashed.path)(error)),
        }
    }

    /// Moves a folder into the trash under a name that is free; what is not there is as it should be.
    ///
    /// Fails with [`Error::Mounted`], and moves nothing, when something is mounted in it: the mount would move along.
    pub(super) fn throw_away(&self, path: &Path, app: &AppId, kind: Kind) -> Result<(), Error> {
        if !exists(path)? {
            return Ok(());
        }
        mounts::check_none_below(path)?;
        let kind = match kind {
            Kind::Data => "data",
            Kind::Copy => "copy",
        };
        let mut number: u32 = 0;
        loop {
            // Short whatever the snapshot was called: a name has 255 bytes at most.
            let target = self.trash.join(format!("{app}.{kind}.{number}"));
            match rustix::fs::renameat_with(CWD, path, CWD, &target, RenameFlags::NOREPLACE) {
                Ok(()) => return sync_dir(&self.trash),
                Err(Errno::EXIST | Errno::NOTEMPTY) => number += 1,
                // Not every file system can do this in one call, and calls for one app do not run at the same time.
                Err(Errno::INVAL | Errno::NOSYS) if !exists(&target)? => return rename(path, &target),
                Err(Errno::INVAL | Errno::NOSYS) => number += 1,
                Err(errno) => {
                    // Perhaps something was mounted just now.
                    mounts::check_none_below(path)?;
                    check_unmarked(path)?;
                    return Err(Error::renaming(path, &target, errno));
                }
            }
        }
    }
}
