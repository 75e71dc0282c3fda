use std::ffi::{CStr, CString, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use crate::data::error::Error;
use crate::data::mounts::{self, open_within};
use crate::data::{btrfs, c_name};

/// Folders that are open at the same time. What lies deeper is moved up first, so that neither descriptors nor the stack
/// run out, however deep an app nested its folders.
const MAX_DEPTH: usize = 100;

/// Deletes a file, or a folder with everything in it; what is not there is as it should be.
///
/// No mount is crossed: the kernel checks that for every folder as it is opened, so a mount that came a moment ago is
/// kept as well. What cannot be deleted stays, the rest goes; the error is the first of those met.
///
/// # Errors
/// [`Error::Mounted`] at a mount, [`Error::Protected`] at a file or folder that is marked as unchangeable,
/// [`Error::GivenUp`] when `go_on` says so.
pub fn delete_tree(path: &Path, go_on: &dyn Fn() -> bool) -> Result<(), Error> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::call("delete", path)(Errno::INVAL));
    };
    let name = c_name(name, path)?;
    let parent =
        match rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(parent) => parent,
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(Error::call("open", parent)(errno)),
        };
    let mut deletion = Deletion { go_on, first: None, failures: 0, top: None };
    deletion.entry(&parent, &name, path, FileType::Unknown, 0);
    deletion.first.map_or(Ok(()), Err)
}

/// A deletion that goes on.
struct Deletion<'a> {
    go_on: &'a dyn Fn() -> bool,
    first: Option<Error>,
    failures: u64,
    top: Option<Top>,
}

/// The folder that is deleted, with what was moved up to it.
struct Top {
    fd: OwnedFd,
    path: PathBuf,
    moved_up: Vec<CString>,
    next: u64,
}

