/// The bytes of one file.
mod content;

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, RawMode, Stat, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use crate::data::error::Error;
use crate::facts::free_bytes;
pub(super) use content::Method;

/// Space that a plain copy leaves free: enough for the engine and the database to go on.
const LEFT_FREE_BYTES: u64 = 64 << 20;

/// Is told of bytes that were copied, and says whether to go on.
pub type Watch<'a> = &'a dyn Fn(u64) -> bool;

/// Copies what is in a folder into another, with owners, rights, times, extended attributes, links of both kinds,
/// pipes and devices; holes stay holes. Blocks are shared where the file system can. Sockets are left out: they mean
/// nothing without the process that made them.
///
/// The target must be empty. Fails with [`Error::NoSpace`] before a plain copy that would not fit.
pub(super) fn folder(source: &Path, target: &Path) -> Result<(), Error> {
    let from = open_folder(rustix::fs::CWD, source.as_os_str().as_encoded_bytes(), source)?;
    let to = open_folder(rustix::fs::CWD, target.as_os_str().as_encoded_bytes(), target)?;
    let method = content::method(&to, target)?;
    if method == Method::Plain {
        check_space(source, target, &from)?;
    }
    Copy::new(method, &to, target, &|_| true)?.folder(&from, &to, source, Path::new(""))
}

/// Copies what is in a folder of perhaps another disk into another, as [`folder`] does.
///
/// Fails with [`Error::NoSpace`] before a copy that would not fit, and with [`Error::GivenUp`] when `watch` says so.
pub(super) fn folder_from_elsewhere(source: &Path, target: &Path, watch: Watch<'_>) -> Result<(), Error> {
    let from = open_folder(rustix::fs::CWD, source.as_os_str().as_encoded_bytes(), source)?;
    let to = open_folder(rustix::fs::CWD, target.as_os_str().as_encoded_bytes(), target)?;
    let method = method_between(&from, &to, source, target)?;
    if method == Method::Plain {
        check_space(source, target, &from)?;
    }
    Copy::new(method, &to, target, watch)?.folder(&from, &to, source, Path::new(""))
}

/// Finds out by trying how files of one folder are copied into another.
pub(super) fn method_between(
    from: &OwnedFd,
    to: &OwnedFd,
    source: &Path,
    target: &Path,
) -> Result<Method, Error> {
    match first_file(from, source)? {
        Some(file) => content::method_for(&file, to, target),
        // There is nothing to copy.
        None => Ok(Method::Plain),
    }
}

