/// The bytes of one file.
mod content;

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, IFlags, Mode, OFlags, RawMode, Stat, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use crate::data::error::Error;
use crate::data::left_out::{LeftOut, Lost};
use crate::data::marker::{HEARTH_FOLDER, REPLACED_FOLDER};
use crate::data::mounts::{self, open_within};
use crate::facts::free_bytes;
pub(super) use content::Method;

/// Space that a plain copy leaves free: enough for the engine and the database to go on.
const LEFT_FREE_BYTES: u64 = 64 << 20;

/// Folders inside each other that are walked; each takes two descriptors and a part of the stack.
const MAX_DEPTH: usize = 200;

/// Is told of bytes that were copied, and says whether to go on.
pub type Watch<'a> = &'a dyn Fn(u64) -> bool;

/// What a copy does where something else is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Borders {
    /// It makes an empty folder there, and goes on beside it.
    LeaveOut,
    /// It fails with [`Error::Mounted`].
    Refuse,
    /// It goes on across: the owner asked for what is mounted there as well.
    Cross,
}

/// Copies what is in a folder into another, with owners, rights, times, extended attributes, links of both kinds,
/// pipes and devices; holes stay holes. Blocks are shared where the file system can. Returns what it left out.
///
/// The target must be empty. Fails with [`Error::NoSpace`] before a plain copy that would not fit.
pub(super) fn folder(source: &Path, target: &Path) -> Result<Vec<LeftOut>, Error> {
    let from = open_folder(rustix::fs::CWD, source.as_os_str().as_encoded_bytes(), source)?;
    let to = open_folder(rustix::fs::CWD, target.as_os_str().as_encoded_bytes(), target)?;
    let method = content::method(&to, target)?;
    if method == Method::Plain {
        check_space(source, target, &from, Borders::LeaveOut)?;
    }
    let mut copy = Copy::new(method, Borders::LeaveOut, &to, target, &|_| true)?;
    copy.folder(&from, &to, source, Path::new(""), 0)?;
    Ok(copy.left_out)
}

/// Copies what is in a folder of perhaps another disk into another, as [`folder`] does.
///
/// Fails with [`Error::NoSpace`] before a copy that would not fit, and with [`Error::GivenUp`] when `watch` says so.
pub(super) fn folder_from_elsewhere(
    source: &Path,
    target: &Path,
    borders: Borders,
    watch: Watch<'_>,
) -> Result<Vec<LeftOut>, Error> {
    let from = open_folder(rustix::fs::CWD, source.as_os_str().as_encoded_bytes(), source)?;
    let to = open_folder(rustix::fs::CWD, target.as_os_str().as_encoded_bytes(), target)?;
    let method = method_between(&from, &to, source, target)?;
    if method == Method::Plain {
        check_space(source, target, &from, borders)?;
    }
    let mut copy = Copy::new(method, borders, &to, target, watch)?;
    copy.folder(&from, &to, source, Path::new(""), 0)?;
    Ok(copy.left_out)
}

/// Finds out by trying how files of one folder are copied into another.
pub(super) fn method_between(
    from: &OwnedFd,
    to: &OwnedFd,
    source: &Path,
    target: &Path,
) -> Result<Method, Error> {
    match first_file(from, source, 0)? {
        Some(file) => content::method_for(&file, to, target),
        // There is nothing to copy.
        None => Ok(Method::Plain),
    }
}

