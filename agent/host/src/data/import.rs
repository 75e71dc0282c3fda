use std::ffi::CStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use hearth_model::id::AppId;
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use crate::data::copy::{self, Copy, Watch};
use crate::data::error::Error;
use crate::data::marker::Marker;
use crate::data::snapshots::sync_file_system;
use crate::data::{AppData, delete, exists, new_folder, rename};

/// Holds what is being copied into a folder that is there already.
const ARRIVING: &str = ".hearth-import";

impl AppData {
    /// Copies a folder of another box to where an app's folder is. It is there as a whole or not at all, and counts as
    /// arriving until [`AppData::settle`]. The source is only read.
    ///
    /// # Errors
    /// [`Error::Taken`] when the app has a folder, [`Error::NoSpace`] before a copy that would not fit,
    /// [`Error::GivenUp`] when `watch` says so.
    pub fn import(&self, app: &AppId, source: &Path, watch: Watch<'_>) -> Result<(), Error> {
        let dir = self.path(app);
        if exists(&dir)? {
            return Err(Error::Taken { path: dir });
        }
        let partial = self.partial(app);
        delete(&partial)?;
        new_folder(&partial)?;
        let copied = copy::folder_from_elsewhere(source, &partial, watch).and_then(|()| {
            // What says whose folder it was there does not count here.
            delete(&partial.join(".hearth"))?;
            Marker { arriving: true, ..Marker::new(app) }.write(&partial)?;
            sync_file_system(&partial)
        });
        if let Err(error) = copied {
            delete(&partial)?;
            return Err(error);
        }
        rename(&partial, &dir)
    }

    /// Makes a folder that arrived an installed app's for good; one that is that already stays as it is.
    pub fn settle(&self, app: &AppId) -> Result<(), Error> {
        let dir = self.path(app);
        match Marker::read(&dir)? {
            Some(marker) if marker.arriving => Marker { arriving: false, ..marker }.write(&dir),
            Some(_) => Ok(()),
            None => Err(Error::Missing { path: dir }),
        }
    }

    /// Deletes an app's folder that arrived and did not become an installed app's; any other stays.
    pub fn turn_back(&self, app: &AppId) -> Result<(), Error> {
        delete(&self.partial(app))?;
        let dir = self.path(app);
        if Marker::read(&dir)?.is_some_and(|marker| marker.arriving) {
            self.throw_away(&dir, app.as_str())?;
            self.empty_trash()?;
        }
        Ok(())
    }

    /// Returns the apps whose folders are arriving, or are being copied: what an import that was cut off has left.
    pub fn arriving(&self) -> Result<Vec<AppId>, Error> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.apps).map_err(Error::at("read", &self.apps))? {
            let entry = entry.map_err(Error::at("read", &self.apps))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let partial = name.strip_prefix('.').and_then(|name| name.strip_suffix(".import"));
            let Ok(app) = partial.unwrap_or(&name).parse::<AppId>() else { continue };
            let arrives = Marker::read(&entry.path()).ok().flatten().is_some_and(|marker| marker.arriving);
            if partial.is_some() || arrives {
                found.push(app);
            }
        }
        Ok(found)
    }

    /// Copies what is in a folder of another box into one of this box beside the apps' folders, which is made if it is not
    /// there. What is there already stays as it is; returns how many files, links and the like were left out for that.
    ///
    /// # Errors
    /// [`Error::GivenUp`] when `watch` says so; what was copied by then stays, and done again it goes on there.
    pub fn import_beside(&self, name: &str, source: &Path, watch: Watch<'_>) -> Result<u64, Error> {
        let target = self.apps.with_file_name(name);
        fs::create_dir_all(&target).map_err(Error::at("make the folder", &target))?;
        let from = copy::open_folder(rustix::fs::CWD, source.as_os_str().as_encoded_bytes(), source)?;
        let to = copy::open_folder(rustix::fs::CWD, target.as_os_str().as_encoded_bytes(), &target)?;
        let arriving = target.join(ARRIVING);
        delete(&arriving)?;
        fs::create_dir(&arriving).map_err(Error::at("make the folder", &arriving))?;
        let hall = copy::open_folder(&to, ARRIVING.as_bytes(), &arriving)?;
        let method = copy::method_between(&from, &hall, source, &arriving)?;
        let merged = Merge { method, hall: &hall, path: &arriving, watch }.folder(&from, &to, source);
        delete(&arriving)?;
        let stayed = merged?;
        sync_file_system(&target)?;
        Ok(stayed)
    }

    /// Tells whether a copy of a folder to the apps' folders would share its blocks, and so need no room.
    pub fn shares_blocks_with(&self, source: &Path) -> Result<bool, Error> {
        let from = copy::open_folder(rustix::fs::CWD, source.as_os_str().as_encoded_bytes(), source)?;
        let to = copy::open_folder(rustix::fs::CWD, self.apps.as_os_str().as_encoded_bytes(), &self.apps)?;
        Ok(copy::method_between(&from, &to, source, &self.apps)? == copy::Method::Share)
    }

    fn partial(&self, app: &AppId) -> PathBuf {
        self.apps.join(format!(".{app}.import"))
    }
}

/// A folder that is brought into one that is there.
struct Merge<'a> {
    method: copy::Method,
    /// Where each thing is copied before it takes its place.
    hall: &'a OwnedFd,
    path: &'a Path,
    watch: Watch<'a>,
}

impl Merge<'_> {
    fn folder(&self, from: &OwnedFd, to: &OwnedFd, path: &Path) -> Result<u64, Error> {
        let mut stayed = 0;
        for name in copy::names(from, path)? {
            let below = path.join(name.to_string_lossy().as_ref());
            match rustix::fs::statat(to, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => self.bring(from, to, &name, &below)?,
                Err(errno) => return Err(Error::call("look at", &below)(errno)),
                Ok(there) if is_folder(&there) && self.is_folder_in(from, &name, &below)? => {
                    let from = copy::open_folder(from, name.to_bytes(), &below)?;
                    let to = copy::open_folder(to, name.to_bytes(), &below)?;
                    stayed += self.folder(&from, &to, &below)?;
                }
                Ok(_) => stayed += 1,
            }
        }
        Ok(stayed)
    }

    fn bring(&self, from: &OwnedFd, to: &OwnedFd, name: &CStr, path: &Path) -> Result<(), Error> {
        if self.method == copy::Method::Plain {
            copy::check_room(size_of(from, name, path)?, path, self.path)?;
        }
        Copy::new(self.method, self.hall, self.path, self.watch)?.entry(
            from,
            self.hall,
            name,
            path,
            Path::new(name.to_string_lossy().as_ref()),
        )?;
        rustix::fs::renameat(self.hall, name, to, name).map_err(Error::call("put in place", path))
    }

    fn is_folder_in(&self, dir: &OwnedFd, name: &CStr, path: &Path) -> Result<bool, Error> {
        let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
        Ok(is_folder(&stat.map_err(Error::call("look at", path))?))
    }
}

fn size_of(dir: &OwnedFd, name: &CStr, path: &Path) -> Result<u64, Error> {
    let stat =
        rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(Error::call("look at", path))?;
    if is_folder(&stat) {
        return copy::size_bytes(&copy::open_folder(dir, name.to_bytes(), path)?, path);
    }
    Ok(u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(512))
}

fn is_folder(stat: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_dir()
}
