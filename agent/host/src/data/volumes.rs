use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hearth_model::container::{VOLUMES_FOLDER, anonymous_volume_folder};
use hearth_model::id::{AppId, ServiceName};
use hearth_model::observed::OutsideVolume;
use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, XattrFlags};
use rustix::io::Errno;

use crate::data::error::Error;
use crate::data::marker::Marker;
use crate::data::snapshots::sync_file_system;
use crate::data::{AppData, Borders, LeftOut, beneath, copy, delete, exists, rename, sync_dir};

/// Attribute of a folder that was copied from a volume of the engine: which one, and as of when. Containers cannot write it.
const COPIED_FROM: &str = "trusted.hearth.volume";

/// Longest value of [`COPIED_FROM`] that is read.
const MAX_VALUE_BYTES: usize = 512;

impl AppData {
    /// Copies what a stopped container keeps in volumes of the engine into folders of the app, each under the name that
    /// [`anonymous_volume_folder`] gives. The volumes themselves stay as they are.
    ///
    /// A folder is there as a whole, and is compared with the volume, before it has its name. What was in a folder of that
    /// name and did not come from this volume is kept beside it. May be cut off and done again; a copy that was made since
    /// `started_at` is not made again. Returns what the copies lack. Fails with [`Error::NoSpace`] before a copy that would
    /// not fit.
    pub fn keep_volumes(
        &self,
        app: &AppId,
        service: &ServiceName,
        started_at: Option<Timestamp>,
        volumes: &BTreeMap<String, OutsideVolume>,
    ) -> Result<Vec<LeftOut>, Error> {
        let dir = self.path(app);
        if Marker::read(&dir)?.is_none() {
            return Err(Error::Missing { path: dir });
        }
        let parent = dir.join(VOLUMES_FOLDER);
        beneath::check(&dir, &parent)?;
        fs::create_dir_all(&parent).map_err(Error::at("make the folder", &parent))?;
        let mut left_out = Vec::new();
        for (target, volume) in volumes {
            let name = anonymous_volume_folder(service, target);
            let origin = Origin { volume: &volume.name, started_at };
            left_out.extend(keep(Path::new(&volume.path), &parent, &name, &origin)?);
        }
        Ok(left_out)
    }

    /// Checks that none of the folders of volumes is a link that leads out of the app's folder.
    pub(super) fn check_volumes(&self, app: &AppId) -> Result<(), Error> {
        let dir = self.path(app);
        let parent = dir.join(VOLUMES_FOLDER);
        beneath::check(&dir, &parent)?;
        let entries = match fs::read_dir(&parent) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::at("read", &parent)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Error::at("read", &parent))?;
            beneath::check(&dir, &entry.path())?;
        }
        Ok(())
    }
}

/// What a folder is a copy of.
struct Origin<'a> {
    volume: &'a str,
    started_at: Option<Timestamp>,
}

impl Origin<'_> {
    fn text(&self) -> String {
        let moment = self.started_at.map_or_else(|| "never started".to_owned(), |at| at.to_string());
        format!("{} {moment}", self.volume)
    }
}

fn keep(source: &Path, parent: &Path, name: &str, origin: &Origin<'_>) -> Result<Vec<LeftOut>, Error> {
    let place = parent.join(name);
    let copied_from = copied_from(&place);
    if copied_from.as_deref() == Some(&origin.text()) {
        return Ok(Vec::new());
    }
    if !exists(source)? {
        return Err(Error::Missing { path: source.to_owned() });
    }
    let partial = parent.join(format!(".{name}.new"));
    delete(&partial)?;
    let left_out = match copy_whole(source, &partial, origin) {
        Ok(left_out) => left_out,
        Err(error) => {
            // Room that a failed copy holds may be just what is missing.
            delete(&partial)?;
            return Err(error);
        }
    };
    let is_earlier_copy = copied_from.is_some_and(|text| text.starts_with(&format!("{} ", origin.volume)));
    if exists(&place)? && is_earlier_copy {
        // The container ran again since that copy was made, and wrote to the volume.
        match rustix::fs::renameat_with(CWD, &partial, CWD, &place, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOSYS) => return Err(Error::NoExchange { path: place }),
            Err(errno) => return Err(Error::call("exchange", &place)(errno)),
        }
        sync_dir(parent)?;
        delete(&partial)?;
        return Ok(left_out);
    }
    if exists(&place)? {
        rename(&place, &free_name(parent, name)?)?;
    }
    rename(&partial, &place)?;
    Ok(left_out)
}

/// Copies a folder, makes sure that the copy is on the disk and equal, and notes what it is a copy of.
fn copy_whole(source: &Path, partial: &Path, origin: &Origin<'_>) -> Result<Vec<LeftOut>, Error> {
    fs::create_dir(partial).map_err(Error::at("make the folder", partial))?;
    // A disk that somebody mounted in the volume would go with it.
    let left_out = copy::folder_from_elsewhere(source, partial, Borders::Cross, &|_| true)?;
    sync_file_system(partial)?;
    compare(source, partial)?;
    match rustix::fs::setxattr(partial, COPIED_FROM, origin.text().as_bytes(), XattrFlags::empty()) {
        // Without the note the copy is made again when this is cut off later, and this one is kept beside it.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => Ok(left_out),
        Err(errno) => Err(Error::call("set the attributes of", partial)(errno)),
    }
}

fn copied_from(place: &Path) -> Option<String> {
    let mut value = [0; MAX_VALUE_BYTES];
    let length = rustix::fs::lgetxattr(place, COPIED_FROM, &mut value[..]).ok()?;
    String::from_utf8(value.get(..length)?.to_vec()).ok()
}

/// Returns a name beside a folder that nothing has.
fn free_name(parent: &Path, name: &str) -> Result<PathBuf, Error> {
    for number in 1_u32.. {
        let path = parent.join(format!("{name}.before-{number}"));
        if !exists(&path)? {
            return Ok(path);
        }
    }
    Err(Error::Taken { path: parent.join(name) })
}

/// Fails when a copy lacks anything of a folder: kinds, owners, rights and sizes of everything in it are compared.
fn compare(source: &Path, target: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(source).map_err(Error::at("read", source))? {
        let entry = entry.map_err(Error::at("read", source))?;
        let (path, copied) = (entry.path(), target.join(entry.file_name()));
        let there = fs::symlink_metadata(&path).map_err(Error::at("look at", &path))?;
        if is_socket(&there) {
            continue;
        }
        let copy = fs::symlink_metadata(&copied).map_err(Error::at("look at", &copied))?;
        let facts = |seen: &fs::Metadata| {
            let size = seen.is_file().then_some(seen.len());
            (seen.mode(), seen.uid(), seen.gid(), size)
        };
        if facts(&there) != facts(&copy) {
            return Err(Error::NotEqual { path });
        }
        if there.is_symlink() {
            let aim = |path: &Path| fs::read_link(path).map_err(Error::at("read", path));
            if aim(&path)?.as_os_str().as_bytes() != aim(&copied)?.as_os_str().as_bytes() {
                return Err(Error::NotEqual { path });
            }
        } else if there.is_dir() {
            compare(&path, &copied)?;
        }
    }
    Ok(())
}

fn is_socket(there: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    there.file_type().is_socket()
}
