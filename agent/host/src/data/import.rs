use std::ffi::{CStr, OsStr};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hearth_model::id::AppId;
use rustix::fs::{AtFlags, FileType, OFlags};
use rustix::io::Errno;

use crate::data::copy::{self, Borders, Copy, Watch};
use crate::data::error::Error;
use crate::data::left_out::LeftOut;
use crate::data::marker::{HEARTH_FOLDER, Marker};
use crate::data::snapshots::sync_file_system;
use crate::data::trash::Kind;
use crate::data::{AppData, delete, exists, mounts, new_folder, rename};

/// Holds what is being copied into a folder that is there already.
const ARRIVING: &str = ".hearth-import";

impl AppData {
    /// Copies a folder of another box to where an app's folder is. It is there as a whole or not at all, and counts as
    /// arriving until [`AppData::settle`]. The source is only read. Returns what the copy lacks.
    ///
    /// # Errors
    /// [`Error::Mounted`] when something is mounted in the source and `borders` does not say to copy that too.
    /// [`Error::Taken`] when the app has a folder, [`Error::NoSpace`] before a copy that would not fit,
    /// [`Error::GivenUp`] when `watch` says so.
    pub fn import(
        &self,
        app: &AppId,
        source: &Path,
        borders: Borders,
        watch: Watch<'_>,
    ) -> Result<Vec<LeftOut>, Error> {
        let dir = self.path(app);
        if exists(&dir)? {
            return Err(Error::Taken { path: dir });
        }
        let partial = self.partial(app);
        delete(&partial)?;
        new_folder(&partial)?;
        let copied = copy::folder_from_elsewhere(source, &partial, borders, watch).and_then(|left_out| {
            // What says whose folder it was there does not count here.
            delete(&partial.join(HEARTH_FOLDER))?;
            Marker { arriving: true, ..Marker::new(app) }.write(&partial)?;
            sync_file_system(&partial)?;
            Ok(left_out)
        });
        match copied {
            Ok(left_out) => rename(&partial, &dir).map(|()| left_out),
            Err(error) => {
                delete(&partial)?;
                Err(error)
            }
        }
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

    /// Moves an app's folder that arrived and did not become an installed app's into the trash; any other stays.
    pub fn turn_back(&self, app: &AppId) -> Result<(), Error> {
        self.throw_away(&self.partial(app), app, Kind::Copy)?;
        let dir = self.path(app);
        if Marker::read(&dir)?.is_some_and(|marker| marker.arriving) {
            self.throw_away(&dir, app, Kind::Data)?;
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
    /// there. What is there already stays as it is; returns how many files, links and the like were left out for that,
    /// and what else the copy lacks.
    ///
    /// # Errors
    /// [`Error::Mounted`] at a mount, unless `borders` says to copy what is mounted in the source too; nothing is copied
    /// onto what is mounted in the target. [`Error::GivenUp`] when `watch` says so; what was copied by then stays, and done again it goes on there.
    pub fn import_beside(
        &self,
        name: &str,
        source: &Path,
        borders: Borders,
        watch: Watch<'_>,
    ) -> Result<(u64, Vec<LeftOut>), Error> {
        let target = self.apps.with_file_name(name);
        fs::create_dir_all(&target).map_err(Error::at("make the folder", &target))?;
        let from = copy::open_folder(rustix::fs::CWD, source.as_os_str().as_encoded_bytes(), source)?;
        let to = copy::open_folder(rustix::fs::CWD, target.as_os_str().as_encoded_bytes(), &target)?;
        let arriving = target.join(ARRIVING);
        delete(&arriving)?;
        fs::create_dir(&arriving).map_err(Error::at("make the folder", &arriving))?;
        let hall = copy::open_folder(&to, ARRIVING.as_bytes(), &arriving)?;
        let method = copy::method_between(&from, &hall, source, &arriving)?;
        // Links between copied files are made below the target, where both ends are.
        let copy = Copy::new(method, borders, &to, &target, watch)?;
        let mut merge = Merge { method, borders, hall: &hall, path: &arriving, target: &target, copy };
        let merged = merge.folder(&from, &to, source, &target);
        delete(&arriving)?;
        let stayed = merged?;
        sync_file_system(&target)?;
        Ok((stayed, merge.copy.left_out))
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
    borders: Borders,
    /// Where each thing is copied before it takes its place.
    hall: &'a OwnedFd,
    path: &'a Path,
    /// The folder that all of it goes into.
    target: &'a Path,
    copy: Copy<'a>,
}

impl Merge<'_> {
    fn folder(&mut self, from: &OwnedFd, to: &OwnedFd, path: &Path, to_path: &Path) -> Result<u64, Error> {
        let mut stayed = 0;
        for name in copy::names(from, path)? {
            let own = OsStr::from_bytes(name.to_bytes());
            let (below, to_below) = (path.join(own), to_path.join(own));
            match rustix::fs::statat(to, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => self.bring(from, to, &name, &below, &to_below)?,
                Err(errno) => return Err(Error::call("look at", &below)(errno)),
                Ok(there) if is_folder(&there) && is_folder_in(from, &name, &below)? => {
                    let from = self.open(from, &name, &below, self.borders)?;
                    let to = self.open(to, &name, &to_below, Borders::Refuse)?;
                    stayed += self.folder(&from, &to, &below, &to_below)?;
                }
                Ok(_) => stayed += 1,
            }
        }
        Ok(stayed)
    }

    fn open(&self, at: &OwnedFd, name: &CStr, path: &Path, borders: Borders) -> Result<OwnedFd, Error> {
        if borders == Borders::Cross {
            return copy::open_folder(at, name.to_bytes(), path);
        }
        match copy::open_below(at, name, OFlags::DIRECTORY, path)? {
            Some(opened) => Ok(opened),
            None => Err(Error::Mounted { dir: path.to_owned(), mounts: mounts::below(path)? }),
        }
    }

    fn bring(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &CStr,
        path: &Path,
        to_path: &Path,
    ) -> Result<(), Error> {
        if self.method == copy::Method::Plain {
            copy::check_room(copy::size_of(from, name, path, self.borders)?, path, self.path)?;
        }
        let below = |path: &Path| path.strip_prefix(self.target).unwrap_or(path).to_owned();
        let first = below(&self.path.join(OsStr::from_bytes(name.to_bytes())));
        self.copy.entry(from, self.hall, name, path, &first)?;
        rustix::fs::renameat(self.hall, name, to, name).map_err(Error::call("put in place", path))?;
        self.copy.note_move(&first, &below(to_path));
        Ok(())
    }
}

fn is_folder_in(dir: &OwnedFd, name: &CStr, path: &Path) -> Result<bool, Error> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
    Ok(is_folder(&stat.map_err(Error::call("look at", path))?))
}

fn is_folder(stat: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_dir()
}