impl Deletion<'_> {
    fn fail(&mut self, error: Error) {
        self.failures += 1;
        self.first.get_or_insert(error);
    }

    fn entry(&mut self, at: &OwnedFd, name: &CStr, path: &Path, kind: FileType, depth: usize) {
        if !(self.go_on)() {
            return self.fail(Error::GivenUp { path: path.to_owned() });
        }
        let kind = match kind {
            FileType::Unknown => match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => return,
                Err(errno) => return self.fail(Error::call("look at", path)(errno)),
            },
            kind => kind,
        };
        if kind != FileType::Directory {
            return self.unlink(at, name, path, AtFlags::empty());
        }
        match open_within(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW) {
            Ok(dir) => self.folder(at, dir, name, path, depth),
            Err(Errno::NOENT) => {}
            Err(Errno::XDEV) => self.fail(mounted(path)),
            Err(errno) => self.fail(diagnose(at, name, path, errno)),
        }
    }

    fn folder(&mut self, at: &OwnedFd, dir: OwnedFd, name: &CStr, path: &Path, depth: usize) {
        if depth >= MAX_DEPTH {
            return self.move_up(at, name, path);
        }
        let failures = self.failures;
        if btrfs::is_subvolume(&dir) && self.subvolume(at, &dir, name, path, depth) {
            return;
        }
        if depth == 0 {
            match rustix::io::dup(&dir) {
                Ok(fd) => self.top = Some(Top { fd, path: path.to_owned(), moved_up: Vec::new(), next: 0 }),
                Err(errno) => return self.fail(Error::call("open", path)(errno)),
            }
        }
        self.content(&dir, path, depth);
        while depth == 0
            && let Some(name) = self.top.as_mut().and_then(|top| top.moved_up.pop())
        {
            self.entry(&dir, &name, &path.join(OsStr::from_bytes(name.to_bytes())), FileType::Directory, 1);
        }
        drop(dir);
        // What moved up leaves an empty folder behind; what failed does not, and was noted.
        if self.failures == failures {
            self.unlink(at, name, path, AtFlags::REMOVEDIR);
        }
    }

    fn content(&mut self, dir: &OwnedFd, path: &Path, depth: usize) {
        let entries = match Dir::read_from(dir) {
            Ok(entries) => entries,
            Err(errno) => return self.fail(Error::call("read", path)(errno)),
        };
        let mut names = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) if entry.file_name() == c"." || entry.file_name() == c".." => {}
                Ok(entry) => names.push((entry.file_name().to_owned(), entry.file_type())),
                Err(errno) => return self.fail(Error::call("read", path)(errno)),
            }
        }
        for (name, kind) in names {
            self.entry(dir, &name, &path.join(OsStr::from_bytes(name.to_bytes())), kind, depth + 1);
        }
    }

    /// Deletes a subvolume in one go; returns whether that was done. Else it is deleted file by file.
    fn subvolume(&mut self, at: &OwnedFd, dir: &OwnedFd, name: &CStr, path: &Path, depth: usize) -> bool {
        for inner in btrfs::nested(dir).unwrap_or_default() {
            let (Some(parent), Some(last)) = (inner.parent(), inner.file_name()) else { continue };
            let inner_path = path.join(&inner);
            let Ok(last) = c_name(last, &inner_path) else { continue };
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            // What fails here is met again, and noted, file by file.
            let Ok(parent) = open_within(dir, parent, OFlags::PATH | OFlags::DIRECTORY) else { continue };
            let Ok(opened) = open_within(&parent, &*last, OFlags::RDONLY | OFlags::DIRECTORY) else {
                continue;
            };
            if depth < MAX_DEPTH {
                self.subvolume(&parent, &opened, &last, &inner_path, depth + 1);
            }
        }
        // The kernel would unmount what is mounted in it.
        (self.go_on)() && is_free_of_mounts(path) && btrfs::delete_subvolume(at, name).is_ok()
    }

    /// Moves a folder that lies too deep up to the top, from where it is deleted later.
    fn move_up(&mut self, at: &OwnedFd, name: &CStr, path: &Path) {
        if !is_free_of_mounts(path) {
            return self.fail(mounted(path));
        }
        let Some(top) = self.top.as_mut() else { return };
        loop {
            let Ok(target) = CString::new(format!(".hearth-deep-{}", top.next)) else { return };
            top.next += 1;
            match rustix::fs::renameat_with(at, name, &top.fd, &*target, RenameFlags::NOREPLACE) {
                Ok(()) => return top.moved_up.push(target),
                Err(Errno::EXIST) => {}
                Err(errno) => {
                    let error = Error::call("move up", &top.path)(errno);
                    return self.fail(error);
                }
            }
        }
    }

    fn unlink(&mut self, at: &OwnedFd, name: &CStr, path: &Path, flags: AtFlags) {
        match rustix::fs::unlinkat(at, name, flags) {
            Ok(()) | Err(Errno::NOENT) => {}
            // A mount point cannot be deleted.
            Err(Errno::BUSY) => self.fail(mounted(path)),
            Err(errno) => self.fail(diagnose(at, name, path, errno)),
        }
    }
}

/// Says what is mounted at a path, as it is now.
fn mounted(path: &Path) -> Error {
    Error::Mounted { dir: path.to_owned(), mounts: mounts::below(path).unwrap_or_default() }
}

/// Tells whether nothing is mounted at a path or below it, for calls in which the kernel does not check by itself.
fn is_free_of_mounts(path: &Path) -> bool {
    mounts::below(path).is_ok_and(|mounts| mounts.is_empty())
}

/// Finds out whether it was a mark that keeps something from being changed.
fn diagnose(at: &OwnedFd, name: &CStr, path: &Path, errno: Errno) -> Error {
    if errno == Errno::PERM {
        let marked = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
        let is_marked = |name: &CStr, flags: AtFlags| {
            rustix::fs::statx(at, name, flags, StatxFlags::BASIC_STATS)
                .is_ok_and(|there| there.stx_attributes.intersects(marked))
        };
        if is_marked(name, AtFlags::SYMLINK_NOFOLLOW) {
            return Error::Protected { path: path.to_owned() };
        }
        if let Some(parent) = path.parent().filter(|_| is_marked(c"", AtFlags::EMPTY_PATH)) {
            return Error::Protected { path: parent.to_owned() };
        }
    }
    Error::call("delete", path)(errno)
}

/// Tells whether a path could be renamed or deleted at all; a mark that keeps it from being changed is found beforehand.
pub(super) fn check_unmarked(path: &Path) -> Result<(), Error> {
    let marked = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    let there = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS);
    if there.is_ok_and(|there| there.stx_attributes.intersects(marked)) {
        return Err(Error::Protected { path: path.to_owned() });
    }
    Ok(())
}
