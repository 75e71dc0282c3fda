use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use hearth_model::id::AppId;
use hearth_model::spec::{FileSpec, FolderSpec};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::data::AppData;
use crate::data::beneath::{Owner, Root};
use crate::data::error::Error;

/// Rights of a folder that does not say.
const FOLDER_MODE: u32 = 0o755;

/// Most bytes that are read of a text.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;

/// Ends the name of a file that is being written.
const PARTIAL: &str = ".hearth-new";

impl AppData {
    /// Makes missing folders, and writes files below the app's folder; folders that are there stay as they are.
    ///
    /// A file is there as a whole or not at all. A seed that is there is the app's own and stays as it is; any other
    /// file is made equal to the package, and not touched when it is. No path, and no link in it, may lead out of the
    /// app's folder.
    pub fn write_files(
        &self,
        app: &AppId,
        folders: &BTreeMap<String, FolderSpec>,
        files: &BTreeMap<String, FileSpec>,
    ) -> Result<(), Error> {
        let root = Root::open(&self.path(app))?;
        for (path, folder) in folders {
            let FolderSpec { uid, gid, mode, mounted: _ } = *folder;
            let owner = owner(uid, gid, mode.unwrap_or(FOLDER_MODE));
            let relative = root.relative(Path::new(path))?;
            // What a container mounts is taken for a folder until a script of the package has made a file of it.
            if !root.is_file(relative)? {
                root.make_folder(relative, owner)?;
            }
        }
        for (path, file) in files {
            let path = Path::new(path);
            let relative = root.relative(path)?;
            let (Some(parent), Some(name)) = (relative.parent(), relative.file_name()) else {
                return Err(Error::Outside { path: path.to_owned(), dir: self.path(app) });
            };
            let parent = root.make_folder(parent, owner(None, None, FOLDER_MODE))?;
            write(&parent, name, path, file)?;
        }
        Ok(())
    }
}

impl AppData {
    /// Reads a text below the app's folder, links in it followed as long as they stay there; `None` when it is not there.
    pub fn read_text(&self, app: &AppId, relative: &Path) -> Result<Option<String>, Error> {
        let root = match Root::open(&self.path(app)) {
            Ok(root) => root,
            Err(Error::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let path = self.path(app).join(relative);
        let Some(fd) = root.file(root.relative(&path)?)? else { return Ok(None) };
        let mut text = String::new();
        File::from(fd).take(MAX_TEXT_BYTES).read_to_string(&mut text).map_err(Error::at("read", &path))?;
        Ok(Some(text))
    }
}

fn write(parent: &OwnedFd, name: &OsStr, path: &Path, spec: &FileSpec) -> Result<(), Error> {
    let FileSpec { content, mode, uid, gid, seed } = spec;
    let owner = owner(*uid, *gid, *mode);
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) if *seed => return Ok(()),
        Ok(there) if FileType::from_raw_mode(there.st_mode).is_file() => {
            let same = (there.st_uid, there.st_gid, there.st_mode & 0o7777)
                == (owner.uid, owner.gid, owner.mode & 0o7777);
            if same && is_equal(parent, name, content) {
                return Ok(());
            }
        }
        Ok(_) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(Error::call("look at", path)(errno)),
    }
    let mut partial = name.to_owned();
    partial.push(PARTIAL);
    match rustix::fs::unlinkat(parent, &partial, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(Error::call("replace", path)(errno)),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(parent, &partial, flags, Mode::from_raw_mode(0o600))
        .map_err(Error::call("write", path))?;
    let mut file = File::from(fd);
    let written = file
        .write_all(content)
        .and_then(|()| owner.give(&file).map_err(std::io::Error::from))
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        // The next try would remove it as well; on a full disk it should not wait.
        let _ = rustix::fs::unlinkat(parent, &partial, AtFlags::empty());
        return Err(Error::at("write", path)(error));
    }
    rustix::fs::renameat(parent, &partial, parent, name).map_err(Error::call("replace", path))?;
    rustix::fs::fsync(parent).map_err(Error::call("write to the disk", path))
}

fn is_equal(parent: &OwnedFd, name: &OsStr, content: &[u8]) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let Ok(fd) = rustix::fs::openat(parent, name, flags, Mode::empty()) else { return false };
    let mut there = Vec::with_capacity(content.len() + 1);
    // One byte more than is expected shows a longer file; a huge one is not read.
    let limit = content.len() as u64 + 1;
    File::from(fd).take(limit).read_to_end(&mut there).is_ok() && there == content
}

fn owner(uid: Option<u32>, gid: Option<u32>, mode: u32) -> Owner {
    match (uid, gid) {
        (None, None) => Owner { uid: 0, gid: 0, mode }.or_own(),
        (uid, gid) => Owner { uid: uid.unwrap_or(0), gid: gid.unwrap_or(0), mode },
    }
}