/// Opens a file with content below a folder; `None` when there is none.
fn first_file(dir: &OwnedFd, path: &Path) -> Result<Option<File>, Error> {
    for name in names(dir, path)? {
        let below = path.join(OsStr::from_bytes(name.to_bytes()));
        let stat = rustix::fs::statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(Error::call("look at", &below))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if stat.st_blocks > 0 => {
                return open_source(dir, &name, OFlags::NONBLOCK, &below).map(|fd| Some(fd.into()));
            }
            FileType::Directory => {
                let found = first_file(&open_folder(dir, name.to_bytes(), &below)?, &below)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

/// A copy that goes on.
pub(super) struct Copy<'a> {
    method: Method,
    /// Files with several names that were copied already: their first name below the target, by device and inode.
    links: HashMap<(u64, u64), PathBuf>,
    target: OwnedFd,
    watch: Watch<'a>,
}

impl<'a> Copy<'a> {
    /// Returns a copy into an open folder.
    pub(super) fn new(
        method: Method,
        target: &OwnedFd,
        path: &Path,
        watch: Watch<'a>,
    ) -> Result<Self, Error> {
        let target = rustix::io::dup(target).map_err(Error::call("open", path))?;
        Ok(Self { method, links: HashMap::new(), target, watch })
    }

    fn folder(&mut self, from: &OwnedFd, to: &OwnedFd, path: &Path, relative: &Path) -> Result<(), Error> {
        for name in names(from, path)? {
            let name_path = Path::new(OsStr::from_bytes(name.to_bytes()));
            self.entry(from, to, &name, &path.join(name_path), &relative.join(name_path))?;
        }
        // Last, because every new entry changes the times.
        let stat = rustix::fs::fstat(from).map_err(Error::call("look at", path))?;
        attributes(from, to, &stat, path)
    }

    /// Copies what has a name in one folder to the same name in another.
    pub(super) fn entry(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &CStr,
        path: &Path,
        relative: &Path,
    ) -> Result<(), Error> {
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(Error::call("look at", path))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                rustix::fs::mkdirat(to, name, Mode::from_raw_mode(0o700))
                    .map_err(Error::call("copy", path))?;
                let from = open_folder(from, name.to_bytes(), path)?;
                let to = open_folder(to, name.to_bytes(), path)?;
                self.folder(&from, &to, path, relative)
            }
            FileType::RegularFile => {
                if self.is_linked(&stat, to, name, path, relative)? {
                    return Ok(());
                }
                self.file(from, to, name, &stat, path)
            }
            FileType::Symlink => {
                let aim =
                    rustix::fs::readlinkat(from, name, Vec::new()).map_err(Error::call("read", path))?;
                rustix::fs::symlinkat(&aim, to, name).map_err(Error::call("copy", path))?;
                outside_attributes(to, name, &stat, path)
            }
            FileType::Socket | FileType::Unknown => Ok(()),
            kind @ (FileType::Fifo | FileType::CharacterDevice | FileType::BlockDevice) => {
                if self.is_linked(&stat, to, name, path, relative)? {
                    return Ok(());
                }
                rustix::fs::mknodat(to, name, kind, mode(stat.st_mode), stat.st_rdev)
                    .map_err(Error::call("copy", path))?;
                outside_attributes(to, name, &stat, path)?;
                rustix::fs::chmodat(to, name, mode(stat.st_mode), AtFlags::empty())
                    .map_err(Error::call("copy", path))
            }
        }
    }

    fn file(&self, from: &OwnedFd, to: &OwnedFd, name: &CStr, stat: &Stat, path: &Path) -> Result<(), Error> {
        let from = open_source(from, name, OFlags::NONBLOCK, path)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let to = rustix::fs::openat(to, name, flags, Mode::from_raw_mode(0o600))
            .map_err(Error::call("copy", path))?;
        let (from, to) = (File::from(from), File::from(to));
        let size_bytes = u64::try_from(stat.st_size).unwrap_or_default();
        match content::copy(&from, &to, size_bytes, self.method, self.watch) {
            Ok(true) => {}
            Ok(false) => return Err(Error::GivenUp { path: path.to_owned() }),
            Err(error) => return Err(Error::at("copy", path)(error)),
        }
        attributes(&from, &to, stat, path)
    }

    /// Tells whether a file with several names was copied under another, and then links to that.
    fn is_linked(
        &mut self,
        stat: &Stat,
        to: &OwnedFd,
        name: &CStr,
        path: &Path,
        relative: &Path,
    ) -> Result<bool, Error> {
        if stat.st_nlink < 2 {
            return Ok(false);
        }
        match self.links.entry((stat.st_dev, stat.st_ino)) {
            std::collections::hash_map::Entry::Occupied(first) => {
                rustix::fs::linkat(&self.target, first.get(), to, name, AtFlags::empty())
                    .map_err(Error::call("copy", path))?;
                Ok(true)
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(relative.to_owned());
                Ok(false)
            }
        }
    }
}

/// Copies extended attributes, owner, rights and times of an open file or folder.
fn attributes(from: impl AsFd, to: impl AsFd, stat: &Stat, path: &Path) -> Result<(), Error> {
    owner(&to, stat).map_err(Error::call("set the owner of the copy of", path))?;
    for name in attribute_names(&from).map_err(Error::call("read the attributes of", path))? {
        let value = attribute(&from, &name).map_err(Error::call("read the attributes of", path))?;
        match rustix::fs::fsetxattr(&to, &name, &value, XattrFlags::empty()) {
            // Labels of a security module are given by the kernel where it does not let them be set.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(Errno::PERM | Errno::ACCESS) if !name.to_bytes().starts_with(b"user.") => {}
            Err(errno) => return Err(Error::call("set the attributes of the copy of", path)(errno)),
        }
    }
    rustix::fs::fchmod(&to, mode(stat.st_mode))
        .map_err(Error::call("set the rights of the copy of", path))?;
    rustix::fs::futimens(&to, &times(stat)).map_err(Error::call("set the times of the copy of", path))
}

