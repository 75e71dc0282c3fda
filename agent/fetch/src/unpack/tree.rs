use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use crate::{Error, Job, Phase, Result};

/// Deepest path that is taken, in parts.
const MAX_DEPTH: usize = 32;
/// Longest path that is taken, in bytes.
const MAX_PATH_BYTES: usize = 1024;
const BUFFER_BYTES: usize = 64 * 1024;
/// How often progress is told, in bytes.
const TELL_EVERY_BYTES: u64 = 4 * 1024 * 1024;

/// A folder that an archive is unpacked into.
///
/// It is empty at first and nothing but this value writes there, and this value makes no links: so a path without `..`
/// cannot lead out of it.
pub(crate) struct Tree<'a> {
    root: &'a Path,
    job: &'a Job<'a>,
    folders: BTreeSet<PathBuf>,
    entries: usize,
    bytes: u64,
    told: u64,
    left_out: usize,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(root: &'a Path, job: &'a Job<'a>) -> Self {
        Self { root, job, folders: BTreeSet::new(), entries: 0, bytes: 0, told: 0, left_out: 0 }
    }

    /// How many entries were neither a file nor a folder.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out
    }

    /// The most that may still be read of the archive's stream: its contents, and a header for each entry.
    pub(crate) fn stream_bytes(&self) -> u64 {
        self.job.limits.unpacked_bytes.saturating_add(self.job.limits.files as u64 * 4096)
    }

    pub(crate) fn files_limit(&self) -> usize {
        self.job.limits.files
    }

    /// Leaves an entry out. Its name must be harmless all the same.
    pub(crate) fn leave_out(&mut self, name: &[u8]) -> Result<()> {
        inside(name)?;
        self.count()?;
        self.left_out += 1;
        Ok(())
    }

    /// Makes a folder, and those above it.
    pub(crate) fn folder(&mut self, name: &[u8]) -> Result<()> {
        let path = inside(name)?;
        self.count()?;
        self.make_folders(&path)
    }

    /// Writes a file. A later one of the same name replaces an earlier one, as tar has it.
    pub(crate) fn file(&mut self, name: &[u8], executable: bool, content: &mut dyn Read) -> Result<()> {
        let relative = inside(name)?;
        self.count()?;
        if let Some(parent) = relative.parent() {
            self.make_folders(parent)?;
        }
        let path = self.root.join(relative);
        let failed = |source| Error::Write { path: path.clone(), source };
        let mode = if executable { 0o755 } else { 0o644 };
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&path);
        let mut file = file.map_err(failed)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            self.job.check()?;
            let count = match content.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.unreadable(&error)),
            };
            self.bytes += count as u64;
            if self.bytes > self.job.limits.unpacked_bytes {
                return Err(self.too_large());
            }
            file.write_all(&buffer[..count]).map_err(failed)?;
            if self.bytes >= self.told + TELL_EVERY_BYTES {
                self.told = self.bytes;
                self.job.tell(Phase::Unpacking, self.bytes, None);
            }
        }
    }

    /// Explains an error of the archive's stream.
    pub(crate) fn unreadable(&self, error: &io::Error) -> Error {
        match self.job.check() {
            Ok(()) => Error::Damaged(error.to_string()),
            Err(ended) => ended,
        }
    }

    pub(crate) fn too_large(&self) -> Error {
        let limit_bytes = self.job.limits.unpacked_bytes;
        Error::TooLarge { what: "what the archive holds", limit_bytes }
    }

    /// Counts every entry, and every folder that is made for one: each costs the disk something.
    fn count(&mut self) -> Result<()> {
        self.job.check()?;
        self.entries += 1;
        let limit = self.job.limits.files;
        if self.entries > limit { Err(Error::TooManyFiles { limit }) } else { Ok(()) }
    }

    fn make_folders(&mut self, path: &Path) -> Result<()> {
        let mut folder = PathBuf::new();
        for part in path.components() {
            folder.push(part);
            if self.folders.contains(&folder) {
                continue;
            }
            self.count()?;
            let full = self.root.join(&folder);
            fs::DirBuilder::new()
                .mode(0o755)
                .create(&full)
                .map_err(|source| Error::Write { path: full, source })?;
            self.folders.insert(folder.clone());
        }
        Ok(())
    }
}

/// Returns the path of an entry below the folder that it is unpacked into.
fn inside(name: &[u8]) -> Result<PathBuf> {
    let outside = |why| {
        let name = String::from_utf8_lossy(name).chars().take(200).collect();
        Error::Outside { name, why }
    };
    let text = std::str::from_utf8(name).map_err(|_| outside("is no UTF-8 name"))?;
    if text.len() > MAX_PATH_BYTES || text.contains('\0') {
        return Err(outside("cannot be a file's name"));
    }
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err(outside("leads out of its folder")),
            Component::RootDir | Component::Prefix(_) => return Err(outside("is an absolute path")),
        }
    }
    if path.components().count() > MAX_DEPTH {
        return Err(outside("lies too deep"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cancel, Limits};

    #[test]
    fn names_that_lead_out_are_refused() {
        for bad in ["../x", "a/../../x", "/etc/passwd", "a/..", "a\0b", &"a/".repeat(33), &"a".repeat(1025)] {
            assert!(matches!(inside(bad.as_bytes()), Err(Error::Outside { .. })), "{bad:?}");
        }
        assert!(inside(&[b'a', 0xff]).is_err());
        for (name, path) in [("./a//b/", "a/b"), ("a/./b", "a/b"), (".", ""), ("a b/ü", "a b/ü")] {
            assert_eq!(inside(name.as_bytes()).expect(name), Path::new(path));
        }
    }

    #[test]
    fn bytes_files_and_folders_are_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { unpacked_bytes: 10, files: 4, ..Limits::default() };
        let job = Job::new(limits, Cancel::default(), &|_| {});
        let mut tree = Tree::new(folder.path(), &job);
        tree.file(b"a/b", true, &mut b"12345678".as_slice()).expect("it fits");
        let error = tree.file(b"a/c", false, &mut b"123".as_slice()).expect_err("too large");
        assert!(matches!(error, Error::TooLarge { limit_bytes: 10, .. }), "{error}");
        tree.leave_out(b"link").expect("one is left");
        assert!(matches!(tree.folder(b"d"), Err(Error::TooManyFiles { limit: 4 })));
        assert_eq!(tree.left_out(), 1);
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(folder.path().join("a/b")).expect("it is there").permissions(),
        );
        assert_eq!(mode & 0o100, 0o100);
    }
}