/// Opens a file with content below a folder; `None` when there is none.
fn first_file(dir: &OwnedFd, path: &Path, depth: usize) -> Result<Option<File>, Error> {
    if depth > MAX_DEPTH {
        return Ok(None);
    }
    for name in names(dir, path)? {
        let below = path.join(OsStr::from_bytes(name.to_bytes()));
        let stat = rustix::fs::statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(Error::call("look at", &below))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if stat.st_blocks > 0 => {
                if let Some(fd) = open_below(dir, &name, OFlags::NONBLOCK, &below)? {
                    return Ok(Some(fd.into()));
                }
            }
            FileType::Directory => {
                if let Some(dir) = open_below(dir, &name, OFlags::DIRECTORY, &below)?
                    && let Some(found) = first_file(&dir, &below, depth + 1)?
                {
                    return Ok(Some(found));
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
    borders: Borders,
    /// Files with several names that were copied already: their first name below the target, by device and inode.
    links: HashMap<(u64, u64), PathBuf>,
    target: OwnedFd,
    watch: Watch<'a>,
    /// What the copy lacks so far.
    pub(super) left_out: Vec<LeftOut>,
}

impl<'a> Copy<'a> {
    /// Returns a copy into an open folder.
    pub(super) fn new(
        method: Method,
        borders: Borders,
        target: &OwnedFd,
        path: &Path,
        watch: Watch<'a>,
    ) -> Result<Self, Error> {
        let target = rustix::io::dup(target).map_err(Error::call("open", path))?;
        Ok(Self { method, borders, links: HashMap::new(), target, watch, left_out: Vec::new() })
    }

    fn folder(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        path: &Path,
        relative: &Path,
        depth: usize,
    ) -> Result<(), Error> {
        check_depth(depth, path)?;
        for name in names(from, path)? {
            let name_path = Path::new(OsStr::from_bytes(name.to_bytes()));
            // What a going back replaced is no part of the data.
            if depth == 1 && relative == Path::new(HEARTH_FOLDER) && name_path == Path::new(REPLACED_FOLDER) {
                continue;
            }
            self.entry_at(from, to, &name, &path.join(name_path), &relative.join(name_path), depth)?;
        }
        // Last, because every new entry changes the times.
        let stat = rustix::fs::fstat(from).map_err(Error::call("look at", path))?;
        self.attributes(from, to, &stat, path)
    }

    /// Copies what has a name in one folder to the same name in another, which is `relative` below the copy's target.
    pub(super) fn entry(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &CStr,
        path: &Path,
        relative: &Path,
    ) -> Result<(), Error> {
        self.entry_at(from, to, name, path, relative, 0)
    }

    /// Notes that what was copied to one path below the target lies at another now, for links to it.
    pub(super) fn note_move(&mut self, from: &Path, to: &Path) {
        for path in self.links.values_mut() {
            if let Ok(rest) = path.strip_prefix(from) {
                *path = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            }
        }
    }

    fn entry_at(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &CStr,
        path: &Path,
        relative: &Path,
        depth: usize,
    ) -> Result<(), Error> {
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(Error::call("look at", path))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let opened = self.open(from, name, OFlags::DIRECTORY, path)?;
                rustix::fs::mkdirat(to, name, Mode::from_raw_mode(0o700))
                    .map_err(Error::call("copy", path))?;
                let to = open_folder(to, name.to_bytes(), path)?;
                match opened {
                    Some(from) => self.folder(&from, &to, path, relative, depth + 1),
                    None => {
                        owner(&to, &stat).map_err(Error::call("set the owner of the copy of", path))?;
                        rustix::fs::fchmod(&to, mode(stat.st_mode))
                            .map_err(Error::call("set the rights of the copy of", path))
                    }
                }
            }
            FileType::RegularFile => match self.open(from, name, OFlags::NONBLOCK, path)? {
                None => Ok(()),
                Some(_) if self.is_linked(&stat, to, name, path, relative)? => Ok(()),
                Some(from) => self.file(&from, to, name, &stat, path),
            },
            FileType::Symlink => {
                if self.is_linked(&stat, to, name, path, relative)? {
                    return Ok(());
                }
                let aim =
                    rustix::fs::readlinkat(from, name, Vec::new()).map_err(Error::call("read", path))?;
                rustix::fs::symlinkat(&aim, to, name).map_err(Error::call("copy", path))?;
                outside_attributes(to, name, &stat, path)
            }
            FileType::Socket | FileType::Unknown => {
                self.left_out.push(LeftOut { path: path.to_owned(), what: Lost::Socket });
                Ok(())
            }
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

    /// Opens what is to be copied; `None`, and a note, for what is mounted there and left out.
    fn open(
        &mut self,
        at: &OwnedFd,
        name: &CStr,
        flags: OFlags,
        path: &Path,
    ) -> Result<Option<OwnedFd>, Error> {
        if self.borders == Borders::Cross {
            return open_source(at, name, flags, path).map(Some);
        }
        if let Some(fd) = open_below(at, name, flags, path)? {
            return Ok(Some(fd));
        }
        let mounts = mounts::below(path)?;
        if self.borders == Borders::Refuse {
            return Err(Error::Mounted { dir: path.to_owned(), mounts });
        }
        let mount = mounts.into_iter().next();
        self.left_out.push(LeftOut { path: path.to_owned(), what: Lost::Mount(mount) });
        Ok(None)
    }

    fn file(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &CStr,
        stat: &Stat,
        path: &Path,
    ) -> Result<(), Error> {
        let from = rustix::io::dup(from).map_err(Error::call("open", path))?;
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
        self.attributes(&from, &to, stat, path)
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

    /// Copies extended attributes, owner, rights and times of an open file or folder; access lists are attributes.
    pub(super) fn attributes(
        &mut self,
        from: impl AsFd,
        to: impl AsFd,
        stat: &Stat,
        path: &Path,
    ) -> Result<(), Error> {
        owner(&to, stat).map_err(Error::call("set the owner of the copy of", path))?;
        for name in attribute_names(&from).map_err(Error::call("read the attributes of", path))? {
            let value = attribute(&from, &name).map_err(Error::call("read the attributes of", path))?;
            match rustix::fs::fsetxattr(&to, &name, &value, XattrFlags::empty()) {
                Ok(()) => {}
                // Labels of a security module are given by the kernel where it does not let them be set.
                Err(Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP)
                    if name.to_bytes().starts_with(b"security.") => {}
                Err(Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS) => {
                    let what = Lost::Attribute(name.to_string_lossy().into_owned());
                    self.left_out.push(LeftOut { path: path.to_owned(), what });
                }
                Err(errno) => return Err(Error::call("set the attributes of the copy of", path)(errno)),
            }
        }
        // A copy with these marks could not be deleted when it has served its time.
        if rustix::fs::ioctl_getflags(&from)
            .is_ok_and(|flags| flags.intersects(IFlags::IMMUTABLE | IFlags::APPEND))
        {
            self.left_out.push(LeftOut { path: path.to_owned(), what: Lost::Protection });
        }
        rustix::fs::fchmod(&to, mode(stat.st_mode))
            .map_err(Error::call("set the rights of the copy of", path))?;
        rustix::fs::futimens(&to, &times(stat)).map_err(Error::call("set the times of the copy of", path))
    }
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

pub(super) fn times(stat: &Stat) -> Timestamps {
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

/// Fails with [`Error::TooDeep`] for a folder that is nested too deep to be walked.
pub(super) fn check_depth(depth: usize, path: &Path) -> Result<(), Error> {
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    Err(Error::TooDeep { path: path.to_owned(), max: MAX_DEPTH })
}

/// Opens what lies in an open folder to read it, if possible without a trace in its access time; `None` when it is a
/// mount of its own. A link is refused.
pub(super) fn open_below(
    at: &OwnedFd,
    name: &CStr,
    flags: OFlags,
    path: &Path,
) -> Result<Option<OwnedFd>, Error> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW;
    let opened = match open_within(at, name, flags | OFlags::NOATIME) {
        // Only the owner and root may ask for that.
        Err(Errno::PERM) => open_within(at, name, flags),
        opened => opened,
    };
    match opened {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::XDEV) => Ok(None),
        Err(errno) => Err(Error::call("open", path)(errno)),
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

fn check_space(source: &Path, target: &Path, from: &OwnedFd, borders: Borders) -> Result<(), Error> {
    check_room(size_bytes(from, source, borders)?, source, target)
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

/// Space that everything in a folder takes up that a copy with these borders would have; files with several names are
/// counted once.
pub(super) fn size_bytes(dir: &OwnedFd, path: &Path, borders: Borders) -> Result<u64, Error> {
    fn add(
        dir: &OwnedFd,
        path: &Path,
        borders: Borders,
        seen: &mut HashSet<(u64, u64)>,
        depth: usize,
    ) -> Result<u64, Error> {
        check_depth(depth, path)?;
        let mut sum: u64 = 0;
        for name in names(dir, path)? {
            let below = path.join(OsStr::from_bytes(name.to_bytes()));
            let stat = match rustix::fs::statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(Error::call("look at", &below)(errno)),
            };
            if !FileType::from_raw_mode(stat.st_mode).is_dir() {
                if stat.st_nlink < 2 || seen.insert((stat.st_dev, stat.st_ino)) {
                    sum = sum.saturating_add(taken_bytes(&stat));
                }
                continue;
            }
            if let Some(inner) = open_for(borders, dir, &name, &below)? {
                sum = sum.saturating_add(taken_bytes(&stat)).saturating_add(add(
                    &inner,
                    &below,
                    borders,
                    seen,
                    depth + 1,
                )?);
            }
        }
        Ok(sum)
    }
    add(dir, path, borders, &mut HashSet::new(), 0)
}

/// Space that something in an open folder takes up that a copy with these borders would have.
pub(super) fn size_of(dir: &OwnedFd, name: &CStr, path: &Path, borders: Borders) -> Result<u64, Error> {
    let stat =
        rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(Error::call("look at", path))?;
    if !FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Ok(taken_bytes(&stat));
    }
    match open_for(borders, dir, name, path)? {
        Some(inner) => size_bytes(&inner, path, borders),
        None => Ok(0),
    }
}

fn open_for(borders: Borders, dir: &OwnedFd, name: &CStr, path: &Path) -> Result<Option<OwnedFd>, Error> {
    match borders {
        Borders::Cross => open_folder(dir, name.to_bytes(), path).map(Some),
        Borders::LeaveOut | Borders::Refuse => open_below(dir, name, OFlags::DIRECTORY, path),
    }
}

/// Space that a file takes up on its disk; holes take up none.
pub(super) fn taken_bytes(stat: &Stat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(512)
}