/// Copies owner and times of what cannot be opened: a link, a pipe, a device.
fn outside_attributes(to: &OwnedFd, name: &CStr, stat: &Stat, path: &Path) -> Result<(), Error> {
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    rustix::fs::chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(Error::call("set the owner of the copy of", path))?;
    rustix::fs::utimensat(to, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(Error::call("set the times of the copy of", path))
}

fn owner(to: impl AsFd, stat: &Stat) -> rustix::io::Result<()> {
    rustix::fs::fchown(to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))
}

fn mode(raw: RawMode) -> Mode {
    Mode::from_raw_mode(raw & 0o7777)
}

fn times(stat: &Stat) -> Timestamps {
    let time = |seconds: i64, nanoseconds: u64| Timespec {
        tv_sec: seconds,
        tv_nsec: i64::try_from(nanoseconds).unwrap_or_default(),
    };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}

fn attribute_names(from: impl AsFd) -> rustix::io::Result<Vec<CString>> {
    let names = sized(|buffer| rustix::fs::flistxattr(&from, buffer));
    let names = match names {
        Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        names => names?,
    };
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.filter_map(|name| CString::new(name).ok()).collect())
}

fn attribute(from: impl AsFd, name: &CStr) -> rustix::io::Result<Vec<u8>> {
    sized(|buffer| rustix::fs::fgetxattr(&from, name, buffer))
}

/// Calls with a buffer that grows until the answer fits; the kernel's limit is 64 KiB.
fn sized(mut call: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        match call(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < 64 << 10 => buffer.resize(buffer.len() * 4, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// Opens a folder; a link is refused.
pub(super) fn open_folder(at: impl AsFd, name: &[u8], path: &Path) -> Result<OwnedFd, Error> {
    let name = CString::new(name).map_err(|error| Error::at("open", path)(error.into()))?;
    open_source(at, &name, OFlags::DIRECTORY, path)
}

/// Opens what is read only, if possible without a trace in its access time.
fn open_source(at: impl AsFd, name: &CStr, flags: OFlags, path: &Path) -> Result<OwnedFd, Error> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = match rustix::fs::openat(&at, name, flags | OFlags::NOATIME, Mode::empty()) {
        // Only the owner and root may ask for that.
        Err(Errno::PERM) => rustix::fs::openat(&at, name, flags, Mode::empty()),
        opened => opened,
    };
    opened.map_err(Error::call("open", path))
}

/// Names in a folder, in the order of the file system.
pub(super) fn names(dir: &OwnedFd, path: &Path) -> Result<Vec<CString>, Error> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir).map_err(Error::call("read", path))? {
        let entry = entry.map_err(Error::call("read", path))?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

fn check_space(source: &Path, target: &Path, from: &OwnedFd) -> Result<(), Error> {
    check_room(size_bytes(from, source)?, source, target)
}

/// Checks that so many bytes fit where `target` is, and leave room for the engine and the database.
pub(super) fn check_room(size_bytes: u64, source: &Path, target: &Path) -> Result<(), Error> {
    let needed_bytes = size_bytes.saturating_add(LEFT_FREE_BYTES);
    let disk = rustix::fs::statvfs(target).map_err(Error::call("look at the disk of", target))?;
    let free_bytes = free_bytes(&disk);
    if needed_bytes > free_bytes {
        return Err(Error::NoSpace { path: source.to_owned(), needed_bytes, free_bytes });
    }
    Ok(())
}

/// Space that everything in a folder takes up; files with several names are counted with each.
pub(super) fn size_bytes(dir: &OwnedFd, path: &Path) -> Result<u64, Error> {
    let mut sum: u64 = 0;
    for name in names(dir, path)? {
        let below = path.join(OsStr::from_bytes(name.to_bytes()));
        let stat = match rustix::fs::statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(Error::call("look at", &below)(errno)),
        };
        sum = sum.saturating_add(u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(512));
        if FileType::from_raw_mode(stat.st_mode).is_dir() {
            sum = sum.saturating_add(size_bytes(&open_folder(dir, name.to_bytes(), &below)?, &below)?);
        }
    }
    Ok(sum)
}
