use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;

use crate::data::error::Error;

/// Links may be followed as long as they stay below the folder; the kernel watches over it
/// ([openat2(2)](https://man7.org/linux/man-pages/man2/openat2.2.html)).
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// An open folder that no path leads out of.
#[derive(Debug)]
pub(super) struct Root {
    fd: OwnedFd,
    path: PathBuf,
}

/// Owner and rights of a new folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
}

impl Root {
    /// Opens a folder; fails with [`Error::Missing`] when it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path: path.to_owned() }),
            Err(Errno::NOENT) => Err(Error::Missing { path: path.to_owned() }),
            Err(errno) => Err(Error::call("open", path)(errno)),
        }
    }

    /// Returns the part of an absolute path below this folder; one with `..` or outside is refused.
    pub(super) fn relative<'a>(&self, path: &'a Path) -> Result<&'a Path, Error> {
        let inside = path.strip_prefix(&self.path).ok();
        inside
            .filter(|inside| inside.components().all(|part| matches!(part, Component::Normal(_))))
            .ok_or_else(|| self.outside(path))
    }

    /// Opens a folder below, following links that stay below; `None` when it is not there.
    pub(super) fn folder(&self, relative: &Path) -> Result<Option<OwnedFd>, Error> {
        self.open_at(relative, OFlags::DIRECTORY | OFlags::RDONLY)
    }

    /// Opens a folder below; makes those that are missing: the last with the given owner, those above as root's.
    pub(super) fn make_folder(&self, relative: &Path, owner: Owner) -> Result<OwnedFd, Error> {
        if let Some(fd) = self.folder(non_empty(relative))? {
            return Ok(fd);
        }
        let path = self.path.join(relative);
        let (Some(parent), Some(name)) = (relative.parent(), relative.file_name()) else {
            return Err(self.outside(&path));
        };
        let above = self.make_folder(parent, Owner { uid: 0, gid: 0, mode: 0o755 }.or_own())?;
        match rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(Error::call("make the folder", &path)(errno)),
        }
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // What is here now instead of a folder is a link that leads nowhere, or a file.
        let made =
            rustix::fs::openat(&above, name, flags, Mode::empty()).map_err(Error::call("open", &path))?;
        owner.give(&made).map_err(Error::call("set owner and rights of", &path))?;
        Ok(made)
    }

    /// Opens a file below for reading, following links that stay below; `None` when there is no plain file.
    pub(super) fn file(&self, relative: &Path) -> Result<Option<OwnedFd>, Error> {
        if !self.is_file(relative)? {
            return Ok(None);
        }
        self.open_at(relative, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    /// Tells whether there is a plain file below.
    pub(super) fn is_file(&self, relative: &Path) -> Result<bool, Error> {
        let Some(fd) = self.open_at(relative, OFlags::PATH)? else { return Ok(false) };
        let there = rustix::fs::fstat(&fd).map_err(Error::call("look at", &self.path.join(relative)))?;
        Ok(FileType::from_raw_mode(there.st_mode).is_file())
    }

    fn open_at(&self, relative: &Path, flags: OFlags) -> Result<Option<OwnedFd>, Error> {
        self.open_resolved(relative, flags, BENEATH)
    }

    fn open_resolved(
        &self,
        relative: &Path,
        flags: OFlags,
        resolve: ResolveFlags,
    ) -> Result<Option<OwnedFd>, Error> {
        let path = self.path.join(relative);
        loop {
            match rustix::fs::openat2(&self.fd, relative, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Ok(fd) => return Ok(Some(fd)),
                Err(Errno::NOENT) => return Ok(None),
                // The kernel could not be sure because something was renamed at the same time.
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::LOOP) if resolve.contains(ResolveFlags::NO_SYMLINKS) => {
                    return Err(Error::Linked { path });
                }
                Err(Errno::XDEV | Errno::LOOP) => return Err(self.outside(&path)),
                Err(errno) => return Err(Error::call("open", &path)(errno)),
            }
        }
    }

    fn outside(&self, path: &Path) -> Error {
        Error::Outside { path: path.to_owned(), dir: self.path.clone() }
    }
}

impl Owner {
    /// Returns root as the owner, or who runs this when that is not root.
    pub(super) fn or_own(self) -> Self {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        if uid.is_root() { self } else { Self { uid: uid.as_raw(), gid: gid.as_raw(), mode: self.mode } }
    }

    pub(super) fn give(self, fd: impl AsFd) -> rustix::io::Result<()> {
        // Rights last: a change of owner takes away set-user-id.
        rustix::fs::fchown(&fd, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))?;
        rustix::fs::fchmod(&fd, Mode::from_raw_mode(self.mode & 0o7777))
    }
}

/// Checks that a path below `dir` stays there when its links are followed; it need not be there, nor `dir`.
pub(super) fn check(dir: &Path, path: &Path) -> Result<(), Error> {
    check_resolved(dir, path, BENEATH)
}

/// Checks that a path below `dir` has no link in it; it need not be there, nor `dir`.
pub(super) fn check_without_links(dir: &Path, path: &Path) -> Result<(), Error> {
    // One that leads out is said to do so, whichever check finds it.
    check(dir, path)?;
    check_resolved(dir, path, BENEATH.union(ResolveFlags::NO_SYMLINKS))
}

fn check_resolved(dir: &Path, path: &Path, resolve: ResolveFlags) -> Result<(), Error> {
    let root = match Root::open(dir) {
        Ok(root) => root,
        Err(Error::Missing { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut relative = root.relative(path)?;
    // What is missing is made below the last folder that is there, so that one counts.
    while root.open_resolved(non_empty(relative), OFlags::PATH, resolve)?.is_none() {
        let Some(parent) = relative.parent() else { break };
        relative = parent;
    }
    Ok(())
}

fn non_empty(relative: &Path) -> &Path {
    if relative.as_os_str().is_empty() { Path::new(".") } else { relative }
}
