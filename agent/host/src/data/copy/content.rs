use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::data::copy::Watch;
use crate::data::error::Error;

/// Bytes that are copied between two looks at whether to go on.
const CHUNK_BYTES: usize = 64 << 20;

/// How the bytes of files are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Method {
    /// The copy shares its blocks with the original until one of them is changed.
    Share,
    /// The copy has blocks of its own.
    Plain,
}

/// Finds out by trying whether files below a folder can share blocks.
pub(super) fn method(dir: &OwnedFd, path: &Path) -> Result<Method, Error> {
    const NAME: &str = ".hearth-probe-1";
    let tried = create(dir, NAME).map_err(Error::call("write to", path)).and_then(|probe| {
        rustix::io::write(&probe, &[1; 4096]).map_err(Error::call("write to", path))?;
        method_for(&probe.into(), dir, path)
    });
    remove(dir, NAME, path)?;
    tried
}

/// Finds out by trying whether a copy of a file, in a folder, can share its blocks.
pub(super) fn method_for(file: &File, dir: &OwnedFd, path: &Path) -> Result<Method, Error> {
    const NAME: &str = ".hearth-probe-2";
    let tried = create(dir, NAME).map(|probe| match rustix::fs::ioctl_ficlone(&probe, file) {
        Ok(()) => Method::Share,
        Err(_) => Method::Plain,
    });
    remove(dir, NAME, path)?;
    tried.map_err(Error::call("write to", path))
}

fn create(dir: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(0o600))
}

fn remove(dir: &OwnedFd, name: &str, path: &Path) -> Result<(), Error> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Error::call("write to", path)(errno)),
    }
}

/// Copies all bytes of a file into an empty one; `false` when it was given up.
pub(super) fn copy(
    from: &File,
    to: &File,
    size_bytes: u64,
    method: Method,
    watch: Watch<'_>,
) -> io::Result<bool> {
    if method == Method::Share && rustix::fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(watch(size_bytes));
    }
    // Some files cannot share although others do, such as those without checksums on btrfs.
    to.set_len(size_bytes)?;
    let mut at = 0;
    while let Some((start, end)) = next_data(from, at)? {
        if !copy_range(from, to, start, end, watch)? {
            return Ok(false);
        }
        at = end;
    }
    Ok(true)
}

/// Returns the next part of a file that is no hole, from `at` on.
fn next_data(file: &File, at: u64) -> io::Result<Option<(u64, u64)>> {
    let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    Ok(Some((start, rustix::fs::seek(file, SeekFrom::Hole(start))?)))
}

/// Copies a part of a file; `false` when it was given up.
fn copy_range(from: &File, to: &File, start: u64, end: u64, watch: Watch<'_>) -> io::Result<bool> {
    let (mut read_at, mut write_at) = (start, start);
    while read_at < end {
        let length = usize::try_from(end - read_at).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        match rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), length) {
            // The file got shorter.
            Ok(0) => return Ok(true),
            Ok(copied) => {
                if !watch(copied as u64) {
                    return Ok(false);
                }
            }
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                return copy_through_memory(from, to, read_at, end, watch);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(true)
}

fn copy_through_memory(from: &File, to: &File, start: u64, end: u64, watch: Watch<'_>) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let mut buffer = vec![0; 1 << 20];
    let mut at = start;
    while at < end {
        let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        match from.read_at(&mut buffer[..length], at) {
            Ok(0) => return Ok(true),
            Ok(read) => {
                to.write_all_at(&buffer[..read], at)?;
                at += read as u64;
                if !watch(read as u64) {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
