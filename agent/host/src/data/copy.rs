/// What belongs to a file besides its bytes.
mod attributes;
/// The bytes of one file.
mod content;
/// The way through a folder, and how much it takes up.
mod walk;

use std::collections::HashMap;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, IFlags, Mode, OFlags, Stat, XattrFlags};
use rustix::io::Errno;

use crate::data::error::Error;
use crate::data::left_out::{LeftOut, Lost};
use crate::data::marker::{HEARTH_FOLDER, REPLACED_FOLDER};
use crate::data::mounts;
pub(super) use attributes::times;
use attributes::{attribute, attribute_names, mode, outside_attributes, owner};
pub(super) use content::Method;
pub(super) use walk::{
    check_depth, check_room, names, open_below, open_folder, size_bytes, size_of, taken_bytes,
};
use walk::{check_space, open_source};

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
    if depth > walk::MAX_DEPTH {
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
