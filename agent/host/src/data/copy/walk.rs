use std::collections::HashSet;
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::data::copy::Borders;
use crate::data::error::Error;
use crate::data::mounts::open_within;
use crate::facts::free_bytes;

/// Space that a plain copy leaves free: enough for the engine and the database to go on.
const LEFT_FREE_BYTES: u64 = 64 << 20;

/// Folders inside each other that are walked; each takes two descriptors and a part of the stack.
pub(super) const MAX_DEPTH: usize = 200;

/// Fails with [`Error::TooDeep`] for a folder that is nested too deep to be walked.
pub(in crate::data) fn check_depth(depth: usize, path: &Path) -> Result<(), Error> {
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    Err(Error::TooDeep { path: path.to_owned(), max: MAX_DEPTH })
}

/// Opens what lies in an open folder to read it, if possible without a trace in its access time; `None` when it is a
/// mount of its own. A link is refused.
pub(in crate::data) fn open_below(
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
pub(in crate::data) fn open_folder(at: impl AsFd, name: &[u8], path: &Path) -> Result<OwnedFd, Error> {
    let name = CString::new(name).map_err(|error| Error::at("open", path)(error.into()))?;
    open_source(at, &name, OFlags::DIRECTORY, path)
}

/// Opens what is read only, if possible without a trace in its access time.
pub(super) fn open_source(at: impl AsFd, name: &CStr, flags: OFlags, path: &Path) -> Result<OwnedFd, Error> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = match rustix::fs::openat(&at, name, flags | OFlags::NOATIME, Mode::empty()) {
        // Only the owner and root may ask for that.
        Err(Errno::PERM) => rustix::fs::openat(&at, name, flags, Mode::empty()),
        opened => opened,
    };
    opened.map_err(Error::call("open", path))
}

/// Names in a folder, in the order of the file system.
pub(in crate::data) fn names(dir: &OwnedFd, path: &Path) -> Result<Vec<CString>, Error> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir).map_err(Error::call("read", path))? {
        let entry = entry.map_err(Error::call("read", path))?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

pub(super) fn check_space(
    source: &Path,
    target: &Path,
    from: &OwnedFd,
    borders: Borders,
) -> Result<(), Error> {
    check_room(size_bytes(from, source, borders)?, source, target)
}

/// Checks that so many bytes fit where `target` is, and leave room for the engine and the database.
pub(in crate::data) fn check_room(size_bytes: u64, source: &Path, target: &Path) -> Result<(), Error> {
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
pub(in crate::data) fn size_bytes(dir: &OwnedFd, path: &Path, borders: Borders) -> Result<u64, Error> {
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
pub(in crate::data) fn size_of(
    dir: &OwnedFd,
    name: &CStr,
    path: &Path,
    borders: Borders,
) -> Result<u64, Error> {
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
pub(in crate::data) fn taken_bytes(stat: &Stat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(512)
}
